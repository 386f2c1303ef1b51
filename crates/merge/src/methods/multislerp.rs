//! The weighted mean direction of any number of models, at their weighted mean norm (mergekit's multi-SLERP), the same in every
//! dialect; with a base, of what each learned since it.
//!
//! mergekit maps the models to the tangent space at their mean direction m, T = Σ wᵢ(uᵢ − ⟨uᵢ, m⟩m), and T back to the sphere. As
//! m has the direction of Σ wᵢuᵢ, T is nothing but rounding, and is left out here; what stays of its step is cos ε. Where the
//! directions cancel, to what f64 can tell, the plain weighted sum is taken: so does mergekit for two models, and stops at more. One model alone is
//! itself, whatever its weight. Tensors of zeros stay zeros.

use super::gram::SHORTEST;
use super::parameters::WEIGHT;
use super::span::{Along, Inputs, Span};
use super::{ANY, About, Base, Kernel, Kind, Method, Parameter, Settings, Unfit};

/// `multislerp`.
pub struct Multislerp;

static ABOUT: About = About {
    name: "multislerp",
    summary: "The models' mean direction at their mean length; with a base, that of their differences from it.",
    formula: "m·Σ wᵢ‖xᵢ‖·cos ε, m = Σ wᵢuᵢ / ‖Σ wᵢuᵢ‖, uᵢ = xᵢ/(‖xᵢ‖ + ε), w divided by their sum with normalize_weights; \
              Σ wᵢxᵢ where ‖Σ wᵢuᵢ‖ < ε or 1e-7·Σ |wᵢ|. With a base: base + the same of δᵢ",
    parameters: &[
        WEIGHT,
        Parameter {
            name: "normalize_weights",
            meaning: "divide the weights by their sum",
            default: Some(1.0),
            per_model: false,
            kind: Kind::Flag,
        },
        Parameter {
            name: "eps",
            meaning: "ε, what is added to norms, and below which a mean direction is none",
            default: Some(1e-8),
            per_model: false,
            kind: Kind::Number(0.0, 0.1),
        },
    ],
    base: Base::Optional,
    models: (1, ANY),
};

impl Method for Multislerp {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn kernel(&self, settings: &Settings<'_>) -> Result<Box<dyn Kernel>, Unfit> {
        let mut weights = settings.each("weight");
        let eps = settings.number("eps");
        if settings.flag("normalize_weights") {
            let sum: f64 = weights.iter().sum();
            if sum == 0.0 && weights.len() > 1 {
                let reason =
                    "the weights add up to zero; change one, or set normalize_weights to false".into();
                return Err(Unfit { parameter: "weight", reason });
            }
            weights.iter_mut().for_each(|weight| *weight /= sum);
        }
        let shortest = eps.max(SHORTEST * weights.iter().map(|weight| weight.abs()).sum::<f64>());
        let inputs = if settings.has_base { Inputs::Deltas } else { Inputs::Models };
        Ok(Span::kernel(settings, inputs, Along::Whole, move |gram, found| {
            if let [one] = found {
                *one = 1.0;
                return;
            }
            for (i, (found, weight)) in found.iter_mut().zip(&weights).enumerate() {
                let norm = gram.norm(i) + eps;
                *found = if norm == 0.0 { 0.0 } else { weight / norm };
            }
            let length = gram.norm_of(found);
            if length <= shortest {
                return found.copy_from_slice(&weights);
            }
            let target: f64 = weights.iter().enumerate().map(|(i, weight)| weight * gram.norm(i)).sum();
            let stretch = target * libm::cos(eps) / length;
            found.iter_mut().for_each(|found| *found *= stretch);
        }))
    }
}
