//! Which elements of a model's δ stay, and what makes up for the others. Each way is one file.

mod band;
mod bernoulli;
mod bracket;
mod norm;
mod radix;
mod ranks;
mod rescaled;
mod select;

pub(super) use band::{at_least, outliers, top};
pub(super) use bernoulli::dare;
pub(super) use ranks::della;
pub(super) use select::Select;

use super::totals::Part;
use super::{Settings, Sizes, Unfit};
use band::Band;
use rescaled::Rescaled;

/// Sparsifies one model's δ of one tensor.
pub(super) trait Sparsify: Send + Sync {
    /// Elements that must be looked at together; blocks begin at multiples of it.
    fn granule(&self) -> usize {
        1
    }

    /// How many rounds of its survey look at all elements, as a rule.
    fn rounds(&self) -> usize {
        0
    }

    /// What the next round of its survey gathers; `None` when all is known.
    fn next(&self) -> Option<Sizes> {
        None
    }

    /// Adds a block of δ, `[elements]` from flat index `start` on, to what the round gathers; what is left in it is free.
    fn look(&self, _start: usize, _delta: &mut [f32], _part: Part<'_>) {}

    /// Takes a round's counts and lists.
    fn learn(&mut self, _counts: &[u64], _lists: &[Vec<u32>]) {}

    /// Sets to zero what does not stay in a block, and rescales the rest.
    fn apply(&self, start: usize, delta: &mut [f32]);

    /// The bits of the least |δ| that stays, where there is such a thing.
    fn threshold(&self) -> f64 {
        0.0
    }
}

/// One for each model; none where δ stays as it is.
pub(super) type Sparsifiers = Vec<Option<Box<dyn Sparsify>>>;

/// No model is sparsified.
pub(super) fn nothing(settings: &Settings<'_>) -> Sparsifiers {
    (0..settings.models).map(|_| None).collect()
}

/// Sparsifiers by the models' densities: none for 1, for 0 one that drops everything, else the one that is made from the
/// model's place and its density.
fn by_density(
    settings: &Settings<'_>,
    make: impl Fn(usize, f64) -> Result<Box<dyn Sparsify>, Unfit>,
) -> Result<Sparsifiers, Unfit> {
    let densities = settings.each("density").into_iter().enumerate();
    let one = |(model, density): (usize, f64)| {
        Ok(match density {
            1.0.. => None,
            _ if density <= 0.0 => Some(Box::new(Band::NOTHING) as Box<dyn Sparsify>),
            _ => Some(make(model, density)?),
        })
    };
    densities.map(one).collect()
}

/// Boxed, and rescaled by the ratio of norms where asked to.
fn boxed(sparsifier: impl Sparsify + 'static, by_norm: bool) -> Box<dyn Sparsify> {
    if by_norm { Box::new(Rescaled::new(sparsifier)) } else { Box::new(sparsifier) }
}
