//! What was found inside models, as it is written in JSON.

use std::collections::BTreeMap;

use maec_checkpoint::{Dtype, TensorInfo};
use serde::{Deserialize, Serialize};

use super::grid::Kind;
use super::sums::Sums;

/// Statistics of models: of everything, of each layer and of each tensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inspection {
    /// The models' names; every `models` and `deltas` below is in their order.
    pub models: Vec<String>,
    /// The base's name, where differences were taken.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub base: Option<String>,
    /// All tensors together.
    pub whole: Stats,
    /// Each layer's tensors together, by number.
    pub layers: Vec<LayerReport>,
    /// Each tensor, sorted by name.
    pub tensors: Vec<TensorReport>,
}

/// One layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerReport {
    /// Its number, counted from 0.
    pub layer: usize,
    /// Of all its tensors together.
    #[serde(flatten)]
    pub stats: Stats,
}

/// One tensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TensorReport {
    /// Hugging Face name.
    pub name: String,
    /// The layer it is in, if any, counted from 0.
    pub layer: Option<usize>,
    /// Its name with `*` for the layer's number.
    pub kind: String,
    /// Dimensions in the first model that has it (or the base, where none has), outermost first.
    pub shape: Vec<usize>,
    /// The dtype it is stored in there.
    pub dtype: Dtype,
    /// Its values.
    #[serde(flatten)]
    pub stats: Stats,
}

/// Statistics of a tensor, or of several together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// The base's values, where there is a base that has it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub base: Option<Values>,
    /// Each model's values; `null` where a model has no such tensor.
    pub models: Vec<Option<Values>>,
    /// How the models differ; absent where one has no such tensor, or of another shape.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub comparison: Option<Comparison>,
}

/// How models differ over elements that all have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// δ = x − base of each model, computed in f64; `sparsity` is the share that did not change. Empty without a base.
    pub deltas: Vec<Values>,
    /// Elements that at least two models changed; absent without a base or a second model.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub contested: Option<u64>,
    /// The share of contested elements that some model made larger and another smaller; 0 where none is contested.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sign_conflict: Option<f64>,
    /// `[models, models]`: cos(δᵢ, δⱼ), without a base cos(xᵢ, xⱼ); 0 where one is zero. Empty for one model.
    pub cosine: Vec<Vec<f64>>,
}

/// A series of values. What is NaN or infinite is counted and has no part in anything else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Values {
    /// How many there are.
    pub elements: u64,
    /// Those that are exactly 0.
    pub zeros: u64,
    /// zeros / elements.
    pub sparsity: f64,
    /// Those that are NaN.
    pub nan: u64,
    /// Those that are infinite.
    pub infinite: u64,
    /// Σ |x|.
    pub l1: f64,
    /// √Σ x².
    pub l2: f64,
    /// The largest |x|.
    pub max: f64,
    /// Σ x / n.
    pub mean: f64,
    /// √(Σ (x − mean)² / n).
    pub std: f64,
    /// How large they are.
    pub histogram: Histogram,
}

impl Values {
    /// The share that is not 0; of a δ, the share that changed.
    pub fn changed(&self) -> f64 {
        if self.elements == 0 { 0.0 } else { 1.0 - self.sparsity }
    }
}

/// Counts by magnitude: bucket i holds 2^(first + i) ≤ |x| < 2^(first + i + 1). Zeros are in none. What is below 2⁻⁴⁸ or
/// from 2¹⁶ on counts with its neighbour; empty buckets at both ends are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histogram {
    /// The exponent of the first bucket.
    pub first: i32,
    /// Negative values' counts.
    pub negative: Vec<u64>,
    /// Positive values' counts, as many as of negative ones.
    pub positive: Vec<u64>,
}

impl Histogram {
    pub(super) fn new(first: i32, negative: &[u64], positive: &[u64]) -> Self {
        let used = |place: &usize| negative[*place] + positive[*place] > 0;
        let mut places = (0..negative.len()).filter(used);
        let Some(begin) = places.next() else { return Self::default() };
        let end = places.next_back().unwrap_or(begin) + 1;
        Self {
            first: first + begin as i32,
            negative: negative[begin..end].to_vec(),
            positive: positive[begin..end].to_vec(),
        }
    }
}

/// A report while tiles come in.
pub(super) struct Building {
    whole: Sums,
    layers: BTreeMap<usize, Sums>,
    tensors: BTreeMap<String, (TensorInfo, Sums)>,
    models: usize,
}

impl Building {
    pub fn new(models: usize) -> Self {
        Self { whole: Sums::empty(models), layers: BTreeMap::new(), tensors: BTreeMap::new(), models }
    }

    /// Adds a unit's next tile.
    pub fn add(&mut self, info: &TensorInfo, sums: &Sums) {
        self.whole.add(sums);
        if let Some(layer) = Kind::of(&info.name).layer {
            self.layers.entry(layer).or_insert_with(|| Sums::empty(self.models)).add(sums);
        }
        let tensor = self.tensors.get_mut(&info.name);
        match tensor {
            Some((_, so_far)) => so_far.add(sums),
            None => drop(self.tensors.insert(info.name.clone(), (info.clone(), sums.clone()))),
        }
    }

    pub fn finish(self, models: Vec<String>, base: Option<String>) -> Inspection {
        let layers =
            self.layers.iter().map(|(layer, sums)| LayerReport { layer: *layer, stats: sums.finish() });
        let tensor = |(name, (info, sums)): (String, (TensorInfo, Sums))| {
            let Kind { layer, kind } = Kind::of(&name);
            TensorReport { name, layer, kind, shape: info.shape, dtype: info.dtype, stats: sums.finish() }
        };
        Inspection {
            models,
            base,
            whole: self.whole.finish(),
            layers: layers.collect(),
            tensors: self.tensors.into_iter().map(tensor).collect(),
        }
    }
}
