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
    /// Adds what agrees on a sign, and its share. A mask instead of a branch, which would be predicted wrong half of the time.
    fn add(&self, delta: f32, sign: f32, sum: f32, total: f32) -> (f32, f32) {
        let Self { elect, weight, share } = *self;
        let agrees = u32::from(elect * delta * sign > 0.0).wrapping_neg();
        let masked = |x: f32| f32::from_bits(x.to_bits() & agrees);
        (sum + masked(weight * delta), total + masked(share))
    }

    /// [`add`](Self::add) for a block, `[elements]` each.
    fn add_all(&self, delta: &[f32], signs: &[f32], out: &mut [f32], totals: &mut [f32]) {
        for (((out, total), sign), delta) in out.iter_mut().zip(totals).zip(signs).zip(delta) {
            (*out, *total) = self.add(*delta, *sign, *out, *total);
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
            Self::Consensus { votes, zero } => match votes.len() {
                1 => agreed::<1>(votes, *zero, deltas, out),
                2 => agreed::<2>(votes, *zero, deltas, out),
                3 => agreed::<3>(votes, *zero, deltas, out),
                4 => agreed::<4>(votes, *zero, deltas, out),
                _ => {
                    let (signs, totals) = scratch.split_at_mut(n);
                    elect(votes, *zero, deltas, signs);
                    totals.fill(0.0);
                    for (vote, delta) in votes.iter().zip(deltas.chunks_exact(n)) {
                        vote.add_all(delta, signs, out, totals);
                    }
                    out.iter_mut().zip(totals).for_each(|(out, total)| *out = quotient(*out, *total));
                }
            },
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

/// The consensus of `N` models at once: sums that need not be stored from model to model take half the time.
fn agreed<const N: usize>(votes: &[Vote], zero: f32, deltas: &[f32], out: &mut [f32]) {
    let n = out.len();
    let Some(votes) = votes.first_chunk::<N>() else { return };
    let deltas: [&[f32]; N] = std::array::from_fn(|model| &deltas[model * n..(model + 1) * n]);
    for (i, out) in out.iter_mut().enumerate() {
        let sum = votes.iter().zip(&deltas).fold(0.0, |sum, (vote, delta)| sum + vote.elect * delta[i]);
        let sign = side(sum, zero);
        let add = |(sum, total), (vote, delta): (&Vote, &&[f32])| vote.add(delta[i], sign, sum, total);
        let (sum, total) = votes.iter().zip(&deltas).fold((0.0, 0.0), add);
        *out = quotient(sum, total);
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
    signs.iter_mut().for_each(|sign| *sign = side(*sign, zero));
}

/// The sign of a sum; of 0 the given one.
fn side(sum: f32, zero: f32) -> f32 {
    let side = if sum > 0.0 { 1.0 } else { -1.0 };
    if sum == 0.0 { zero } else { side }
}

/// A sum over its shares; over 1 where there are none.
fn quotient(sum: f32, total: f32) -> f32 {
    sum / if total == 0.0 { 1.0 } else { total }
}
