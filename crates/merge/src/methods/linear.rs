//! The weighted average: Σ wᵢxᵢ / Σ wᵢ, or the sum alone.

use super::consensus::{add_scaled, divide};
use super::{ANY, About, Base, Kernel, Kind, Method, Parameter, Settings, Survey, Tile, Unfit};

/// `linear`.
pub struct Linear;

static ABOUT: About = About {
    name: "linear",
    summary: "The models' weighted average (Wortsman et al. 2022, model soups).",
    formula: "Σ wᵢ·xᵢ / D with D = Σ wᵢ, or 1 without normalize",
    parameters: &[
        Parameter {
            name: "weight",
            meaning: "w, each model's share",
            default: None,
            per_model: true,
            kind: Kind::Number(-1e3, 1e3),
        },
        Parameter {
            name: "normalize",
            meaning: "divide by the weights' sum",
            default: Some(1.0),
            per_model: false,
            kind: Kind::Flag,
        },
    ],
    base: Base::Unused,
    models: (1, ANY),
};

impl Method for Linear {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn kernel(&self, settings: &Settings<'_>) -> Result<Box<dyn Kernel>, Unfit> {
        let weights: Vec<f32> = settings.each("weight").into_iter().map(|w| w as f32).collect();
        let sum: f32 = weights.iter().sum();
        let divisor = if settings.flag("normalize") { sum } else { 1.0 };
        if divisor == 0.0 {
            let reason = "the weights add up to zero; change one, or set normalize to false".into();
            return Err(Unfit { parameter: "weight", reason });
        }
        Ok(Box::new(Average { weights, divisor }))
    }
}

struct Average {
    weights: Vec<f32>,
    divisor: f32,
}

impl Survey for Average {}

impl Kernel for Average {
    fn merge(&self, tile: &Tile<'_>, out: &mut [f32]) {
        out.fill(0.0);
        for (&w, x) in self.weights.iter().zip(tile.models) {
            add_scaled(w, x, out);
        }
        divide(out, self.divisor);
    }
}
