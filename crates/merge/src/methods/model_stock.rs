//! Model Stock: the models' average, drawn towards the base the more, the less the models agree (Jang, Yun and Han 2024,
//! arXiv:2403.19522), the same in every dialect.
//!
//! t is 1 for models that learned the same, and 0 for ones at right angles. It is not clamped: models that contradict each other
//! have a t below 0, or above 1 past −1/(N − 1). The product of two norms counts as at least 1e-6, so differences that are almost
//! nothing stand at right angles.

use super::gram::Gram;
use super::span::{Along, Inputs, Span};
use super::{ANY, About, Base, Kernel, Kind, Method, Parameter, Settings, Unfit};

/// `model_stock`.
pub struct ModelStock;

static ABOUT: About = About {
    name: "model_stock",
    summary: "Averages the models as far as they agree, and stays with the base for the rest (Jang et al. 2024).",
    formula: "t·Σ xᵢ/N + (1 − t)·base, t = N·c/(1 + (N − 1)·c) (0 where the divisor's |…| < 1e-6), c the mean of cos ∠(δᵢ, δⱼ) over i < j",
    parameters: &[Parameter {
        name: "filter_wise",
        meaning: "one t for each vector along the last dimension instead of one for the tensor",
        default: Some(0.0),
        per_model: false,
        kind: Kind::Flag,
    }],
    base: Base::Required,
    models: (2, ANY),
};

/// The least product of two norms.
const LEAST_NORMS: f64 = 1e-6;

/// A divisor that is nothing.
const NO_DIVISOR: f64 = 1e-6;

impl Method for ModelStock {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn kernel(&self, settings: &Settings<'_>) -> Result<Box<dyn Kernel>, Unfit> {
        let by_filter = settings.flag("filter_wise");
        let along = if by_filter { Along::dimension(settings.shape, false) } else { Along::Whole };
        Ok(Span::kernel(settings, Inputs::Deltas, along, |gram, found| {
            let n = found.len();
            found.fill(ratio(gram, n) / n as f64);
        }))
    }
}

/// t of so many differences.
fn ratio(gram: &Gram, n: usize) -> f64 {
    let pairs = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j)));
    let cosine = |(i, j)| {
        let norms = (gram.dot(i, i) * gram.dot(j, j)).sqrt();
        (gram.dot(i, j) / norms.max(LEAST_NORMS)).clamp(-1.0, 1.0)
    };
    let n = n as f64;
    let mean = pairs.map(cosine).sum::<f64>() / (n * (n - 1.0) / 2.0);
    let divisor = 1.0 + (n - 1.0) * mean;
    if divisor.abs() < NO_DIVISOR { 0.0 } else { n * mean / divisor }
}
