//! DARE: elements of the differences dropped at random, the rest rescaled (Yu et al. 2024, arXiv:2311.03099).
//!
//! mergekit rescales by the ratio of norms that came out, ‖δ‖₁/‖δ̃‖₁; the paper and PEFT divide by the density.

use super::consensus::Mix;
use super::delta_sum::DeltaSum;
use super::parameters::{DENSITY, INT8_MASK, LAMBDA, RESCALED, SUM, WEIGHT};
use super::sparsify::dare;
use super::{ANY, About, Base, Dialect, Kernel, Method, Settings, Unfit};

/// `dare_linear`.
pub struct DareLinear;

static ABOUT: About = About {
    name: "dare_linear",
    summary: "Adds what each model learned, thinned out at random and rescaled (Yu et al. 2024).",
    formula: "base + λ·Σ wᵢ·δ̃ᵢ / D, δ̃ = δ·m·r, m = 1 with probability density, r = ‖δ‖₁/‖δ·m‖₁ with rescale; \
              D = 1, or Σ wᵢ with normalize. paper, peft: r = 1/density",
    parameters: &[WEIGHT, DENSITY, SUM, RESCALED, LAMBDA, INT8_MASK],
    base: Base::Required,
    models: (1, ANY),
};

impl Method for DareLinear {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn dialects(&self) -> &'static [(Dialect, &'static str)] {
        &[
            (
                Dialect::Paper,
                "divides what stays by the density instead of by the ratio of norms that came out",
            ),
            (
                Dialect::Peft,
                "divides what stays by the density instead of by the ratio of norms that came out",
            ),
        ]
    }

    fn kernel(&self, settings: &Settings<'_>) -> Result<Box<dyn Kernel>, Unfit> {
        Ok(Box::new(DeltaSum::new(settings, dare(settings)?, Mix::sum(settings))))
    }
}
