//! Layers × kinds: a tensor's place in a heat map.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Inspection, Metric};
use crate::config::layers;

/// What a tensor is, apart from the layer it is in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    /// The number of its layer, if it is in one.
    pub layer: Option<usize>,
    /// Its name with `*` for that number: `model.layers.*.mlp.up_proj.weight`.
    pub kind: String,
}

impl Kind {
    /// Of a tensor's name.
    pub fn of(name: &str) -> Self {
        match layers::number(name) {
            Some((at, layer)) => {
                Self { layer: Some(layer), kind: format!("{}*{}", &name[..at.start], &name[at.end..]) }
            }
            None => Self { layer: None, kind: name.to_owned() },
        }
    }
}

/// A metric of every tensor by layer and kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Grid {
    /// The rows: layers' numbers, ascending.
    pub layers: Vec<usize>,
    /// The columns: kinds, sorted.
    pub kinds: Vec<String>,
    /// `[layers, kinds]`; `null` where there is no such tensor or the metric has no value.
    pub cells: Vec<Vec<Option<f64>>>,
    /// Tensors outside all layers, sorted by name, with their values.
    pub outside: Vec<(String, f64)>,
}

impl Grid {
    /// The metric of the model of a place.
    pub fn new(inspection: &Inspection, metric: Metric, model: usize) -> Self {
        let tensors = || inspection.tensors.iter().filter_map(|it| Some((it.layer?, it)));
        let layers: Vec<usize> =
            tensors().map(|(layer, _)| layer).collect::<BTreeSet<_>>().into_iter().collect();
        let kinds: BTreeSet<&str> = tensors().map(|(_, it)| it.kind.as_str()).collect();
        let kinds: Vec<String> = kinds.into_iter().map(str::to_owned).collect();
        let mut cells = vec![vec![None; kinds.len()]; layers.len()];
        for (layer, tensor) in tensors() {
            if let (Ok(row), Ok(column)) = (layers.binary_search(&layer), kinds.binary_search(&tensor.kind)) {
                cells[row][column] = metric.of(&tensor.stats, model);
            }
        }
        let outside = inspection.tensors.iter().filter(|it| it.layer.is_none());
        let outside =
            outside.filter_map(|it| Some((it.name.clone(), metric.of(&it.stats, model)?))).collect();
        Self { layers, kinds, cells, outside }
    }

    /// The smallest and the largest value in a cell; `None` where no cell has one.
    pub fn range(&self) -> Option<(f64, f64)> {
        let values = self.cells.iter().flatten().flatten();
        values.fold(None, |range, &x| {
            let (least, most) = range.unwrap_or((x, x));
            Some((x.min(least), x.max(most)))
        })
    }
}
