//! Spherical interpolation of two models by their weights, or of what each learned since a base (mergekit's NuSLERP), the same in
//! every dialect. Of whole tensors, of rows, or of columns.
//!
//! As in [`slerp`](super::slerp) the angle is that of the unit vectors and the arc that of the vectors as they are. Parallel and
//! opposite vectors are interpolated on the chord. A vector of zeros stands at a right angle to every other.

use super::parameters::WEIGHT;
use super::slerp::arc;
use super::span::{Along, Inputs, Span};
use super::{About, Base, Kernel, Kind, Method, Parameter, Settings, Unfit};

/// `nuslerp`.
pub struct Nuslerp;

static ABOUT: About = About {
    name: "nuslerp",
    summary: "Goes from one model to another along an arc, as far as their weights say; with a base, between their differences from it.",
    formula: "(sin((1 − t)θ)·x₁ + sin(tθ)·x₂) / sin θ, t = w₂/(w₁ + w₂) (½ if |w₁ + w₂| < 1e-6), θ the angle between x₁ and x₂; \
              (1 − t)·x₁ + t·x₂ where sin²θ ≤ 1e-12. With a base: base + the same of δ₁ and δ₂",
    parameters: &[
        WEIGHT,
        Parameter {
            name: "nuslerp_flatten",
            meaning: "take a tensor as one vector",
            default: Some(1.0),
            per_model: false,
            kind: Kind::Flag,
        },
        Parameter {
            name: "nuslerp_row_wise",
            meaning: "without nuslerp_flatten: vectors run along the first dimension instead of the last, as in mergekit",
            default: Some(0.0),
            per_model: false,
            kind: Kind::Flag,
        },
    ],
    base: Base::Optional,
    models: (2, 2),
};

/// Norms count as at least this.
const LEAST_NORM: f64 = 1e-7;

/// Weights whose sum is less say nothing.
const NO_SUM: f64 = 1e-6;

/// Up to this sin²θ the chord is taken: what dot products of many elements can't tell from 0. Parallel vectors have the same result
/// either way; mergekit draws the line, for opposite ones, at what its own dtype can't tell.
const PARALLEL: f64 = 1e-12;

impl Method for Nuslerp {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn kernel(&self, settings: &Settings<'_>) -> Result<Box<dyn Kernel>, Unfit> {
        let weight = |model| (settings.lookup)("weight", model);
        let (first, second) = (weight(0), weight(1));
        let sum = first + second;
        let t = if sum.abs() < NO_SUM { 0.5 } else { second / sum };
        let along = match settings.flag("nuslerp_flatten") {
            true => Along::Whole,
            false => Along::dimension(settings.shape, settings.flag("nuslerp_row_wise")),
        };
        let inputs = if settings.has_base { Inputs::Deltas } else { Inputs::Models };
        Ok(Span::kernel(settings, inputs, along, move |gram, found| {
            let cosine = gram.cosine(0, 1, LEAST_NORM);
            let pair = if 1.0 - cosine * cosine <= PARALLEL { [1.0 - t, t] } else { arc(cosine, t) };
            found.copy_from_slice(&pair);
        }))
    }
}
