//! The empirical study (Fig. 5).

use maec_checkpoint::Weights;
use serde::{Deserialize, Serialize};

use super::bench::Bench;
use crate::catalog::Way;
use crate::error::LabError;
use crate::extract::{Counts, Overlap};

/// How alike two trained models' changes are in one layer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// Cosine of the two changes, all of the layer's tensors as one vector.
    pub cosine: f64,
    /// Mean |difference| of the two models' values.
    pub l1: f64,
}

impl Agreement {
    /// For figures.
    pub fn cosine(&self) -> f64 {
        self.cosine
    }

    /// For figures, × 1000.
    pub fn l1(&self) -> f64 {
        self.l1 * 1e3
    }
}

/// Two pairs of models, layer by layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerPair {
    /// What the pair shares, such as "one ability, two languages".
    pub name: String,
    /// One for each decoder layer.
    pub layers: Vec<Agreement>,
}

impl Bench<'_> {
    /// The loss of every step by what is trained.
    pub(super) fn losses(&self) -> Result<Vec<(String, Vec<f32>)>, LabError> {
        let curves = self.catalog.curves(self.tables.seed).into_iter();
        curves.map(|(name, run)| Ok((name, self.lab.train(&run)?.provenance.losses.clone()))).collect()
    }

    /// One ability in two languages, and two abilities in one language.
    pub(super) fn layers(&self) -> Result<Vec<LayerPair>, LabError> {
        let base = self.lab.base()?;
        let here = self.weights(&self.catalog.ability_alone(Way::Full))?;
        let layers = self.lab.ground.model().num_hidden_layers;
        let pair =
            |(name, run)| compare(name, base.as_ref(), here.as_ref(), self.weights(&run)?.as_ref(), layers);
        self.catalog.compared(&self.others).into_iter().map(pair).collect()
    }

    /// How far 𝒩_A and other sets are the same.
    pub(super) fn overlaps(&self) -> Result<Vec<(String, Counts)>, LabError> {
        let base = self.lab.base()?;
        let of_ability = self.lab.rank(&self.catalog.ability_neurons())?.0;
        let overlap = |(name, ranking)| {
            let other = self.lab.rank(&ranking)?.0;
            let overlap = Overlap::of(base.tensors(), ("first", &of_ability), ("second", &other));
            Ok((name, overlap.all))
        };
        self.catalog.neighbours(&self.others).into_iter().map(overlap).collect()
    }

    /// Optimizer state over full Adam's, by run.
    pub(super) fn state(&self) -> Result<Vec<(String, f64)>, LabError> {
        let c = self.catalog;
        let mut state = Vec::new();
        for run in [c.ability_and_reference(), c.reference(), c.ability_alone(Way::Full)] {
            let provenance = self.lab.train(&run)?.provenance;
            state.extend(provenance.memory.map(|memory| (run.name.clone(), memory.ratio())));
        }
        Ok(state)
    }
}

/// Compares what two trainings changed, layer by layer, in f64.
fn compare(
    name: String,
    base: &dyn Weights,
    a: &dyn Weights,
    b: &dyn Weights,
    layers: usize,
) -> Result<LayerPair, LabError> {
    let mut found = Vec::new();
    for layer in 0..layers {
        let prefix = format!("model.layers.{layer}.");
        let [mut dot, mut aa, mut bb, mut distance] = [0.0_f64; 4];
        let mut count = 0_usize;
        for info in base.tensors().iter().filter(|info| info.name.starts_with(&prefix)) {
            let [base, a, b] = [base, a, b].map(|weights| weights.read_f32(&info.name));
            for ((base, a), b) in base?.into_iter().zip(a?).zip(b?) {
                let (base, a, b) = (f64::from(base), f64::from(a), f64::from(b));
                let (da, db) = (a - base, b - base);
                dot += da * db;
                aa += da * da;
                bb += db * db;
                distance += (a - b).abs();
                count += 1;
            }
        }
        let norms = (aa * bb).sqrt();
        let cosine = if norms > 0.0 { dot / norms } else { 0.0 };
        found.push(Agreement { cosine, l1: distance / count.max(1) as f64 });
    }
    Ok(LayerPair { name, layers: found })
}
