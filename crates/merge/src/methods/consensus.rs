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

use maec_vector::vectorized;

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
    #[inline(always)]
    fn add(&self, delta: f32, sign: f32, sum: f32, total: f32) -> (f32, f32) {
        let Self { elect, weight, share } = *self;
        let agrees = u32::from(elect * delta * sign > 0.0).wrapping_neg();
        let masked = |x: f32| f32::from_bits(x.to_bits() & agrees);
        (sum + masked(weight * delta), total + masked(share))
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

    /// Mixes `deltas`, `[models, elements]`, into `out`, `[elements]`.
    pub(super) fn mix(&self, deltas: &[f32], out: &mut [f32]) {
        match self {
            Self::Sum { weights, divisor } => {
                out.fill(0.0);
                weights
                    .iter()
                    .zip(deltas.chunks_exact(out.len()))
                    .for_each(|(&w, delta)| add_scaled(w, delta, out));
                divide(out, *divisor);
            }
            Self::Consensus { votes, zero } => agree(votes, *zero, deltas, out),
        }
    }

    /// A plain sum of differences that nothing sparsified, taken as they are added; `[elements]` each. `false` where the mix is
    /// another.
    pub(super) fn add_differences(&self, models: &[&[f32]], base: &[f32], out: &mut [f32]) -> bool {
        let Self::Sum { weights, divisor } = self else { return false };
        out.fill(0.0);
        weights.iter().zip(models).for_each(|(&w, x)| add_difference(w, x, base, out));
        divide(out, *divisor);
        true
    }

    /// How many elements' sums are positive, and how many negative; none in a plain sum.
    pub(super) fn signs(&self, deltas: &[f32]) -> [u64; 2] {
        let Self::Consensus { votes, .. } = self else { return [0, 0] };
        let mut signs = vec![0.0; deltas.len().checked_div(votes.len()).unwrap_or(0)];
        elect(votes, 0.0, deltas, &mut signs);
        let count = |sign: f32| signs.iter().filter(|&&s| s == sign).count() as u64;
        [count(1.0), count(-1.0)]
    }
}

vectorized! {
    /// Divides `[elements]`.
    pub(super) fn divide<'a>(values: &'a mut [f32], divisor: f32) {
        if divisor != 1.0 {
            values.iter_mut().for_each(|value| *value /= divisor);
        }
    }

    /// out += w·δ, `[elements]` each.
    pub(super) fn add_scaled<'a>(w: f32, delta: &'a [f32], out: &'a mut [f32]) {
        for (out, delta) in out.iter_mut().zip(delta) {
            *out += w * delta;
        }
    }

    /// out += w·(x − base), `[elements]` each.
    fn add_difference<'a>(w: f32, x: &'a [f32], base: &'a [f32], out: &'a mut [f32]) {
        for ((out, x), base) in out.iter_mut().zip(x).zip(base) {
            *out += w * (x - base);
        }
    }

    /// The consensus of a block: deltas `[models, elements]`.
    fn agree<'a>(votes: &'a [Vote], zero: f32, deltas: &'a [f32], out: &'a mut [f32]) {
        let n = out.len();
        let (chunks, rest) = out.as_chunks_mut::<LANES>();
        for (chunk, out) in chunks.iter_mut().enumerate() {
            let of = |model: usize| deltas[model * n + chunk * LANES..].first_chunk().copied();
            *out = agreed(votes, zero, of);
        }
        let tail = |model: usize| {
            let mut lanes = [0.0; LANES];
            lanes[..rest.len()].copy_from_slice(&deltas[(model + 1) * n - rest.len()..(model + 1) * n]);
            Some(lanes)
        };
        let last = agreed(votes, zero, tail);
        rest.copy_from_slice(&last[..rest.len()]);
    }

    /// The elected signs, `[elements]`.
    fn elect<'a>(votes: &'a [Vote], zero: f32, deltas: &'a [f32], signs: &'a mut [f32]) {
        signs.fill(0.0);
        for (vote, delta) in votes.iter().zip(deltas.chunks_exact(signs.len())) {
            for (sign, delta) in signs.iter_mut().zip(delta) {
                *sign += vote.elect * delta;
            }
        }
        signs.iter_mut().for_each(|sign| *sign = side(*sign, zero));
    }
}

/// Elements that are decided together: their sums stay in a register or a few, and need not be stored from model to model.
const LANES: usize = 16;

/// The consensus of some elements of all models.
#[inline(always)]
fn agreed(votes: &[Vote], zero: f32, of: impl Fn(usize) -> Option<[f32; LANES]>) -> [f32; LANES] {
    let deltas = |model| of(model).unwrap_or([0.0; LANES]);
    let mut signs = [0.0; LANES];
    for (model, vote) in votes.iter().enumerate() {
        signs.iter_mut().zip(deltas(model)).for_each(|(sum, delta)| *sum += vote.elect * delta);
    }
    signs.iter_mut().for_each(|sign| *sign = side(*sign, zero));
    let (mut sums, mut totals) = ([0.0; LANES], [0.0; LANES]);
    for (model, vote) in votes.iter().enumerate() {
        for (((sum, total), sign), delta) in sums.iter_mut().zip(&mut totals).zip(&signs).zip(deltas(model)) {
            (*sum, *total) = vote.add(delta, *sign, *sum, *total);
        }
    }
    sums.iter_mut().zip(totals).for_each(|(sum, total)| *sum = quotient(*sum, total));
    sums
}

/// The sign of a sum; of 0 the given one.
#[inline(always)]
fn side(sum: f32, zero: f32) -> f32 {
    let side = if sum > 0.0 { 1.0 } else { -1.0 };
    if sum == 0.0 { zero } else { side }
}

/// A sum over its shares; over 1 where there are none.
#[inline(always)]
fn quotient(sum: f32, total: f32) -> f32 {
    sum / if total == 0.0 { 1.0 } else { total }
}
