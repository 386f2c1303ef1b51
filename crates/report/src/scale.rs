//! From values to places on an axis, with ticks at round numbers.

use super::number::{exponent, shown};

/// An axis ends here, so that no range overflows; what is beyond stands at its end.
const FARTHEST: f64 = 1e300;

/// An axis: which value stands where.
#[derive(Debug, Clone)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    step: f64,
}

impl Scale {
    /// An axis from the user unit `from` to `to` whose ends are ticks, about `count` of them. Values that are no numbers are left
    /// out; equal ones stand in the middle.
    pub(super) fn nice(values: impl Iterator<Item = f64>, count: usize, (from, to): (f64, f64)) -> Self {
        let (low, high) = range(values);
        let step = step((high - low) / count as f64);
        let (low, high) = ((low / step).floor() * step, (high / step).ceil() * step);
        Self { low, high, from, to, step }
    }

    /// An axis whose ends are the values' own. Whole values get whole ticks.
    pub(super) fn tight(values: &[f64], count: usize, (from, to): (f64, f64)) -> Self {
        let (low, high) = range(values.iter().copied());
        let round = step((high - low) / count as f64);
        let is_whole = values.iter().all(|value| !value.is_finite() || value.fract() == 0.0);
        Self { low, high, from, to, step: if is_whole { round.max(1.0) } else { round } }
    }

    /// Where a value stands; none where it is no number.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        let share = (value - self.low) / (self.high - self.low);
        value.is_finite().then(|| self.from + share.clamp(0.0, 1.0) * (self.to - self.from))
    }

    /// The ticks with what is written at them, ascending.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        let decimals = usize::try_from(-exponent(self.step)).unwrap_or(0);
        let mut tick = (self.low / self.step - 1e-6).ceil();
        let last = (self.high / self.step + 1e-6).floor();
        let mut ticks = Vec::new();
        while tick <= last {
            let value = tick * self.step;
            ticks.push((self.place(value).unwrap_or(self.from), shown(value, decimals)));
            tick += 1.0;
        }
        ticks
    }
}

/// Least and greatest, never the same.
fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let finite = values.filter(|value| value.is_finite()).map(|value| value.clamp(-FARTHEST, FARTHEST));
    let (low, high) = finite
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    if low > high {
        return (0.0, 1.0);
    }
    let size = low.abs().max(high.abs());
    if high - low > 1e-9 * size && high - low > 1.0 / FARTHEST {
        return (low, high);
    }
    let room = if size > 1.0 / FARTHEST { 0.1 * size } else { 1.0 };
    (low - room, high + room)
}

/// 1, 2 or 5 times a power of ten, `raw` or the next above.
fn step(raw: f64) -> f64 {
    let exponent = exponent(raw);
    let power: f64 = format!("1e{exponent}").parse().unwrap_or(1.0);
    let digit = raw / power;
    // The greatest digit is written as the next power, which is exact where ten times this one is not.
    let greater = || format!("1e{}", exponent + 1).parse().unwrap_or(power);
    match digit {
        d if d <= 1.0 => power,
        d if d <= 2.0 => 2.0 * power,
        d if d <= 5.0 => 5.0 * power,
        _ => greater(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels(scale: &Scale) -> Vec<String> {
        scale.ticks().into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_round() {
        let scale = Scale::nice([31.2, 44.9].into_iter(), 5, (100.0, 0.0));
        assert_eq!(labels(&scale), ["30", "35", "40", "45"]);
        assert_eq!((scale.place(30.0), scale.place(45.0)), (Some(100.0), Some(0.0)));
        let tenths = Scale::nice([0.0, 0.7].into_iter(), 4, (0.0, 1.0));
        assert_eq!(labels(&tenths), ["0.0", "0.2", "0.4", "0.6", "0.8"]);
    }

    #[test]
    fn layers_get_whole_ticks() {
        assert_eq!(labels(&Scale::tight(&[0.0, 1.0, 2.0, 3.0], 6, (0.0, 300.0))), ["0", "1", "2", "3"]);
        assert_eq!(labels(&Scale::tight(&[0.0, 23.0], 6, (0.0, 300.0))), ["0", "5", "10", "15", "20"]);
    }

    #[test]
    fn equal_values_stand_in_the_middle() {
        for value in [0.0, 7.0, -1e299, 5e-324] {
            let place = Scale::tight(&[value], 5, (0.0, 10.0)).place(value).unwrap();
            assert!((place - 5.0).abs() < 1e-6, "{value}: {place}");
        }
    }

    proptest! {
        #[test]
        fn no_values_break_an_axis(values in prop::collection::vec(any::<f64>(), 0..6), is_nice: bool) {
            let scale = match is_nice {
                true => Scale::nice(values.iter().copied(), 5, (0.0, 100.0)),
                false => Scale::tight(&values, 5, (0.0, 100.0)),
            };
            let ticks = scale.ticks();
            prop_assert!(ticks.len() <= 12 && (!is_nice || ticks.len() >= 2), "{ticks:?}");
            prop_assert!(ticks.windows(2).all(|pair| pair[0].0 < pair[1].0), "{ticks:?}");
            for value in values {
                let place = scale.place(value);
                prop_assert_eq!(place.is_some(), value.is_finite());
                prop_assert!(place.is_none_or(|place| (0.0..=100.0).contains(&place)));
            }
        }
    }
}
