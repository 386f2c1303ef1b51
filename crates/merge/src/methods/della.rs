//! DELLA: elements dropped at random, the smaller in its row the likelier, then TIES's election of signs (Deep et al. 2024,
//! arXiv:2406.11617).
//!
//! mergekit rescales by the ratio of norms and divides by the agreeing weights. In the paper's dialect each element that stays is
//! divided by its own probability, and the agreeing models' mean is taken whatever `normalize` says. PEFT has no such method, and
//! its dialect is mergekit's.

use super::consensus::Mix;
use super::delta_sum::DeltaSum;
use super::parameters::{DENSITY, EPSILON, INT8_MASK, LAMBDA, MEAN, RESCALED, WEIGHT};
use super::sparsify::della;
use super::{ANY, About, Base, Dialect, Kernel, Method, Settings, Unfit};

/// `della`.
pub struct Della;

static ABOUT: About = About {
    name: "della",
    summary: "Adds what the models agree on, thinned out at random, small changes most (Deep et al. 2024).",
    formula: "base + λ·Σ wᵢ·mᵢ·δ̃ᵢ / D, δ̃ = δ·b·r, b = 1 with probability p = (density − ε) + 2ε·rank/(row length − 1), \
              rank of |δ| in its row from 0 up, r = ‖δ‖₁/‖δ·b‖₁ with rescale, mᵢ = [sign wᵢδ̃ᵢ = s], \
              s = +1 if Σ wᵢδ̃ᵢ ≥ 0 else −1; D = Σ wᵢmᵢ (0 → 1), or 1 without normalize. paper: r = 1/p, D = Σ mᵢ",
    parameters: &[WEIGHT, DENSITY, EPSILON, MEAN, RESCALED, LAMBDA, INT8_MASK],
    base: Base::Required,
    models: (1, ANY),
};

impl Method for Della {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn dialects(&self) -> &'static [(Dialect, &'static str)] {
        &[(
            Dialect::Paper,
            "divides each element that stays by its own probability instead of all by the ratio of norms that came out, and by how many models agree instead of by their weights",
        )]
    }

    fn kernel(&self, settings: &Settings<'_>) -> Result<Box<dyn Kernel>, Unfit> {
        let paper = settings.dialect == Dialect::Paper;
        let dialect = if paper { Dialect::Paper } else { Dialect::Mergekit };
        let mix = Mix::consensus(settings, dialect, 1.0);
        Ok(Box::new(DeltaSum::new(settings, della(settings)?, mix)))
    }
}
