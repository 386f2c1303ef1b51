//! [DARE](super::dare_linear) of the models that agree on a sign (Yu et al. 2024, arXiv:2311.03099, with TIES).
//!
//! mergekit rescales by the ratio of norms and divides, with `normalize`, by the agreeing weights. In the paper's dialect and PEFT's
//! δ is divided by the density, and the agreeing models' mean is taken whatever `normalize` says; PEFT elects the sign without the
//! weights. DARE's drop stands in the place of TIES's trim, so no dialect looks at the whole model.

use super::consensus::Mix;
use super::delta_sum::DeltaSum;
use super::parameters::{DENSITY, INT8_MASK, LAMBDA, RESCALED, SUM, WEIGHT};
use super::sparsify::dare;
use super::{ANY, About, Base, Dialect, Kernel, Method, Settings, Unfit};

/// `dare_ties`.
pub struct DareTies;

static ABOUT: About = About {
    name: "dare_ties",
    summary: "DARE, of which only what agrees on a sign is added (Yu et al. 2024; Yadav et al. 2023).",
    formula: "base + λ·Σ wᵢ·mᵢ·δ̃ᵢ / D, δ̃ as in dare_linear, mᵢ = [sign wᵢδ̃ᵢ = s], s = +1 if Σ wᵢδ̃ᵢ ≥ 0 else −1; \
              D = 1, or Σ wᵢmᵢ (0 → 1) with normalize. paper: δ̃ ÷ density, D = Σ mᵢ. peft: as paper, signs without wᵢ",
    parameters: &[WEIGHT, DENSITY, SUM, RESCALED, LAMBDA, INT8_MASK],
    base: Base::Required,
    models: (1, ANY),
};

impl Method for DareTies {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn dialects(&self) -> &'static [(Dialect, &'static str)] {
        &[
            (
                Dialect::Paper,
                "divides what stays by the density instead of by the ratio of norms that came out, and by how many models agree instead of by their weights",
            ),
            (
                Dialect::Peft,
                "divides what stays by the density instead of by the ratio of norms that came out, elects signs without the weights, and divides by how many models agree",
            ),
        ]
    }

    fn kernel(&self, settings: &Settings<'_>) -> Result<Box<dyn Kernel>, Unfit> {
        let mix = Mix::consensus(settings, settings.dialect, 1.0);
        Ok(Box::new(DeltaSum::new(settings, dare(settings)?, mix)))
    }
}
