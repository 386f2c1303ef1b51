//! An accuracy with its Wilson interval.

use serde::{Deserialize, Serialize};

/// The 97.5 % quantile of the normal distribution: two-sided 95 %.
pub(crate) const Z: f64 = 1.959_963_984_540_054;

/// A share of correct answers with its 95 % Wilson score interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Accuracy {
    /// Problems asked.
    pub n: usize,
    /// Answered correctly.
    pub correct: usize,
    /// Lower end of the interval, 0–1.
    pub low: f64,
    /// Upper end of the interval, 0–1.
    pub high: f64,
}

impl Accuracy {
    /// `correct` of `n`. With p̂ = correct/n the interval is
    /// (p̂ + z²/2n ± z·√(p̂(1−p̂)/n + z²/4n²)) / (1 + z²/n); without problems it is \[0, 1\].
    pub fn new(correct: usize, n: usize) -> Self {
        if n == 0 {
            return Self { n, correct, low: 0.0, high: 1.0 };
        }
        let (count, p) = (n as f64, correct as f64 / n as f64);
        let scale = 1.0 + Z * Z / count;
        let centre = (p + Z * Z / (2.0 * count)) / scale;
        let half = Z * (p * (1.0 - p) / count + Z * Z / (4.0 * count * count)).sqrt() / scale;
        // At 0 and n correct one end is exactly 0 or 1 but for rounding.
        let low = if correct == 0 { 0.0 } else { (centre - half).max(0.0) };
        let high = if correct == n { 1.0 } else { (centre + half).min(1.0) };
        Self { n, correct, low, high }
    }

    /// Of the samples' `correct`.
    pub fn of(samples: &[crate::Sample]) -> Self {
        Self::new(samples.iter().filter(|sample| sample.correct).count(), samples.len())
    }

    /// The share of correct answers, 0–1; 0 without problems.
    pub fn rate(&self) -> f64 {
        if self.n == 0 { 0.0 } else { self.correct as f64 / self.n as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The examples of Newcombe (1998), "Two-sided confidence intervals for the single proportion", method 3.
    #[test]
    fn intervals_agree_with_published_values() {
        for (correct, n, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let found = Accuracy::new(correct, n);
            assert!(
                (found.low - low).abs() < 5e-5 && (found.high - high).abs() < 5e-5,
                "{correct}/{n}: {found:?}"
            );
        }
    }

    #[test]
    fn nothing_asked_says_nothing() {
        assert_eq!(Accuracy::new(0, 0), Accuracy { n: 0, correct: 0, low: 0.0, high: 1.0 });
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_rate_and_mirrors(n in 1_usize..2000, share in 0.0..=1.0_f64) {
            let correct = (share * n as f64) as usize;
            let (a, b) = (Accuracy::new(correct, n), Accuracy::new(n - correct, n));
            prop_assert!(0.0 <= a.low && a.low <= a.rate() && a.rate() <= a.high && a.high <= 1.0);
            prop_assert!((a.low - (1.0 - b.high)).abs() < 1e-12);
        }
    }
}
