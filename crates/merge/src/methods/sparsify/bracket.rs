//! A value by its rank among those of a bracket: what is above is counted, what is inside is listed, in one pass.

use std::cmp::Ordering;

use crate::methods::totals::{Part, list};

/// Elements that are looked at together for one that is inside.
const CHUNK: usize = 16;

/// Elements of a sample that stood together, and may be alike.
const TOGETHER: usize = crate::engine::SAMPLED;

/// Standard deviations that a sample's rank may be off.
const REACH: f64 = 3.0;

/// The values between two, ends included, as bits. All are below 2³¹, where non-negative floats are ordered as their bits are, and
/// signed numbers are the ones that SSE2 and wasm's vectors compare at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bracket {
    low: i32,
    high: i32,
}

impl Bracket {
    /// All values.
    pub(super) const ALL: Self = Self { low: 0, high: i32::MAX };

    /// Counts that it takes: below the lower end; equal to it; inside; equal to the upper end.
    pub(super) const COUNTS: usize = 4;

    /// What a rank's value lies in if a sample is like the whole: `REACH` standard deviations around the same rank of the sample.
    /// `order` is room for a copy of the sample.
    pub(super) fn around(sample: &[u32], rank: u64, order: &mut Vec<u32>) -> Self {
        let rank = usize::try_from(rank).unwrap_or(usize::MAX).min(sample.len().saturating_sub(1));
        order.clear();
        order.extend_from_slice(sample);
        if order.is_empty() {
            return Self::ALL;
        }
        let (below, &mut middle, above) = order.select_nth_unstable(rank);
        let reach = (REACH * deviation(sample, middle)) as usize + 2;
        let nth = |values: &mut [u32], place| values.select_nth_unstable(place).1.cast_signed();
        Self {
            low: rank.checked_sub(reach).map_or(0, |place| nth(below, place)),
            high: if reach <= above.len() { nth(above, reach - 1) } else { i32::MAX },
        }
    }

    /// Counts and lists a block of δ.
    pub(super) fn look(self, delta: &[f32], part: Part<'_>) {
        let Part { counts: [below, at_low, inside, at_high], lists: [listed] } = part else { return };
        let width = self.high - self.low;
        let mut lanes = [0_i32; CHUNK];
        let mut hit = |offset: i32| match (offset, offset.cmp(&width)) {
            (0, _) => *at_low += 1,
            (_, Ordering::Equal) => *at_high += 1,
            _ => {
                *inside += 1;
                list(listed, (self.low + offset).cast_unsigned());
            }
        };
        let offset = |delta: &f32| delta.abs().to_bits().cast_signed() - self.low;
        let (chunks, rest) = delta.as_chunks::<CHUNK>();
        for chunk in chunks {
            // All bits set while every element is outside.
            let mut outside = -1;
            for (lane, delta) in lanes.iter_mut().zip(chunk) {
                let offset = offset(delta);
                let is_below = offset >> 31;
                *lane += is_below;
                outside &= is_below | -i32::from(offset > width);
            }
            if outside == -1 {
                continue;
            }
            // Gathered without a branch: which are inside is not to be foreseen.
            let mut hits = [0; CHUNK];
            let mut n = 0;
            for delta in chunk {
                let offset = offset(delta);
                hits[n % CHUNK] = offset;
                n += usize::from((0..=width).contains(&offset));
            }
            hits[..n].iter().copied().for_each(&mut hit);
        }
        for offset in rest.iter().map(offset) {
            match offset {
                ..0 => lanes[0] -= 1,
                _ if offset <= width => hit(offset),
                _ => (),
            }
        }
        *below += lanes.iter().map(|lane| u64::from(lane.unsigned_abs())).sum::<u64>();
    }

    /// The bits of the value of a rank, ascending from 0; `None` where it is outside, or what is inside found no room.
    pub(super) fn find(self, rank: u64, counts: &[u64], listed: &[u32], order: &mut Vec<u32>) -> Option<u32> {
        let &[below, at_low, inside, at_high] = counts else { return None };
        let rank = rank.checked_sub(below)?;
        if rank < at_low {
            return Some(self.low.cast_unsigned());
        }
        let rank = rank - at_low;
        if rank >= inside {
            return (rank - inside < at_high).then_some(self.high.cast_unsigned());
        }
        order.clear();
        order.extend_from_slice(listed);
        let is_whole = listed.len() as u64 == inside;
        is_whole.then(|| *order.select_nth_unstable(rank as usize).1)
    }
}

/// The standard deviation, from sample to sample, of how many elements are below a value: as if they were drawn one by one, or
/// more where those that stand together are alike.
fn deviation(sample: &[u32], value: u32) -> f64 {
    let n = sample.len() as f64;
    let below = |part: &[u32]| part.iter().map(|x| u32::from(*x < value)).sum::<u32>();
    let together: Vec<f64> = sample.chunks_exact(TOGETHER).map(|part| f64::from(below(part))).collect();
    let share = f64::from(below(sample)) / n;
    let alone = n * share * (1.0 - share);
    let mean = together.iter().sum::<f64>() / together.len() as f64;
    let squares: f64 = together.iter().map(|x| (x - mean) * (x - mean)).sum();
    alone.max(if together.len() > 1 { squares } else { 0.0 }).sqrt()
}
