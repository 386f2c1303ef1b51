//! Numbers as people read them: fixed decimals, groups of three, a true minus.

use super::Estimate;

/// From here on a number is written with an exponent.
const LARGE: f64 = 1e9;
/// More decimals than anyone reads.
const MOST_DECIMALS: usize = 9;

/// A number with so many decimals; `–` where there is none, and an exponent where it would be long.
pub(super) fn shown(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return "–".into();
    }
    if value.abs() >= LARGE || decimals > MOST_DECIMALS {
        return format!("{value:.2e}").replace('-', "−");
    }
    let text = format!("{:.decimals$}", value.abs());
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let is_zero = text.bytes().all(|b| matches!(b, b'0' | b'.'));
    let sign = if value < 0.0 && !is_zero { "−" } else { "" };
    format!("{sign}{}{rest}", grouped(whole))
}

/// Digits in groups of three, parted by narrow spaces; four digits stay together.
fn grouped(digits: &str) -> String {
    if digits.len() < 5 {
        return digits.into();
    }
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// A number with as few decimals as give it back, six at most.
pub fn short(value: f64) -> String {
    let is_exact = |decimals: &usize| {
        let text = format!("{value:.decimals$}");
        text.parse::<f64>().is_ok_and(|read| (read - value).abs() <= 1e-9 * value.abs())
    };
    shown(value, (0..7).find(is_exact).unwrap_or(MOST_DECIMALS + 1))
}

/// Decimals by which a thousandth of the values' range is seen; none where all are whole.
pub(super) fn decimals(values: impl Iterator<Item = f64>) -> usize {
    let finite: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    if finite.iter().all(|value| value.fract() == 0.0) {
        return 0;
    }
    let low = finite.iter().copied().fold(f64::INFINITY, f64::min);
    let high = finite.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let range = if high > low { high - low } else { high.abs() };
    usize::try_from(-exponent(range / 1000.0)).unwrap_or(0)
}

/// The power of ten of a positive number, exact and the same on every host.
pub(super) fn exponent(value: f64) -> i32 {
    let text = format!("{value:e}");
    text.split_once('e').and_then(|(_, digits)| digits.parse().ok()).unwrap_or(0)
}

/// The interval in brackets; none where it is not known.
pub(super) fn interval(estimate: &Estimate, decimals: usize) -> Option<String> {
    let Estimate { low, high, .. } = *estimate;
    let is_known = low.is_finite() && high.is_finite() && low < high;
    is_known.then(|| format!("[{}, {}]", shown(low, decimals), shown(high, decimals)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(shown(-3.456, 1), "−3.5");
        assert_eq!(shown(-0.01, 1), "0.0");
        assert_eq!(shown(1_234_567.0, 0), "1\u{202f}234\u{202f}567");
        assert_eq!(shown(1234.5, 1), "1234.5");
        assert_eq!(shown(f64::NAN, 1), "–");
        assert_eq!(shown(-1.5e-12, 13), "−1.50e−12");
        assert_eq!(shown(1.0, usize::MAX), "1.00e0", "no count of decimals panics");
        assert_eq!(
            [short(0.25), short(80.0), short(1e-8), short(0.1 + 0.2)],
            ["0.25", "80", "1.00e−8", "0.3"]
        );
    }

    #[test]
    fn decimals_show_a_thousandth_of_the_range() {
        assert_eq!(decimals([30.25, 72.5].into_iter()), 2);
        assert_eq!(decimals([3.0, 4.0].into_iter()), 0);
        assert_eq!(decimals([2e-4, 5e-4].into_iter()), 7);
        assert_eq!(decimals([12_345.5, 99_999.5].into_iter()), 0);
        assert_eq!(decimals([f64::NAN].into_iter()), 0);
    }

    #[test]
    fn an_interval_without_width_is_none() {
        assert_eq!(interval(&Estimate::exact(3.0), 1), None);
        let known = Estimate { mean: 0.0, low: -1.0, high: 2.0, seeds: 3 };
        assert_eq!(interval(&known, 1).as_deref(), Some("[−1.0, 2.0]"));
    }
}
