//! One model's tensors as they are, or scaled: with slices, models of layers taken from several (the "frankenmerges" of mergekit,
//! and depth up-scaling, Kim et al. 2023, arXiv:2312.15166). The same in every dialect.

use super::{About, Base, Kernel, Kind, Method, Parameter, Settings, Survey, Tile, Unfit};

/// `passthrough`.
pub struct Passthrough;

static ABOUT: About = About {
    name: "passthrough",
    summary: "Passes one model's tensors on, for stacking layers of several models in slices.",
    formula: "s·x",
    parameters: &[Parameter {
        name: "scale",
        meaning: "s, what the tensor is multiplied by",
        default: Some(1.0),
        per_model: true,
        kind: Kind::Number(-1e3, 1e3),
    }],
    base: Base::Unused,
    models: (1, 1),
};

impl Method for Passthrough {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn kernel(&self, settings: &Settings<'_>) -> Result<Box<dyn Kernel>, Unfit> {
        Ok(Box::new(Scaled { scale: settings.number("scale") as f32 }))
    }
}

struct Scaled {
    scale: f32,
}

impl Survey for Scaled {}

impl Kernel for Scaled {
    fn merge(&self, tile: &Tile<'_>, out: &mut [f32]) {
        let [model] = tile.models else { return };
        for (out, x) in out.iter_mut().zip(*model) {
            *out = self.scale * x;
        }
    }
}
