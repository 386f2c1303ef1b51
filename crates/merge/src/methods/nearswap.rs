//! The model where it is near the base, and the base with ever less of the model where it is far: each element moves by t at most
//! (Alchemonaut's NearSwap), the same in every dialect. t ≤ 0 leaves the base.

use super::{About, Base, Kernel, Kind, Method, Parameter, Settings, Survey, Tile, Unfit};

/// `nearswap`.
pub struct Nearswap;

static ABOUT: About = About {
    name: "nearswap",
    summary: "Takes the model's elements where they are near the base's, and moves the others a little.",
    formula: "w·x + (1 − w)·base, w = t/max(|x − base|, 1e-6), at least 0 and at most 1",
    parameters: &[Parameter {
        name: "t",
        meaning: "how far an element may move",
        default: None,
        per_model: false,
        kind: Kind::Number(-1e3, 1e3),
    }],
    base: Base::Required,
    models: (1, 1),
};

/// The least distance.
const LEAST: f32 = 1e-6;

impl Method for Nearswap {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn kernel(&self, settings: &Settings<'_>) -> Result<Box<dyn Kernel>, Unfit> {
        Ok(Box::new(Near { t: settings.number("t") as f32 }))
    }
}

struct Near {
    t: f32,
}

impl Survey for Near {}

impl Kernel for Near {
    fn merge(&self, tile: &Tile<'_>, out: &mut [f32]) {
        let (Some(base), [model]) = (tile.base, tile.models) else { return };
        for ((out, base), x) in out.iter_mut().zip(base).zip(*model) {
            let w = (self.t / (x - base).abs().max(LEAST)).clamp(0.0, 1.0);
            *out = x * w + base * (1.0 - w);
        }
    }
}
