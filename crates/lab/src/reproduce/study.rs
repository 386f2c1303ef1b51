//! The empirical study (Fig. 5).

use maec_checkpoint::Weights;
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
