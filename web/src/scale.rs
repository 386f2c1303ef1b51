//! Scales: similarity to colour strength, and values to positions along an axis.

use crate::order::order;

/// Where a diverging scale around zero ends: a round number that nine in ten |values| stay within, so that a few
/// large ones leave the others their colour. 1 at most.
pub fn bound(values: impl Iterator<Item = f64>) -> f64 {
    let sizes: Vec<f64> = values.filter(|v| v.is_finite()).map(f64::abs).collect();
    let order = order(sizes.len(), &|a, b| sizes[a].total_cmp(&sizes[b]));
    let large =
        order.get((sizes.len() * 9).div_ceil(10).saturating_sub(1)).map_or(0.0, |&place| sizes[place]);
    const STEPS: [f64; 12] = [0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0];
    STEPS.into_iter().find(|&step| step >= large).unwrap_or(1.0)
}

/// The span of values together with zero: (least, greatest), never empty.
pub fn span(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) =
        values.filter(|v| v.is_finite()).fold((0.0, 0.0), |(low, high), v| (v.min(low), v.max(high)));
    if low == high { (low, low + f64::MIN_POSITIVE) } else { (low, high) }
}

/// How strongly a similarity is coloured: 0 at zero, 100 at the scale's bound.
pub fn strength(similarity: f64, bound: f64) -> f64 {
    if similarity.is_finite() { (similarity.abs() / bound).min(1.0) * 100.0 } else { 0.0 }
}

/// An axis from 0 % at `low` to 100 % at `high`.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    low: f64,
    high: f64,
    log: bool,
    /// Values that get a line and a label.
    pub ticks: Vec<f64>,
}

impl Axis {
    /// For accuracies in 0–1: from 0 to the first round share that holds every value.
    pub fn share(values: impl Iterator<Item = f64>) -> Self {
        let largest = values.filter(|v| v.is_finite()).fold(0.0, f64::max);
        let (high, step) = [(0.1, 0.02), (0.2, 0.05), (0.3, 0.1), (0.4, 0.1), (0.6, 0.2), (0.8, 0.2)]
            .into_iter()
            .find(|&(high, _)| high >= largest)
            .unwrap_or((1.0, 0.25));
        let count = (high / step + 0.5) as u32;
        Self { low: 0.0, high, log: false, ticks: (0..=count).map(|i| f64::from(i) * step).collect() }
    }

    /// For perplexities: a logarithmic scale from 1, which is a perfect guess, to the first round value that holds every one.
    pub fn perplexity(values: impl Iterator<Item = f64>) -> Self {
        const ROUND: [f64; 13] = [2.0, 5.0, 10.0, 20.0, 50.0, 1e2, 2e2, 5e2, 1e3, 2e3, 5e3, 1e4, 1e5];
        let largest = values.filter(|v| v.is_finite()).fold(1.0, f64::max);
        let high = ROUND.into_iter().find(|&round| round >= largest).unwrap_or(1e6);
        let all = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 1e3, 1e4, 1e5, 1e6];
        let ticks: Vec<f64> = if high <= 50.0 {
            all.into_iter().filter(|&tick| tick <= high).collect()
        } else {
            all.into_iter()
                .filter(|&tick| tick <= high && [1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6].contains(&tick))
                .collect()
        };
        Self { low: 1.0, high, log: true, ticks }
    }

    /// For any values: from a round number below the least to one above the greatest.
    pub fn around(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = values
            .filter(|v| v.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (v.min(low), v.max(high)));
        let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
        // 0.005, 0.01, 0.02, 0.05, … What differs by less is not told apart.
        let (mut step, mut factors) = (0.005, [2.0, 2.0, 2.5].into_iter().cycle());
        while step < (high - low) / 4.0 {
            step *= factors.next().unwrap_or(2.0);
        }
        let first = (low / step + 1e-9).floor();
        let count = ((high / step - 1e-9).ceil() - first).max(1.0) as u32;
        let tick = |i: u32| (first + f64::from(i)) * step;
        Self { low: tick(0), high: tick(count), log: false, ticks: (0..=count).map(tick).collect() }
    }

    /// Where a value stands, in per cent of the axis; held within it.
    pub fn at(&self, value: f64) -> f64 {
        let place = if self.log {
            (value.max(self.low) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        if place.is_nan() { 100.0 } else { place.clamp(0.0, 1.0) * 100.0 }
    }
}

/// Seconds still to go when `done` of `total` took `elapsed` seconds; `None` while it is too early to say.
pub fn time_left(elapsed: f64, done: u64, total: u64) -> Option<f64> {
    (done > 0 && done <= total && elapsed > 0.5).then(|| elapsed * (total - done) as f64 / done as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_round_and_holds_nine_in_ten() {
        assert_eq!(bound([0.12, -0.31].into_iter()), 0.4);
        assert_eq!(bound((0..20).map(|i| if i == 7 { 0.9 } else { -0.08 })), 0.1);
        assert_eq!(span([0.1, 0.7, f64::NAN].into_iter()), (0.0, 0.7));
        assert!(span([].into_iter()).0 < span([].into_iter()).1);
        assert_eq!(bound([].into_iter()), 0.005);
        assert_eq!(bound([f64::NAN, 1.0].into_iter()), 1.0);
        assert_eq!(strength(-0.2, 0.4), 50.0);
        assert_eq!(strength(f64::NAN, 0.4), 0.0);
    }

    #[test]
    fn shares_start_at_zero() {
        let axis = Axis::share([0.27, 0.38].into_iter());
        assert_eq!(axis.at(0.0), 0.0);
        assert_eq!(axis.at(0.4), 100.0);
        assert_eq!(axis.at(0.9), 100.0);
        assert_eq!(axis.ticks.len(), 5);
    }

    #[test]
    fn perplexity_is_logarithmic_from_one() {
        let axis = Axis::perplexity([3.0, 95.0].into_iter());
        assert_eq!(axis.at(1.0), 0.0);
        assert!((axis.at(10.0) - 50.0).abs() < 1e-9);
        assert_eq!(axis.at(f64::INFINITY), 100.0);
        assert_eq!(axis.ticks, [1.0, 10.0, 100.0]);
        assert_eq!(Axis::perplexity([3.9].into_iter()).ticks, [1.0, 2.0, 5.0]);
    }

    #[test]
    fn round_ends_hold_every_value() {
        let close = |axis: &Axis, ticks: &[f64]| {
            assert_eq!(axis.ticks.len(), ticks.len(), "{axis:?}");
            assert!(axis.ticks.iter().zip(ticks).all(|(a, b)| (a - b).abs() < 1e-9), "{axis:?}");
        };
        close(&Axis::around([0.11, 0.34].into_iter()), &[0.1, 0.2, 0.3, 0.4]);
        close(&Axis::around([1.0, 1.1].into_iter()), &[1.0, 1.05, 1.1]);
        close(&Axis::around([0.5, f64::NAN, 0.5].into_iter()), &[0.5, 0.505]);
        close(&Axis::around([0.0].into_iter()), &[0.0, 0.005]);
        close(&Axis::around([].into_iter()), &[0.0, 0.5, 1.0]);
        for (low, high) in [(0.97, 4.4), (0.0, 1.0), (-3.0, 8.0), (1e-12, 1e12), (123.4, 123.5)] {
            let axis = Axis::around([low, high].into_iter());
            assert!((2..=7).contains(&axis.ticks.len()), "{axis:?}");
            assert!(axis.low <= low + 1e-6 && high <= axis.high + 1e-6 * high, "{axis:?}");
        }
    }

    #[test]
    fn time_left_waits_for_evidence() {
        assert_eq!(time_left(0.2, 5, 10), None);
        assert_eq!(time_left(4.0, 0, 10), None);
        assert_eq!(time_left(4.0, 4, 10), Some(6.0));
        assert_eq!(time_left(4.0, 11, 10), None);
    }
}
