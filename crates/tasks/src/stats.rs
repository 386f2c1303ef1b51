//! Values with their standard errors and 95 % intervals.
//!
//! Every value here (a mean, a ratio of sums, a mean of such values) changes linearly, in first order, with its samples. Its
//! *influence* on the value is what a sample adds to it; the value's variance is G/(G−1) · Σ_g (Σ_{i∈g} influenceᵢ)² over the
//! G clusters of samples that stand or fall together. For a mean of independent samples that is the usual
//! standard error s/√n.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The 97.5 % quantile of the normal distribution: two-sided 95 %.
const Z: f64 = 1.959_963_984_540_054;

/// A value with its uncertainty. `None` where one sample, or one cluster, can't say.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Samples.
    pub n: usize,
    /// The value.
    pub value: f64,
    /// Its standard error.
    pub standard_error: Option<f64>,
    /// Lower end of the 95 % interval.
    pub low: Option<f64>,
    /// Upper end of it.
    pub high: Option<f64>,
}

/// The two-sided 95 % Wilson score interval of a share `p` in `n` independent samples:
/// (p + z²/2n ± z·√(p(1−p)/n + z²/4n²)) / (1 + z²/n); \[0, 1\] where n is 0.
///
/// ```
/// // Newcombe (1998), method 3.
/// let (low, high) = maec_tasks::wilson(81.0 / 263.0, 263.0);
/// assert!((low - 0.2553).abs() < 5e-5 && (high - 0.3662).abs() < 5e-5);
/// ```
pub fn wilson(p: f64, n: f64) -> (f64, f64) {
    if n <= 0.0 {
        return (0.0, 1.0);
    }
    let scale = 1.0 + Z * Z / n;
    let centre = (p + Z * Z / (2.0 * n)) / scale;
    let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt() / scale;
    // At 0 and 1 one end is exactly that but for rounding.
    let low = if p <= 0.0 { 0.0 } else { (centre - half).max(0.0) };
    let high = if p >= 1.0 { 1.0 } else { (centre + half).min(1.0) };
    (low, high)
}

/// A value and what each of its samples adds to it.
#[derive(Debug, Clone)]
pub(crate) struct Linear<'a> {
    pub(crate) value: f64,
    /// Cluster and influence of every sample.
    pub(crate) influences: Vec<(&'a str, f64)>,
}

/// What a value can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Range {
    /// From 0 to 1: Wilson intervals.
    Share,
    /// Above 0: intervals even on the logarithm.
    Positive,
}

impl<'a> Linear<'a> {
    /// The mean of the samples' values.
    pub(crate) fn mean(samples: &[(&'a str, f64)]) -> Self {
        let n = samples.len().max(1) as f64;
        let value = samples.iter().map(|(_, x)| x).sum::<f64>() / n;
        Self { value, influences: samples.iter().map(|&(cluster, x)| (cluster, (x - value) / n)).collect() }
    }

    /// Σ numerator / Σ denominator of the samples' (numerator, denominator).
    pub(crate) fn ratio(samples: &[(&'a str, f64, f64)]) -> Self {
        let below: f64 = samples.iter().map(|(.., below)| below).sum();
        let value = samples.iter().map(|(_, above, _)| above).sum::<f64>() / below;
        let influence =
            |&(cluster, above, beneath): &(&'a str, f64, f64)| (cluster, (above - value * beneath) / below);
        Self { value, influences: samples.iter().map(influence).collect() }
    }

    /// The exponential of the value.
    pub(crate) fn exp(mut self) -> Self {
        self.value = self.value.exp();
        self.influences.iter_mut().for_each(|(_, influence)| *influence *= self.value);
        self
    }

    /// The mean of several values.
    pub(crate) fn average(parts: &[Self]) -> Self {
        let n = parts.len().max(1) as f64;
        let value = parts.iter().map(|part| part.value).sum::<f64>() / n;
        let influences = parts.iter().flat_map(|part| &part.influences);
        Self { value, influences: influences.map(|&(cluster, influence)| (cluster, influence / n)).collect() }
    }

    /// The value with its uncertainty. The interval of a share is Wilson's for as many independent samples as would have the same
    /// variance, at most as many as there are; where all are alike, for as many as there are clusters.
    pub(crate) fn estimate(&self, range: Range) -> Estimate {
        let mut clusters: BTreeMap<&str, f64> = BTreeMap::new();
        for (cluster, influence) in &self.influences {
            *clusters.entry(cluster).or_default() += influence;
        }
        let (n, g, value) = (self.influences.len(), clusters.len() as f64, self.value);
        let squares: f64 = clusters.values().map(|influence| influence * influence).sum();
        let standard_error = (clusters.len() > 1).then(|| (g / (g - 1.0) * squares).sqrt());
        let (low, high) = match range {
            Range::Share => {
                let independent = if squares > 0.0 { value * (1.0 - value) / squares } else { g };
                let (low, high) = wilson(value, independent.clamp(1.0, n.max(1) as f64));
                (Some(low), Some(high))
            }
            Range::Positive => {
                let factor = standard_error.map(|error| (Z * error / value).exp());
                (factor.map(|factor| value / factor), factor.map(|factor| value * factor))
            }
        };
        Estimate { n, value, standard_error, low, high }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ids(n: usize) -> Vec<String> {
        (0..n).map(|i| i.to_string()).collect()
    }

    #[test]
    fn intervals_agree_with_published_values() {
        // Newcombe (1998), "Two-sided confidence intervals for the single proportion", method 3.
        for (correct, n, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let ids = ids(n);
            let samples: Vec<(&str, f64)> = ids
                .iter()
                .enumerate()
                .map(|(i, id)| (id.as_str(), f64::from(u8::from(i < correct))))
                .collect();
            let found = Linear::mean(&samples).estimate(Range::Share);
            let (found_low, found_high) = (found.low.unwrap(), found.high.unwrap());
            assert!(
                (found_low - low).abs() < 5e-5 && (found_high - high).abs() < 5e-5,
                "{correct}/{n}: {found:?}"
            );
            // The harness's `mean_stderr`: sample standard deviation over √n.
            let p = correct as f64 / n as f64;
            assert!(
                (found.standard_error.unwrap() - (p * (1.0 - p) / (n as f64 - 1.0)).sqrt()).abs() < 1e-12
            );
        }
        assert_eq!(wilson(0.0, 0.0), (0.0, 1.0));
    }

    #[test]
    fn alike_samples_count_once() {
        let ids = ids(50);
        let one: Vec<(&str, f64)> =
            ids.iter().enumerate().map(|(i, id)| (id.as_str(), f64::from(u8::from(i % 3 == 0)))).collect();
        let single = Linear::mean(&one);
        // The same answers in three languages say no more than in one.
        let average = Linear::average(&[single.clone(), single.clone(), single.clone()]);
        let (a, b) = (single.estimate(Range::Share), average.estimate(Range::Share));
        assert!((a.standard_error.unwrap() - b.standard_error.unwrap()).abs() < 1e-12);
        assert!((a.low.unwrap() - b.low.unwrap()).abs() < 1e-9);
        assert_eq!((a.n, b.n), (50, 150));
    }

    #[test]
    fn one_sample_has_no_error() {
        let found = Linear::ratio(&[("a", 3.0, 2.0)]).exp().estimate(Range::Positive);
        assert_eq!((found.value, found.standard_error, found.low), (1.5_f64.exp(), None, None));
        let found = Linear::mean(&[("a", 1.0)]).estimate(Range::Share);
        assert_eq!((found.standard_error, found.high), (None, Some(1.0)));
    }

    proptest! {
        /// The influence of a sample is the value's derivative by its weight: that is what makes the variance right.
        #[test]
        fn influences_are_derivatives(rows in prop::collection::vec((0.1..9.0_f64, 1.0..9.0_f64), 2..9)) {
            let value = |weight: f64| {
                let (above, below) = rows.iter().enumerate().fold((0.0, 0.0), |(above, below), (i, (x, y))| {
                    let w = if i == 0 { weight } else { 1.0 };
                    (above + w * x, below + w * y)
                });
                (above / below).exp()
            };
            let samples: Vec<(&str, f64, f64)> = rows.iter().map(|&(x, y)| ("", x, y)).collect();
            let found = Linear::ratio(&samples).exp();
            let derivative = (value(1.0 + 1e-5) - value(1.0 - 1e-5)) / 2e-5;
            prop_assert!((found.influences[0].1 - derivative).abs() < 1e-6 * found.value.max(1.0));
        }

        #[test]
        fn the_interval_holds_the_share_and_mirrors(n in 1_usize..2000, share in 0.0..=1.0_f64) {
            let p = (share * n as f64).floor() / n as f64;
            let (low, high) = wilson(p, n as f64);
            prop_assert!(0.0 <= low && low <= p && p <= high && high <= 1.0);
            prop_assert!((low - (1.0 - wilson(1.0 - p, n as f64).1)).abs() < 1e-12);
        }
    }
}
