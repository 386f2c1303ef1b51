//! [Breadcrumbs](super::breadcrumbs) of the models that agree on a sign: mergekit's combination with TIES, the same in every
//! dialect.

use super::consensus::Mix;
use super::delta_sum::DeltaSum;
use super::parameters::{AS_IT_IS, DENSITY, GAMMA, INT8_MASK, LAMBDA, SUM, WEIGHT};
use super::sparsify::outliers;
use super::{ANY, About, Base, Dialect, Kernel, Method, Settings, Unfit};

/// `breadcrumbs_ties`.
pub struct BreadcrumbsTies;

static ABOUT: About = About {
    name: "breadcrumbs_ties",
    summary: "Breadcrumbs, of which only those that agree on a sign are added (mergekit).",
    formula: "base + λ·Σ wᵢ·mᵢ·δ̃ᵢ / D, δ̃ as in breadcrumbs, mᵢ = [sign wᵢδ̃ᵢ = s], s = +1 if Σ wᵢδ̃ᵢ ≥ 0 else −1; \
              D = 1, or Σ wᵢmᵢ (0 → 1) with normalize",
    parameters: &[WEIGHT, DENSITY, GAMMA, SUM, AS_IT_IS, LAMBDA, INT8_MASK],
    base: Base::Required,
    models: (1, ANY),
};

impl Method for BreadcrumbsTies {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn kernel(&self, settings: &Settings<'_>) -> Result<Box<dyn Kernel>, Unfit> {
        let mix = Mix::consensus(settings, Dialect::Mergekit, 1.0);
        Ok(Box::new(DeltaSum::new(settings, outliers(settings)?, mix)))
    }
}
