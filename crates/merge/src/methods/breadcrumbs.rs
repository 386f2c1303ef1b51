//! Model breadcrumbs: differences without their largest and their smallest elements (Davari and Belilovsky 2023,
//! arXiv:2312.06795), the same in every dialect. Of n elements, n_top = ⌊γ·n⌋ are dropped from the top and from the bottom what
//! leaves ⌊density·n⌋; where that is less than nothing, fewer are dropped from the top. Elements equal to an end of what stays all
//! stay; mergekit's choice among them is arbitrary.

use super::consensus::Mix;
use super::delta_sum::DeltaSum;
use super::parameters::{AS_IT_IS, DENSITY, GAMMA, INT8_MASK, LAMBDA, SUM, WEIGHT};
use super::sparsify::outliers;
use super::{ANY, About, Base, Kernel, Method, Settings, Unfit};

/// `breadcrumbs`.
pub struct Breadcrumbs;

static ABOUT: About = About {
    name: "breadcrumbs",
    summary: "Adds what each model learned, without its outliers and its smallest changes (Davari and Belilovsky 2023).",
    formula: "base + λ·Σ wᵢ·δ̃ᵢ / D, δ̃ = δ without its ⌊γ·n⌋ largest and its smallest elements so that ⌊density·n⌋ stay; \
              D = 1, or Σ wᵢ with normalize",
    parameters: &[WEIGHT, DENSITY, GAMMA, SUM, AS_IT_IS, LAMBDA, INT8_MASK],
    base: Base::Required,
    models: (1, ANY),
};

impl Method for Breadcrumbs {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn kernel(&self, settings: &Settings<'_>) -> Result<Box<dyn Kernel>, Unfit> {
        Ok(Box::new(DeltaSum::new(settings, outliers(settings)?, Mix::sum(settings))))
    }
}
