//! From the models' sparse δ̃ᵢ to one difference: their weighted sum, or only of those that agree on a sign.
//!
//! Consensus (TIES, Yadav et al. 2023): s = sign Σ eᵢ·δ̃ᵢ; model i agrees where sign(eᵢ·δ̃ᵢ) = s; the result is
//! Σ_{agree} wᵢ·δ̃ᵢ / Σ_{agree} hᵢ, divided by 1 where that is 0.
//!
//! | dialect | eᵢ | hᵢ | s where the sum is 0 |
//! |---|---|---|---|
//! | mergekit | wᵢ | wᵢ with `normalize`, else 0 | +1 |
//! | paper | wᵢ | 1 | the whole model's majority |
//! | peft | 1 | 1 | +1 |

use super::{Dialect, Settings};

/// How δ̃ᵢ become one.
pub(super) enum Mix {
    /// Σ wᵢ·δ̃ᵢ / divisor.
    Sum {
        /// wᵢ.
        weights: Vec<f32>,
        /// 1, or Σ wᵢ.
        divisor: f32,
    },
    /// Only what agrees on a sign.
    Consensus {
        /// Each model's eᵢ, wᵢ and hᵢ.
        votes: Vec<Vote>,
        /// The sign where the sum is 0.
        zero: f32,
    },
}

/// What a model counts for in a consensus.
pub(super) struct Vote {
    elect: f32,
    weight: f32,
    share: f32,
}

impl Vote {
    /// Adds what agrees on the signs, and its shares; `[elements]` each. Masks instead of branches, of which half would be
    /// predicted wrong.
    fn add(&self, delta: &[f32], signs: &[f32], out: &mut [f32], totals: &mut [f32]) {
        let Self { elect, weight, share } = *self;
        for (((out, total), sign), delta) in out.iter_mut().zip(totals).zip(signs).zip(delta) {
            let agrees = u32::from(elect * delta * sign > 0.0).wrapping_neg();
            *out += f32::from_bits((weight * delta).to_bits() & agrees);
            *total += f32::from_bits(share.to_bits() & agrees);
        }
    }
}

impl Mix {
    /// The weighted sum, divided by the weights' sum with `normalize` (by 1 where that is less than 1e-8).
    pub(super) fn sum(settings: &Settings<'_>) -> Self {
        let weights: Vec<f32> = settings.each("weight").into_iter().map(|w| w as f32).collect();
        let sum: f32 = weights.iter().sum();
        let divisor = if settings.flag("normalize") && sum.abs() >= 1e-8 { sum } else { 1.0 };
        Self::Sum { weights, divisor }
    }

    /// The consensus of a dialect; `zero` is the sign where the sum is 0.
    pub(super) fn consensus(settings: &Settings<'_>, dialect: Dialect, zero: f32) -> Self {
        let normalize = settings.flag("normalize");
        let vote = |weight: f64| {
            let weight = weight as f32;
            let (elect, share) = match dialect {
                Dialect::Mergekit => (weight, if normalize { weight } else { 0.0 }),
                Dialect::Paper => (weight, 1.0),
                Dialect::Peft => (1.0, 1.0),
            };
            Vote { elect, weight, share }
        };
        Self::Consensus { votes: settings.each("weight").into_iter().map(vote).collect(), zero }
    }

    /// Mixes `deltas`, `[models, elements]`, into `out`, `[elements]`; `scratch` is `[2, elements]`.
    pub(super) fn mix(&self, deltas: &[f32], scratch: &mut [f32], out: &mut [f32]) {
        let n = out.len();
        out.fill(0.0);
        match self {
            Self::Sum { weights, divisor } => {
                for (&w, delta) in weights.iter().zip(deltas.chunks_exact(n)) {
                    for (out, delta) in out.iter_mut().zip(delta) {
                        *out += w * delta;
                    }
                }
                divide(out, *divisor);
            }
            Self::Consensus { votes, zero } => {
                let (signs, totals) = scratch.split_at_mut(n);
                elect(votes, *zero, deltas, signs);
                totals.fill(0.0);
                for (vote, delta) in votes.iter().zip(deltas.chunks_exact(n)) {
                    vote.add(delta, signs, out, totals);
                }
                for (out, total) in out.iter_mut().zip(totals) {
                    *out /= if *total == 0.0 { 1.0 } else { *total };
                }
            }
        }
    }

    /// A plain sum of differences that nothing sparsified, taken as they are added; `[elements]` each. `false` where the mix is
    /// another.
    pub(super) fn add_differences(&self, models: &[&[f32]], base: &[f32], out: &mut [f32]) -> bool {
        let Self::Sum { weights, divisor } = self else { return false };
        out.fill(0.0);
        for (&w, x) in weights.iter().zip(models) {
            for ((out, x), base) in out.iter_mut().zip(*x).zip(base) {
                *out += w * (x - base);
            }
        }
        divide(out, *divisor);
        true
    }

    /// How many elements' sums are positive, and how many negative; none in a plain sum.
    pub(super) fn signs(&self, deltas: &[f32], scratch: &mut [f32]) -> [u64; 2] {
        let Self::Consensus { votes, .. } = self else { return [0, 0] };
        elect(votes, 0.0, deltas, scratch);
        let count = |sign: f32| scratch.iter().filter(|&&s| s == sign).count() as u64;
        [count(1.0), count(-1.0)]
    }
}

fn divide(values: &mut [f32], divisor: f32) {
    if divisor != 1.0 {
        values.iter_mut().for_each(|value| *value /= divisor);
    }
}

/// The elected signs, `[elements]`.
fn elect(votes: &[Vote], zero: f32, deltas: &[f32], signs: &mut [f32]) {
    signs.fill(0.0);
    for (vote, delta) in votes.iter().zip(deltas.chunks_exact(signs.len())) {
        for (sign, delta) in signs.iter_mut().zip(delta) {
            *sign += vote.elect * delta;
        }
    }
    for sign in signs {
        let side = if *sign > 0.0 { 1.0 } else { -1.0 };
        *sign = if *sign == 0.0 { zero } else { side };
    }
}
