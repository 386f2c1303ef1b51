//! Text where a number should stand: which key it is, what was meant.

use crate::{Recipe, RecipeError};

/// The keys that hold numbers.
const KEYS: [&str; 8] = ["version", "weight", "alpha", "beta", "gamma", "eta", "k2", "lambda"];

/// What is wrong with the value at which the parser stopped, if that is a number's: `stop` is the byte in `text`,
/// `line` its line for the message.
pub(crate) fn explain(text: &str, stop: usize, line: Option<u64>) -> Option<RecipeError> {
    // A YAML parser that finds no value stops at the colon.
    let at_colon = text.get(stop..)?.starts_with(':');
    let before = &text[..stop + usize::from(at_colon)];
    let (key, after) = KEYS.iter().filter_map(|&key| last(key, before)).max_by_key(|&(_, after)| after)?;
    let rest = text[after..].trim_start();
    let start = text.len() - rest.len();
    let value = if at_colon { "" } else { value(rest) };
    // Further on, it was something else that the parser did not like.
    let is_good = if key == "version" { value.parse::<u32>().is_ok() } else { is_number(value) };
    if stop > start + value.len() || is_good {
        return None;
    }
    let value = value.trim_matches(['"', '\'']);
    let suggestion = if key == "version" { Some(Recipe::VERSION.into()) } else { meant(value) };
    match suggestion {
        Some(value) if key == "k2" && !(0.0..=1.0).contains(&value) => {
            Some(RecipeError::K2OutOfRange { value })
        }
        _ => Some(RecipeError::NotANumber { key, value: crate::error::shown(value), line, suggestion }),
    }
}

/// The last place where `key` and a colon stand, and the byte after the colon.
fn last(key: &'static str, text: &str) -> Option<(&'static str, usize)> {
    text.rmatch_indices(key).find_map(|(at, _)| {
        let in_word = text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let rest = text[at + key.len()..].trim_start_matches(['"', '\'']).trim_start().strip_prefix(':')?;
        (!in_word).then_some((key, text.len() - rest.len()))
    })
}

/// The value that a text begins with, in JSON or YAML.
fn value(text: &str) -> &str {
    let up_to = |end: Option<usize>| text[..end.unwrap_or(text.len())].trim_end();
    let after = |end: Option<usize>| up_to(end.map(|end| end + 1));
    match text.chars().next() {
        Some(quote @ ('"' | '\'')) => after(text[1..].find(quote).map(|end| end + 1)),
        Some('[') => after(text.find(']')),
        Some('{') => after(text.find('}')),
        _ => {
            let line = up_to(text.find(['\n', '\r']));
            let line = line.split(" #").next().unwrap_or(line).trim_end();
            let item = line[..line.find([',', '}', ']', '"']).unwrap_or(line.len())].trim_end();
            // `0,8` is one value in YAML, outside braces.
            let decimals = line[item.len()..].strip_prefix(',').unwrap_or_default();
            let has_decimals = is_number(item) && decimals.starts_with(|c: char| c.is_ascii_digit());
            if has_decimals { line } else { item }
        }
    }
}

/// Whether this is a number that a scalar of the recipe can have; quoted it is none.
fn is_number(value: &str) -> bool {
    value.parse().is_ok_and(f64::is_finite) && value.starts_with(|c: char| c.is_ascii_digit() || c == '-')
}

/// The number that someone meant who wrote `140 %` or `0,8`.
pub(crate) fn meant(value: &str) -> Option<f64> {
    let (digits, is_percent) = match value.trim().strip_suffix('%') {
        Some(digits) => (digits.trim_end(), true),
        None => (value.trim(), false),
    };
    let digits = if digits.contains('.') { digits.to_owned() } else { digits.replacen(',', ".", 1) };
    if !digits.bytes().all(|byte| byte.is_ascii_digit() || b".+-".contains(&byte)) {
        return None;
    }
    let number = if is_percent { format!("{digits}e-2") } else { digits };
    number.parse().ok().filter(|number: &f64| number.abs() <= Recipe::MAX_MAGNITUDE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant() {
        for (value, number) in [
            ("80%", Some(0.8)),
            (" 80 % ", Some(0.8)),
            ("33.3%", Some(0.333)),
            ("33,3 %", Some(0.333)),
            ("-10%", Some(-0.1)),
            ("0,8", Some(0.8)),
            ("0.8", Some(0.8)),
            ("1,000.5", None),
            ("1000000", None),
            ("much", None),
            ("nan", None),
            ("%", None),
            ("", None),
        ] {
            assert_eq!(meant(value), number, "{value}");
        }
    }

    #[test]
    fn only_the_value_at_which_the_parser_stopped_is_blamed() {
        let text = "alpha: 0.8, eta: much, k2: 0.9, x: [";
        for stop in 0..=text.len() {
            let key = explain(text, stop, None).map(|error| match error {
                RecipeError::NotANumber { key, value, .. } => (key, value),
                other => panic!("{other}"),
            });
            let expected = match stop {
                5 => Some(("alpha", String::new())),
                15 => Some(("eta", String::new())),
                16..=21 => Some(("eta", "much".into())),
                25 => Some(("k2", String::new())),
                _ => None,
            };
            assert_eq!(key, expected, "{stop}");
        }
        assert_eq!(explain("k2: é", 5, None), None);
        assert_eq!(explain("k2: é", 100, None), None);
    }
}
