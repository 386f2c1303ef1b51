//! Task arithmetic: base + λ·Σ wᵢδᵢ (Ilharco et al. 2023).

use super::{ANY, About, Base, Kernel, Kind, Method, Parameter, Settings, Survey, Tile, Unfit};

/// `task_arithmetic`.
pub struct TaskArithmetic;

static ABOUT: About = About {
    name: "task_arithmetic",
    summary: "Adds what each model learned since the base (Ilharco et al. 2023).",
    formula: "base + λ·Σ wᵢ·δᵢ / D with D = 1, or Σ wᵢ with normalize",
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
            default: Some(0.0),
            per_model: false,
            kind: Kind::Flag,
        },
        Parameter {
            name: "lambda",
            meaning: "λ, the sum's share",
            default: Some(1.0),
            per_model: false,
            kind: Kind::Number(-1e3, 1e3),
        },
    ],
    base: Base::Required,
    models: (1, ANY),
};

impl Method for TaskArithmetic {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn kernel(&self, settings: &Settings<'_>) -> Result<Box<dyn Kernel>, Unfit> {
        let weights: Vec<f32> = settings.each("weight").into_iter().map(|w| w as f32).collect();
        let sum: f32 = weights.iter().sum();
        let normalize = settings.flag("normalize") && sum.abs() >= 1e-8;
        let divisor = if normalize { sum } else { 1.0 };
        Ok(Box::new(Sum { weights, divisor, lambda: settings.number("lambda") as f32 }))
    }
}

struct Sum {
    weights: Vec<f32>,
    divisor: f32,
    lambda: f32,
}

impl Survey for Sum {}

impl Kernel for Sum {
    fn merge(&self, tile: &Tile<'_>, out: &mut [f32]) {
        let Some(base) = tile.base else { return };
        out.fill(0.0);
        for (&w, x) in self.weights.iter().zip(tile.models) {
            for ((out, x), base) in out.iter_mut().zip(*x).zip(base) {
                *out += w * (x - base);
            }
        }
        for (out, base) in out.iter_mut().zip(base) {
            *out = base + self.lambda * (*out / self.divisor);
        }
    }
}
