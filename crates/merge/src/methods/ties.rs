//! TIES: trim, elect signs, merge what agrees (Yadav et al. 2023, arXiv:2306.01708).
//!
//! | dialect | trim | sign of | divided by | where the sum is 0 |
//! |---|---|---|---|---|
//! | mergekit | k = max(1, ⌊density·n⌋) of each tensor | Σ wᵢδ̃ᵢ | Σ wᵢmᵢ with `normalize` | + |
//! | paper | k = ⌊density·n⌋ of the whole model | Σ wᵢδ̃ᵢ | Σ mᵢ | the whole model's majority |
//! | peft | k = ⌊density·n⌋ of each tensor | Σ δ̃ᵢ | Σ mᵢ | + |
//!
//! Elements that equal the k-th largest all stay; mergekit's choice among them is arbitrary. The paper has no weights: with all 1
//! its method is the dialect's. Its majority is negative where both signs are as many, as in its authors' code. There a density is
//! the whole model's: one that changes from tensor to tensor has no meaning. PEFT's is applied to δ, not to an adapter's factors.

use super::consensus::Mix;
use super::delta_sum::DeltaSum;
use super::parameters::{AS_IT_IS, DENSITY, INT8_MASK, LAMBDA, MEAN, WEIGHT};
use super::sparsify::{at_least, top};
use super::{ANY, About, Base, Dialect, Kernel, Method, Settings, Sizes, Survey, Tile, Totals, Unfit};

/// `ties`.
pub struct Ties;

static ABOUT: About = About {
    name: "ties",
    summary: "Adds what the models agree on, each trimmed to its largest changes (Yadav et al. 2023).",
    formula: "base + λ·Σ wᵢ·mᵢ·δ̃ᵢ / D, δ̃ = the ⌊density·n⌋ largest of |δ|, mᵢ = [sign wᵢδ̃ᵢ = s], \
              s = +1 if Σ wᵢδ̃ᵢ ≥ 0 else −1; D = Σ wᵢmᵢ (0 → 1), or 1 without normalize. \
              paper: n counts the whole model, D = Σ mᵢ, a sum of 0 has the model's majority sign. \
              peft: signs without wᵢ, D = Σ mᵢ",
    parameters: &[WEIGHT, DENSITY, MEAN, AS_IT_IS, LAMBDA, INT8_MASK],
    base: Base::Required,
    models: (1, ANY),
};

impl Method for Ties {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn dialects(&self) -> &'static [(Dialect, &'static str)] {
        &[
            (
                Dialect::Paper,
                "trims each model over the whole model at once instead of tensor by tensor, divides by how many models agree instead of by their weights, and gives elements whose sum is 0 the whole model's majority sign",
            ),
            (
                Dialect::Peft,
                "elects signs without the weights, and divides by how many models agree instead of by their weights",
            ),
        ]
    }

    fn whole(&self, settings: &Settings<'_>) -> Result<Option<Box<dyn Survey>>, Unfit> {
        if settings.dialect != Dialect::Paper {
            return Ok(None);
        }
        let trim = top(settings, usize::MAX)?;
        let sum = DeltaSum::new(settings, trim, Mix::consensus(settings, Dialect::Paper, 0.0));
        Ok(Some(Box::new(WholeModel { sum, majority: None })))
    }

    fn kernel(&self, settings: &Settings<'_>) -> Result<Box<dyn Kernel>, Unfit> {
        // Before anything is known of the whole model, when a plan asks, the tensor is all there is.
        let (trim, zero) = match settings.whole {
            [majority, thresholds @ ..] => (at_least(thresholds), *majority as f32),
            [] => (top(settings, settings.elements())?, 1.0),
        };
        let mix = Mix::consensus(settings, settings.dialect, zero);
        Ok(Box::new(DeltaSum::new(settings, trim, mix)))
    }
}

/// The paper's survey of the whole model: each model's threshold, then the majority of signs.
/// Learns the majority, 1 or −1, and the thresholds' bits.
struct WholeModel {
    sum: DeltaSum,
    majority: Option<f64>,
}

impl Survey for WholeModel {
    fn next(&self) -> Option<Sizes> {
        let signs = || self.majority.is_none().then_some(Sizes { counts: 2, ..Sizes::default() });
        self.sum.next().or_else(signs)
    }

    fn rounds(&self) -> usize {
        self.sum.rounds() + 1
    }

    fn look(&self, tile: &Tile<'_>, totals: &mut Totals) {
        if self.sum.next().is_some() {
            return self.sum.look(tile, totals);
        }
        for (count, more) in totals.counts.iter_mut().zip(self.sum.signs(tile)) {
            *count += more;
        }
    }

    fn learn(&mut self, totals: &Totals) {
        if self.sum.next().is_some() {
            return self.sum.learn(totals);
        }
        let positive = totals.counts.first() > totals.counts.get(1);
        self.majority = Some(if positive { 1.0 } else { -1.0 });
    }

    fn learned(&self) -> Vec<f64> {
        self.majority.into_iter().chain(self.sum.thresholds()).collect()
    }
}
