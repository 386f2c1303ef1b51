//! Values by their rank among |δ|, of any number of elements and without a sample: a radix selection, most significant digit first.
//!
//! Non-negative floats are ordered as their 31 bits are. A first round counts the upper digit of all elements; the bucket that
//! holds the rank is then counted by its next digit alone.

use super::select::Wanted;

/// Digits of a large tensor: two rounds.
const LARGE: &[u32] = &[16, 15];

/// Digits of a small one: its rounds are cheap, but 2¹⁶ counts would cost more than its elements.
const SMALL: &[u32] = &[11, 10, 10];

/// Elements up to which a tensor is small.
const SMALL_ELEMENTS: usize = 1 << 18;

/// Elements that are looked at together for one of the bucket.
const CHUNK: usize = 16;

/// The upper bits of a wanted value, and its rank among those that share them.
#[derive(Clone, Copy)]
struct Prefix {
    bits: u32,
    rank: u64,
}

/// Selects values by rank.
pub(super) struct Radix {
    wanted: Wanted,
    digits: &'static [u32],
    round: usize,
    /// One for each rank after the first round; `None` for a rank beyond all.
    found: Vec<Option<Prefix>>,
}

impl Radix {
    /// Of about so many elements, those of the wanted ranks.
    pub(super) fn new(elements: usize, wanted: Wanted) -> Self {
        let digits = if elements > SMALL_ELEMENTS { LARGE } else { SMALL };
        Self { wanted, digits, round: 0, found: Vec::new() }
    }

    /// Counts of the next round; 0 after the last.
    pub(super) fn counts(&self) -> usize {
        let Some(&digit) = self.digits.get(self.round) else { return 0 };
        let tables = if self.round == 0 { 1 } else { self.found.len() };
        tables << digit
    }

    /// How many rounds there are.
    pub(super) fn rounds(&self) -> usize {
        self.digits.len()
    }

    /// Counts a block of δ.
    pub(super) fn look(&self, delta: &[f32], counts: &mut [u64]) {
        let Some(&digit) = self.digits.get(self.round) else { return };
        if self.round == 0 {
            return match digit {
                16 => count_all::<{ 1 << 16 }>(delta, counts),
                _ => count_all::<{ 1 << 11 }>(delta, counts),
            };
        }
        let shift = self.shift();
        for (prefix, counts) in self.found.iter().zip(counts.chunks_exact_mut(1 << digit)) {
            if let Some(prefix) = prefix {
                count_bucket(delta, prefix.bits, digit, shift, counts);
            }
        }
    }

    /// Takes a round's counts.
    pub(super) fn learn(&mut self, counts: &[u64]) {
        let Some(&digit) = self.digits.get(self.round) else { return };
        if self.round == 0 {
            let ranks = (self.wanted)(counts.iter().sum());
            self.found =
                ranks.into_iter().map(|rank| locate(Prefix { bits: 0, rank }, digit, counts)).collect();
        } else {
            for (found, counts) in self.found.iter_mut().zip(counts.chunks_exact(1 << digit)) {
                *found = found.and_then(|prefix| locate(prefix, digit, counts));
            }
        }
        self.round += 1;
    }

    /// The bits of the values found, in the order of ranks; for a rank beyond all elements `u32::MAX`, beyond all values too.
    pub(super) fn values(&self) -> impl Iterator<Item = u32> {
        self.found.iter().map(|prefix| prefix.map_or(u32::MAX, |prefix| prefix.bits))
    }

    /// Bits below this round's digit.
    fn shift(&self) -> u32 {
        31 - self.digits[..=self.round].iter().sum::<u32>()
    }
}

/// Counts every element by its upper digit, one of `N` values.
fn count_all<const N: usize>(delta: &[f32], counts: &mut [u64]) {
    let Some((counts, _)) = counts.split_first_chunk_mut::<N>() else { return };
    for delta in delta {
        counts[(delta.abs().to_bits() >> (31 - N.ilog2())) as usize % N] += 1;
    }
}

/// Counts the elements of one bucket by their next digit. They are few, so whole chunks are passed over.
fn count_bucket(delta: &[f32], bucket: u32, digit: u32, shift: u32, counts: &mut [u64]) {
    // All bits are below 2³¹, and signed numbers are the ones that SSE2 and wasm's vectors compare at once.
    let low = (bucket << (shift + digit)) as i32;
    let high = low | ((1 << (shift + digit)) - 1);
    let of = |delta: &f32| delta.abs().to_bits() as i32;
    let is_in = |bits: i32| (bits >= low) & (bits <= high);
    for chunk in delta.chunks(CHUNK) {
        if !chunk.iter().fold(false, |any, delta| any | is_in(of(delta))) {
            continue;
        }
        // Gathered without a branch: in bf16 models many are in the bucket, and which is not to be foreseen.
        let mut hits = [0; CHUNK];
        let mut n = 0;
        for bits in chunk.iter().map(of) {
            hits[n % CHUNK] = bits.wrapping_sub(low) >> shift;
            n += usize::from(is_in(bits));
        }
        for &hit in &hits[..n] {
            counts[hit as usize] += 1;
        }
    }
}

/// Which bucket holds a rank.
fn locate(prefix: Prefix, digit: u32, counts: &[u64]) -> Option<Prefix> {
    let mut rank = prefix.rank;
    for (bucket, &count) in (0..).zip(counts) {
        if rank < count {
            return Some(Prefix { bits: prefix.bits << digit | bucket, rank });
        }
        rank -= count;
    }
    None
}
