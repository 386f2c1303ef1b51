//! One series of values: its norms, moments and histogram, added up block by block.

use super::report::{Histogram, Values};

/// Buckets of a histogram for each sign.
const BUCKETS: usize = 64;
/// The exponent of the first bucket: |x| < 2⁻⁴⁷, and the last: |x| ≥ 2¹⁵.
const FIRST_EXPONENT: i32 = -48;

/// Sums of one series of values.
#[derive(Clone)]
pub(super) struct Series {
    finite: u64,
    nan: u64,
    infinite: u64,
    l1: f64,
    squares: f64,
    max: f64,
    mean: f64,
    /// Σ (x − mean)².
    spread: f64,
    /// Negative values' buckets, positive ones', and zeros.
    counts: [u64; 2 * BUCKETS + 1],
}

impl Default for Series {
    fn default() -> Self {
        let counts = [0; 2 * BUCKETS + 1];
        Self {
            finite: 0,
            nan: 0,
            infinite: 0,
            l1: 0.0,
            squares: 0.0,
            max: 0.0,
            mean: 0.0,
            spread: 0.0,
            counts,
        }
    }
}

impl Series {
    /// Adds a block. What is no finite number is counted, and left out of everything else.
    pub fn look(&mut self, block: &[f64]) {
        if block.iter().fold(true, |finite, x| finite & x.is_finite()) {
            return self.look_finite(block);
        }
        self.nan += block.iter().filter(|x| x.is_nan()).count() as u64;
        self.infinite += block.iter().filter(|x| x.is_infinite()).count() as u64;
        let finite: Vec<f64> = block.iter().copied().filter(|x| x.is_finite()).collect();
        self.look_finite(&finite);
    }

    fn look_finite(&mut self, block: &[f64]) {
        if block.is_empty() {
            return;
        }
        let mut part = Self { finite: block.len() as u64, ..Self::default() };
        part.l1 = sum(block, f64::abs);
        part.squares = sum(block, |x| x * x);
        part.mean = sum(block, |x| x) / block.len() as f64;
        part.spread = sum(block, |x| (x - part.mean) * (x - part.mean));
        let mut max = 0;
        for x in block {
            // Floats without a sign are in the order of their bits.
            max = max.max(x.abs().to_bits());
            part.counts[bucket(*x)] += 1;
        }
        part.max = f64::from_bits(max);
        self.add(&part);
    }

    /// Adds what comes next; the spread as Chan, Golub and LeVeque (1979) do.
    pub fn add(&mut self, next: &Self) {
        if next.finite > 0 {
            let (a, b) = (self.finite as f64, next.finite as f64);
            let apart = next.mean - self.mean;
            self.spread += next.spread + apart * apart * (a * b / (a + b));
            self.mean += apart * (b / (a + b));
        }
        self.finite += next.finite;
        self.nan += next.nan;
        self.infinite += next.infinite;
        self.l1 += next.l1;
        self.squares += next.squares;
        self.max = self.max.max(next.max);
        self.counts.iter_mut().zip(next.counts).for_each(|(count, next)| *count += next);
    }

    /// The numbers.
    pub fn finish(&self) -> Values {
        let elements = self.finite + self.nan + self.infinite;
        let zeros = self.counts[2 * BUCKETS];
        let of = |total: f64, n: u64| if n == 0 { 0.0 } else { total / n as f64 };
        Values {
            elements,
            zeros,
            sparsity: of(zeros as f64, elements),
            nan: self.nan,
            infinite: self.infinite,
            l1: self.l1,
            l2: self.squares.sqrt(),
            max: self.max,
            mean: self.mean,
            std: of(self.spread, self.finite).sqrt(),
            histogram: Histogram::new(
                FIRST_EXPONENT,
                &self.counts[..BUCKETS],
                &self.counts[BUCKETS..2 * BUCKETS],
            ),
        }
    }
}

/// The sum of a function of every value, in four interleaved accumulators.
fn sum(block: &[f64], of: impl Fn(f64) -> f64) -> f64 {
    let (fours, rest) = block.as_chunks::<4>();
    let mut sums = [0.0; 4];
    for four in fours {
        for lane in 0..4 {
            sums[lane] += of(four[lane]);
        }
    }
    rest.iter().fold((sums[0] + sums[2]) + (sums[1] + sums[3]), |sum, x| sum + of(*x))
}

/// A value's bucket, by the exponent of its f64; zeros have the last. Without branches, as signs come as they like.
fn bucket(x: f64) -> usize {
    let bits = x.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as i32 - 1023;
    let place = (exponent - FIRST_EXPONENT).clamp(0, BUCKETS as i32 - 1) as usize;
    let positive = 1 - (bits >> 63) as usize;
    let zero = usize::from(bits << 1 == 0);
    (1 - zero) * (positive * BUCKETS + place) + zero * 2 * BUCKETS
}
