//! [DELLA](super::della) without its election of signs (mergekit).
//!
//! In the paper's dialect each element that stays is divided by its own probability; PEFT has no such method, and its dialect is
//! mergekit's.

use super::consensus::Mix;
use super::delta_sum::DeltaSum;
use super::parameters::{DENSITY, EPSILON, INT8_MASK, LAMBDA, RESCALED, SUM, WEIGHT};
use super::sparsify::della;
use super::{ANY, About, Base, Dialect, Kernel, Method, Settings, Unfit};

/// `della_linear`.
pub struct DellaLinear;

static ABOUT: About = About {
    name: "della_linear",
    summary: "Adds what each model learned, thinned out at random, small changes most (Deep et al. 2024).",
    formula: "base + λ·Σ wᵢ·δ̃ᵢ / D, δ̃ as in della; D = 1, or Σ wᵢ with normalize. paper: each δ̃ ÷ its own p",
    parameters: &[WEIGHT, DENSITY, EPSILON, SUM, RESCALED, LAMBDA, INT8_MASK],
    base: Base::Required,
    models: (1, ANY),
};

impl Method for DellaLinear {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn dialects(&self) -> &'static [(Dialect, &'static str)] {
        &[(
            Dialect::Paper,
            "divides each element that stays by its own probability instead of all by the ratio of norms that came out",
        )]
    }

    fn kernel(&self, settings: &Settings<'_>) -> Result<Box<dyn Kernel>, Unfit> {
        Ok(Box::new(DeltaSum::new(settings, della(settings)?, Mix::sum(settings))))
    }
}
