//! The difference of two models' accuracies over the same problems.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::accuracy::Z;
use crate::{Answered, EvalError};

/// Mean paired difference of two models' correctness with a 95 % interval clustered by operand pair or fact.
///
/// The same operands stand in several problems (other words, other languages), whose answers stand or fall together;
/// counting them as independent would make the interval too narrow. With dᵢ = aᵢ − bᵢ ∈ {−1, 0, 1}, its mean d̄ and
/// G clusters g, the cluster-robust variance of the mean is
/// G/(G−1) · Σ_g (Σ_{i∈g} (dᵢ − d̄))² / n², and the interval is d̄ ± 1.96·√variance within \[−1, 1\]; d̄ ± (1 − 0.05^(1/G)) where no cluster differs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PairedDifference {
    /// Accuracy of the first model minus that of the second.
    pub mean: f64,
    /// Lower end of the interval; −1 with fewer than two clusters.
    pub low: f64,
    /// Upper end of the interval; 1 with fewer than two clusters.
    pub high: f64,
    /// Problems.
    pub n: usize,
    /// Operand pairs, or facts.
    pub clusters: usize,
}

/// How much better the first model is than the second on the same problems, which stand in the same order.
///
/// # Errors
/// [`EvalError::Unpaired`] where the problems differ.
pub fn paired_difference<S: Answered>(a: &[S], b: &[S]) -> Result<PairedDifference, EvalError> {
    let id =
        |samples: &[S], index: usize| samples.get(index).map_or_else(|| "none".into(), |s| s.id().to_owned());
    let unpaired =
        (0..a.len().max(b.len())).find(|&index| a.get(index).map(S::id) != b.get(index).map(S::id));
    if let Some(index) = unpaired {
        return Err(EvalError::Unpaired { index, left: id(a, index), right: id(b, index) });
    }
    let n = a.len();
    // Differences are whole numbers: their sums are exact.
    let mut clusters: BTreeMap<S::Cluster, (i64, usize)> = BTreeMap::new();
    for (a, b) in a.iter().zip(b) {
        let (sum, count) = clusters.entry(a.cluster()).or_default();
        *sum += i64::from(a.is_correct()) - i64::from(b.is_correct());
        *count += 1;
    }
    let mean =
        if n == 0 { 0.0 } else { clusters.values().map(|&(sum, _)| sum).sum::<i64>() as f64 / n as f64 };
    let g = clusters.len();
    if g < 2 {
        return Ok(PairedDifference { mean, low: -1.0, high: 1.0, n, clusters: g });
    }
    let residual = |&(sum, count): &(i64, usize)| sum as f64 - mean * count as f64;
    let squares: f64 = clusters.values().map(residual).map(|r| r * r).sum();
    if squares == 0.0 {
        // No pair differs from another: any share of pairs up to 1 − 0.05^(1/G) may still, unseen (rule of three).
        let unseen = 1.0 - 0.05_f64.powf(1.0 / g as f64);
        return Ok(PairedDifference {
            mean,
            low: (mean - unseen).max(-1.0),
            high: (mean + unseen).min(1.0),
            n,
            clusters: g,
        });
    }
    let deviation = (g as f64 / (g - 1) as f64 * squares).sqrt() / n as f64;
    let (low, high) = ((mean - Z * deviation).max(-1.0), (mean + Z * deviation).min(1.0));
    Ok(PairedDifference { mean, low, high, n, clusters: g })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sample;
    use proptest::prelude::*;

    fn sample(index: usize, pair: (u32, u32), correct: bool) -> Sample {
        Sample {
            id: format!("en-{index:04}"),
            language: "en".into(),
            question: String::new(),
            expected: 1,
            text: String::new(),
            parsed: None,
            correct,
            margin: 1.0,
            pair,
        }
    }

    fn samples(rows: &[((u32, u32), bool)]) -> Vec<Sample> {
        rows.iter().enumerate().map(|(index, &(pair, correct))| sample(index, pair, correct)).collect()
    }

    #[test]
    fn a_hand_computed_interval() {
        // d = 1, 1 | 0, 1 | -1: mean 2/5; residual sums 2 − 4/5, 1 − 4/5, −1 − 2/5 = 1.2, 0.2, −1.4.
        let (x, y, z) = ((1, 2), (3, 4), (5, 6));
        let a = samples(&[(x, true), (x, true), (y, true), (y, true), (z, false)]);
        let b = samples(&[(x, false), (x, false), (y, true), (y, false), (z, true)]);
        let found = paired_difference(&a, &b).unwrap();
        let deviation = (1.5_f64 * (1.44 + 0.04 + 1.96)).sqrt() / 5.0;
        assert_eq!((found.n, found.clusters), (5, 3));
        assert!((found.mean - 0.4).abs() < 1e-12);
        assert!((found.low - (0.4 - 1.959_964 * deviation)).abs() < 1e-6, "{found:?}");
        assert_eq!(found.high, 1.0);
    }

    #[test]
    fn clusters_of_copies_are_wider_than_independent_problems() {
        let rows = |copies: u32| -> Vec<((u32, u32), bool)> {
            (0..40).map(|i| ((i / copies, 0), (i / 4) % 3 == 0)).collect()
        };
        let wrong: Vec<((u32, u32), bool)> = rows(1).into_iter().map(|(pair, _)| (pair, false)).collect();
        let width = |copies| {
            let found = paired_difference(&samples(&rows(copies)), &samples(&wrong)).unwrap();
            found.high - found.low
        };
        assert!(width(4) > 1.5 * width(1));
    }

    #[test]
    fn other_problems_are_refused() {
        let (a, mut b) = (samples(&[((1, 1), true); 2]), samples(&[((1, 1), true); 2]));
        b.pop();
        let message = paired_difference(&a, &b).unwrap_err().to_string();
        assert!(message.contains("`en-0001` and `none` at place 1"), "{message}");
    }

    #[test]
    fn one_cluster_says_nothing() {
        let a = samples(&[((1, 1), true); 3]);
        let found = paired_difference(&a, &a).unwrap();
        assert_eq!((found.mean, found.low, found.high), (0.0, -1.0, 1.0));
    }

    proptest! {
        #[test]
        fn swapping_the_models_mirrors_the_interval(rows in proptest::collection::vec((0_u32..9, any::<bool>(), any::<bool>()), 1..60)) {
            let a = samples(&rows.iter().map(|&(p, a, _)| ((p, p), a)).collect::<Vec<_>>());
            let b = samples(&rows.iter().map(|&(p, _, b)| ((p, p), b)).collect::<Vec<_>>());
            let (x, y) = (paired_difference(&a, &b).unwrap(), paired_difference(&b, &a).unwrap());
            prop_assert!((x.mean + y.mean).abs() < 1e-12);
            prop_assert!((x.low + y.high).abs() < 1e-12 && (x.high + y.low).abs() < 1e-12);
            prop_assert!(x.low <= x.mean && x.mean <= x.high);
        }
    }
}
