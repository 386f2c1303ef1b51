//! Task arithmetic: base + λ·Σ wᵢδᵢ (Ilharco et al. 2023, arXiv:2212.04089), the same in every dialect.

use super::consensus::Mix;
use super::delta_sum::DeltaSum;
use super::parameters::{IGNORED_DENSITY, IGNORED_RESCALE, INT8_MASK, LAMBDA, SUM, WEIGHT};
use super::sparsify::nothing;
use super::{ANY, About, Base, Kernel, Method, Settings, Unfit};

/// `task_arithmetic`.
pub struct TaskArithmetic;

static ABOUT: About = About {
    name: "task_arithmetic",
    summary: "Adds what each model learned since the base (Ilharco et al. 2023).",
    formula: "base + λ·Σ wᵢ·δᵢ / D with D = 1, or Σ wᵢ with normalize",
    parameters: &[WEIGHT, SUM, LAMBDA, IGNORED_DENSITY, IGNORED_RESCALE, INT8_MASK],
    base: Base::Required,
    models: (1, ANY),
};

impl Method for TaskArithmetic {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn kernel(&self, settings: &Settings<'_>) -> Result<Box<dyn Kernel>, Unfit> {
        Ok(Box::new(DeltaSum::new(settings, nothing(settings), Mix::sum(settings))))
    }
}
