//! Numbers as people read them. Minus signs are U+2212 and units stand after a narrow no-break space.

/// The narrow no-break space that stands between a number and its unit.
pub const THIN: char = '\u{202f}';

/// A number with at most `digits` decimals and no trailing zeros: `0.8`, `1`, `−0.25`.
pub fn number(value: f64, digits: usize) -> String {
    let mut text = format!("{value:.digits$}");
    if text.contains('.') {
        text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
    }
    if text == "-0" {
        text.remove(0);
    }
    text.replacen('-', "\u{2212}", 1)
}

/// A similarity with its sign and three decimals: `+0.132`, `−0.004`, `0.000`.
pub fn similarity(value: f64) -> String {
    let size = format!("{:.3}", value.abs());
    match (size.as_str(), value > 0.0) {
        ("0.000", _) => size,
        (_, true) => format!("+{size}"),
        (_, false) => format!("\u{2212}{size}"),
    }
}

/// A fraction as a percentage with `digits` decimals: `18.9 %`.
pub fn percent(fraction: f64, digits: usize) -> String {
    format!("{:.digits$}{THIN}%", fraction * 100.0)
}

/// A perplexity to three significant digits or the nearest whole: `3.34`, `12.1`, `514`.
pub fn perplexity(value: f64) -> String {
    match value {
        v if !v.is_finite() => "\u{221e}".into(),
        v if v < 9.995 => format!("{v:.2}"),
        v if v < 99.95 => format!("{v:.1}"),
        v => count(v.round() as u64),
    }
}

/// A norm to three significant digits or so: `0.0123`, `4.56`, `123`.
pub fn norm(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        v if v < 0.000_95 => scientific(value),
        v if v < 0.1 => format!("{value:.4}"),
        v if v < 10.0 => format!("{value:.2}"),
        _ => format!("{value:.1}"),
    }
}

/// A very small or very large number to one digit: `0`, `3 × 10⁻⁷`, `10⁻⁵`.
pub fn scientific(value: f64) -> String {
    let text = format!("{value:.0e}");
    let Some((digit, exponent)) = text.split_once('e').filter(|_| value != 0.0) else { return "0".into() };
    let exponent = raised(exponent);
    let factor =
        if digit == "1" { String::new() } else { format!("{} \u{d7} ", digit.replacen('-', "\u{2212}", 1)) };
    format!("{factor}10{exponent}")
}

/// An exponent, written above the line: `⁻⁷`.
pub fn raised(exponent: &str) -> String {
    let above = |c: char| match c {
        '-' => '\u{207b}',
        '1' => '\u{b9}',
        '2' => '\u{b2}',
        '3' => '\u{b3}',
        digit => char::from_u32(0x2070 + digit as u32 - '0' as u32).unwrap_or(digit),
    };
    exponent.chars().map(above).collect()
}

/// A whole number with commas between thousands: `1,234,567`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of parameters: `819.2 thousand`, `134.5 million`, `1.24 billion`.
pub fn parameters(value: u64) -> String {
    let value_f = value as f64;
    match value {
        0..1_000 => value.to_string(),
        1_000..1_000_000 => format!("{} thousand", number(value_f / 1e3, 1)),
        1_000_000..1_000_000_000 => format!("{} million", number(value_f / 1e6, 1)),
        _ => format!("{} billion", number(value_f / 1e9, 2)),
    }
}

/// A size in decimal units: `512 B`, `14.2 kB`, `1.9 MB`, `2.5 GB`.
pub fn bytes(value: u64) -> String {
    let value_f = value as f64;
    match value {
        0..1_000 => format!("{value}{THIN}B"),
        1_000..1_000_000 => format!("{:.1}{THIN}kB", value_f / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1}{THIN}MB", value_f / 1e6),
        _ => format!("{:.2}{THIN}GB", value_f / 1e9),
    }
}

/// A time of this many seconds: `under 0.1 s`, `0.4 s`, `12 s`, `2 min 5 s`, `3 h 20 min`.
pub fn seconds(value: f64) -> String {
    let whole = value.max(0.0).round() as u64;
    match value {
        v if v < 0.05 => format!("under 0.1{THIN}s"),
        v if v < 9.95 => format!("{v:.1}{THIN}s"),
        v if v < 59.5 => format!("{whole}{THIN}s"),
        v if v < 3599.5 => format!("{}{THIN}min {}{THIN}s", whole / 60, whole % 60),
        _ => format!("{}{THIN}h {}{THIN}min", whole / 3600, whole % 3600 / 60),
    }
}

/// A rank as a word: `1st`, `2nd`, `3rd`, `11th`, `12th`.
pub fn ordinal(rank: usize) -> String {
    let ending = match (rank % 10, rank % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{rank}{ending}")
}

/// A tensor's shape: `128 × 512`.
pub fn shape(dimensions: &[u64]) -> String {
    dimensions.iter().map(u64::to_string).collect::<Vec<_>>().join(" \u{d7} ")
}

/// A title with the first digits of its commit instead of all forty: `org/name@93efa2f0…`.
pub fn title(title: &str) -> String {
    match title.rsplit_once('@') {
        Some((name, commit)) if commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            format!("{name}@{}…", &commit[..8])
        }
        _ => title.into(),
    }
}

/// A word in the number that goes with it: `1 tensor`, `30 tensors`.
pub fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_drop_trailing_zeros_and_negative_zero() {
        assert_eq!(number(0.8, 2), "0.8");
        assert_eq!(number(1.0, 2), "1");
        assert_eq!(number(100.0, 2), "100");
        assert_eq!(number(10.0, 0), "10");
        assert_eq!(number(-0.25, 2), "\u{2212}0.25");
        assert_eq!(number(-0.0001, 2), "0");
    }

    #[test]
    fn similarities_carry_a_sign_unless_they_round_to_zero() {
        assert_eq!(similarity(0.1316), "+0.132");
        assert_eq!(similarity(-0.0042), "\u{2212}0.004");
        assert_eq!(similarity(-0.0002), "0.000");
    }

    #[test]
    fn large_numbers_are_grouped() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(819_200), "819,200");
        assert_eq!(count(1_234_567), "1,234,567");
    }

    #[test]
    fn perplexities_keep_three_digits() {
        assert_eq!(perplexity(3.343), "3.34");
        assert_eq!(perplexity(12.06), "12.1");
        assert_eq!(perplexity(99.97), "100");
        assert_eq!(perplexity(1514.2), "1,514");
        assert_eq!(perplexity(f64::INFINITY), "\u{221e}");
    }

    #[test]
    fn norms_sizes_and_times_pick_their_unit() {
        assert_eq!(norm(0.0), "0");
        assert_eq!(norm(0.00001234), "10⁻⁵");
        assert_eq!(scientific(2.9e-7), "3 × 10⁻⁷");
        assert_eq!(scientific(-2e-4), "\u{2212}2 × 10⁻⁴");
        assert_eq!(scientific(0.0), "0");
        assert_eq!(norm(0.0123), "0.0123");
        assert_eq!(norm(12.34), "12.3");
        assert_eq!(bytes(512), "512\u{202f}B");
        assert_eq!(bytes(1_912_345), "1.9\u{202f}MB");
        assert_eq!(bytes(2_471_645_608), "2.47\u{202f}GB");
        assert_eq!(seconds(12_060.0), "3\u{202f}h 21\u{202f}min");
        assert_eq!(seconds(0.42), "0.4\u{202f}s");
        assert_eq!(seconds(12.3), "12\u{202f}s");
        assert_eq!(seconds(125.0), "2\u{202f}min 5\u{202f}s");
        assert_eq!(seconds(-1.0), "under 0.1\u{202f}s");
    }

    #[test]
    fn parameters_are_said_in_words() {
        assert_eq!(parameters(819), "819");
        assert_eq!(parameters(819_200), "819.2 thousand");
        assert_eq!(parameters(134_515_008), "134.5 million");
        assert_eq!(parameters(1_235_814_400), "1.24 billion");
    }

    #[test]
    fn ordinals_know_the_teens() {
        let words: Vec<_> = [1, 2, 3, 4, 11, 12, 13, 21, 22, 111].into_iter().map(ordinal).collect();
        assert_eq!(words, ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "111th"]);
    }

    #[test]
    fn a_commit_is_cut_and_a_branch_is_not() {
        assert_eq!(title("a/b@93efa2f097d58c2a74874c7e644dbc9b0cee75a2"), "a/b@93efa2f0…");
        for whole in ["a/b@main", "smollm2", "https://example.org/x@y/"] {
            assert_eq!(title(whole), whole);
        }
    }

    #[test]
    fn shapes_and_plurals() {
        assert_eq!(shape(&[128, 512]), "128 × 512");
        assert_eq!(shape(&[128]), "128");
        assert_eq!(plural(1, "tensor"), "1 tensor");
        assert_eq!(plural(30, "tensor"), "30 tensors");
    }
}
