//! An accuracy with its Wilson interval, clustered by operand pair or fact.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Answered;

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
        Self::with_effective(correct, n, n as f64)
    }

    /// The same with an interval as wide as that of `count` independent problems.
    fn with_effective(correct: usize, n: usize, count: f64) -> Self {
        if n == 0 {
            return Self { n, correct, low: 0.0, high: 1.0 };
        }
        let (low, high) = maec_tasks::wilson(correct as f64 / n as f64, count);
        Self { n, correct, low, high }
    }

    /// Of the samples' `correct`.
    ///
    /// Problems about the same operand pair or fact, in whatever words or language, stand or fall together, so the interval is
    /// that of p̂(1−p̂)/v independent ones, at most as many as there are, where v is the cluster-robust variance
    /// G/(G−1) · Σ_g (Σ_{i∈g} (xᵢ − p̂))² / n² over the G clusters; of G where all answers are alike.
    pub fn of<'a, S: Answered + 'a>(samples: impl IntoIterator<Item = &'a S>) -> Self {
        let mut clusters: BTreeMap<S::Cluster, (usize, usize)> = BTreeMap::new();
        for sample in samples {
            let (correct, n) = clusters.entry(sample.cluster()).or_default();
            *correct += usize::from(sample.is_correct());
            *n += 1;
        }
        let (correct, n) = clusters.values().fold((0, 0), |(c, n), cluster| (c + cluster.0, n + cluster.1));
        let (count, g, p) = (n as f64, clusters.len() as f64, correct as f64 / n.max(1) as f64);
        let residual = |&(correct, n): &(usize, usize)| correct as f64 - p * n as f64;
        let squares: f64 = clusters.values().map(residual).map(|r| r * r).sum();
        let variance = g / (g - 1.0) * squares / (count * count);
        let independent = if variance > 0.0 && variance.is_finite() { p * (1.0 - p) / variance } else { g };
        Self::with_effective(correct, n, independent.clamp(1.0, count.max(1.0)))
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

    fn samples(clusters: &[(usize, usize)]) -> Vec<crate::Sample> {
        let mut all = Vec::new();
        for (index, &(correct, n)) in clusters.iter().enumerate() {
            all.extend((0..n).map(|i| crate::Sample {
                id: String::new(),
                language: "en".into(),
                question: String::new(),
                expected: 1,
                text: String::new(),
                parsed: None,
                correct: i < correct,
                margin: 1.0,
                pair: (index as u32, 0),
            }));
        }
        all
    }

    #[test]
    fn problems_of_a_pair_count_as_far_as_they_differ() {
        // Every pair all right or all wrong: ten problems each say no more than one.
        let alike: Vec<(usize, usize)> = (0..20).map(|i| (if i < 8 { 10 } else { 0 }, 10)).collect();
        let (found, plain) = (Accuracy::of(&samples(&alike)), Accuracy::new(8, 20));
        assert_eq!((found.correct, found.n), (80, 200));
        // v = 20/19 · p(1−p)/20: as 19 independent problems, nearly the 20 pairs.
        assert!(
            (found.high - found.low) > (plain.high - plain.low) && (found.high - plain.high).abs() < 0.01
        );
        // One problem a pair: the ordinary interval, but for G/(G−1).
        let single: Vec<(usize, usize)> = (0..200).map(|i| (usize::from(i < 80), 1)).collect();
        let (found, plain) = (Accuracy::of(&samples(&single)), Accuracy::new(80, 200));
        assert!((found.low - plain.low).abs() < 1e-3 && (found.high - plain.high).abs() < 1e-3);
        // All wrong in three pairs says as much as three wrong answers.
        let none = Accuracy::of(&samples(&[(0, 10), (0, 10), (0, 10)]));
        assert_eq!((none.low, none.high), (0.0, Accuracy::new(0, 3).high));
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
