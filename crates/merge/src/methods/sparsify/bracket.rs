//! A value by its rank among those of a bracket: what is above is counted, what is inside is listed, in one pass.

use maec_vector::vectorized;

use crate::methods::totals::{Part, list};

/// Elements that are looked through at once.
const BLOCK: usize = 1024;

/// Elements that are looked at together for one within a bracket.
const CHUNK: usize = 8;

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

    /// Counts and lists δ. Few elements are within the bracket, so whole chunks are passed over; and which they are is not to be
    /// foreseen, so there are no branches on them.
    pub(super) fn look(self, delta: &[f32], part: Part<'_>) {
        let Part { counts: [below, at_low, inside, at_high], lists: [listed] } = part else { return };
        let width = self.high - self.low;
        let mut gather = |chunk: &[f32]| {
            let (mut hits, mut n) = ([0; CHUNK], 0);
            for delta in chunk {
                let offset = self.offset(delta);
                hits[n % CHUNK] = offset;
                n += usize::from((offset >= 0) & (offset <= width));
            }
            for &offset in &hits[..n] {
                match offset {
                    0 => *at_low += 1,
                    _ if offset == width => *at_high += 1,
                    _ => {
                        *inside += 1;
                        list(listed, (self.low + offset).cast_unsigned());
                    }
                }
            }
        };
        let mut places = [0; BLOCK / CHUNK];
        for block in delta.chunks(BLOCK) {
            let (less, n) = look_through(self, block, &mut places);
            *below += u64::from(less);
            let (chunks, rest) = block.as_chunks::<CHUNK>();
            places[..n].iter().for_each(|&place| gather(&chunks[usize::from(place)]));
            gather(rest);
        }
    }

    /// How far above the lower end; less than 0 below it.
    #[inline(always)]
    fn offset(self, delta: &f32) -> i32 {
        delta.abs().to_bits().cast_signed() - self.low
    }

    /// Whether an element of a chunk is within.
    #[inline(always)]
    fn has_hit(self, chunk: &[f32; CHUNK]) -> bool {
        // The sign bit is set of what is outside.
        let outside = |delta| self.offset(delta) | (self.high - self.low - self.offset(delta));
        chunk.iter().fold(-1, |all, delta| all & outside(delta)) >= 0
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

vectorized! {
    /// How many elements of a block are below the lower end, and how many chunks have one within, whose places come first.
    fn look_through<'a>(bracket: Bracket, block: &'a [f32], places: &'a mut [u8; BLOCK / CHUNK]) -> (u32, usize) {
        let below = block.iter().map(|delta| u32::from(bracket.offset(delta) < 0)).sum();
        let mut n = 0;
        for (place, chunk) in (0..).zip(block.as_chunks::<CHUNK>().0) {
            places[n % (BLOCK / CHUNK)] = place;
            n += usize::from(bracket.has_hit(chunk));
        }
        (below, n)
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
