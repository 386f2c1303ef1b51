//! The empirical study (Fig. 5) and Eq. 1's sets.

use maec_checkpoint::Weights;
use maec_train::KeyNeurons;
use serde::{Deserialize, Serialize};

use crate::error::LabError;

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

/// Compares what two trainings changed, layer by layer, in f64.
pub(super) fn compare(
    name: &str,
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
    Ok(LayerPair { name: name.to_owned(), layers: found })
}

/// Two sets of neurons beside each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Overlap {
    /// What the sets are.
    pub name: String,
    /// Neurons of the first.
    pub first: usize,
    /// Neurons of the second.
    pub second: usize,
    /// Neurons of both.
    pub both: usize,
    /// How many two random sets of these sizes would share on average.
    pub by_chance: f64,
}

impl Overlap {
    /// Of two sets among `parameters`.
    pub fn of(name: impl Into<String>, a: &KeyNeurons, b: &KeyNeurons, parameters: usize) -> Self {
        let both = a.len() + b.len() - a.union(b).len();
        let by_chance = a.len() as f64 * b.len() as f64 / parameters.max(1) as f64;
        Self { name: name.into(), first: a.len(), second: b.len(), both, by_chance }
    }

    /// |A ∩ B| / |A ∪ B|.
    pub fn jaccard(&self) -> f64 {
        self.both as f64 / (self.first + self.second - self.both).max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlaps_are_counted() {
        let set = |positions: &[u32]| KeyNeurons::from_positions([("w".to_owned(), positions.to_vec())]);
        let overlap = Overlap::of("x", &set(&[1, 2, 3, 4]), &set(&[3, 4, 5]), 12);
        assert_eq!((overlap.first, overlap.second, overlap.both), (4, 3, 2));
        assert!((overlap.by_chance - 1.0).abs() < 1e-12 && (overlap.jaccard() - 0.4).abs() < 1e-12);
    }
}
