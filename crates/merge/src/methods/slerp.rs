//! Spherical interpolation: along the great arc between two models instead of its chord (Shoemake 1985, SIGGRAPH,
//! doi:10.1145/325165.325242), on whole tensors, the same in every dialect.
//!
//! The angle is that of the unit vectors, the arc that of the vectors as they are, so that t = 0 is the base and t = 1 the model
//! whatever their norms. Where they are nearly parallel, or opposite, the chord is taken. A tensor of zeros stands at a right
//! angle to every other.

use super::gram::Gram;
use super::span::{Along, Inputs, Span};
use super::{About, Base, Kernel, Kind, Method, Parameter, Settings, Unfit};

/// `slerp`.
pub struct Slerp;

static ABOUT: About = About {
    name: "slerp",
    summary: "Goes from the base to the model along an arc (Shoemake 1985).",
    formula: "(sin((1 − t)θ)·base + sin(tθ)·x) / sin θ, θ the angle between base and x; (1 − t)·base + t·x where |cos θ| > 0.9995",
    parameters: &[Parameter {
        name: "t",
        meaning: "where on the arc: 0 is the base, 1 the model; beyond them the arc goes on",
        default: None,
        per_model: false,
        kind: Kind::Number(-10.0, 10.0),
    }],
    base: Base::Required,
    models: (1, 1),
};

/// Norms up to this count as 1.
const NO_NORM: f64 = 1e-8;

/// Above this |cos θ| the chord is taken.
const PARALLEL: f64 = 0.9995;

impl Method for Slerp {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn kernel(&self, settings: &Settings<'_>) -> Result<Box<dyn Kernel>, Unfit> {
        let t = settings.number("t");
        Ok(Span::kernel(settings, Inputs::BaseAndModels, Along::Whole, move |gram, found| {
            let cosine = cosine(gram);
            let pair = if cosine.abs() > PARALLEL { [1.0 - t, t] } else { arc(cosine, t) };
            found.copy_from_slice(&pair);
        }))
    }
}

fn cosine(gram: &Gram) -> f64 {
    let norm = |i| Some(gram.norm(i)).filter(|norm| *norm > NO_NORM);
    match (norm(0), norm(1)) {
        (Some(_), Some(_)) => gram.cosine(0, 1, 0.0),
        (a, b) => (gram.dot(0, 1) / (a.unwrap_or(1.0) * b.unwrap_or(1.0))).clamp(-1.0, 1.0),
    }
}

/// The shares of two vectors at t of their arc, from the cosine of their angle: sin((1 − t)θ) / sin θ and sin(tθ) / sin θ.
pub(super) fn arc(cosine: f64, t: f64) -> [f64; 2] {
    let angle = libm::acos(cosine);
    [1.0 - t, t].map(|t| libm::sin(t * angle) / libm::sin(angle))
}
