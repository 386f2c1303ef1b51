//! Values by their rank among |δ|, exact and in any order of tiles: a radix selection, most significant digit first.
//!
//! Non-negative floats are ordered as their 31 bits are. A first round counts the upper digit of all elements; the bucket that
//! holds the rank is then counted by its next digit alone.

/// Digits of a large tensor: two rounds.
const LARGE: &[u32] = &[16, 15];

/// Digits of a small one: its rounds are cheap, but 2¹⁶ counts would cost more than its elements.
const SMALL: &[u32] = &[11, 10, 10];

/// Elements up to which a tensor is small.
const SMALL_ELEMENTS: usize = 1 << 18;

/// Elements that are looked at together for one of the bucket.
const CHUNK: usize = 32;

/// Ranks, ascending from 0, that are wanted of so many elements. One that is not less than their number has no value.
type Wanted = Box<dyn Fn(u64) -> Vec<u64> + Send + Sync>;

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
    pub(super) fn new(elements: usize, wanted: impl Fn(u64) -> Vec<u64> + Send + Sync + 'static) -> Self {
        let digits = if elements > SMALL_ELEMENTS { LARGE } else { SMALL };
        Self { wanted: Box::new(wanted), digits, round: 0, found: Vec::new() }
    }

    /// Counts of the next round; 0 after the last.
    pub(super) fn counts(&self) -> usize {
        let Some(&digit) = self.digits.get(self.round) else { return 0 };
        let tables = if self.round == 0 { 1 } else { self.found.len() };
        tables << digit
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
    let of = |delta: f32| delta.abs().to_bits() >> (shift + digit);
    let mut count = |delta: f32| {
        if of(delta) == bucket {
            counts[(delta.abs().to_bits() >> shift & ((1 << digit) - 1)) as usize] += 1;
        }
    };
    let (chunks, rest) = delta.as_chunks::<CHUNK>();
    for chunk in chunks {
        if chunk.iter().fold(false, |any, delta| any | (of(*delta) == bucket)) {
            chunk.iter().for_each(|delta| count(*delta));
        }
    }
    rest.iter().for_each(|delta| count(*delta));
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
