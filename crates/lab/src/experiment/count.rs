//! Counts of tokens as people write them: `2000000000`, `2e9`, `2B`.

use serde::{Deserialize, Deserializer, de::Error};

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Whole(u64),
    Float(f64),
    Text(String),
}

/// A count, with an ending `k`, `M` or `B` or as a number.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let written = Written::deserialize(from).map_err(|_| Error::custom(EXPECTED))?;
    match written {
        Written::Whole(count) => Some(count),
        Written::Float(count) => whole(count),
        Written::Text(text) => parse(&text),
    }
    .ok_or_else(|| Error::custom(EXPECTED))
}

/// As [`deserialize`], where `null` is none.
pub(super) fn deserialize_some<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    struct Count(#[serde(deserialize_with = "deserialize")] u64);
    Ok(Option::<Count>::deserialize(from)?.map(|Count(count)| count))
}

const EXPECTED: &str = "a count of tokens must be a whole number; write for example 2000000000, 2e9 or 2B";

fn parse(text: &str) -> Option<u64> {
    let text = text.trim().replace('_', "");
    let (number, factor) = match text.char_indices().last()? {
        (at, 'k' | 'K') => (&text[..at], 1e3),
        (at, 'm' | 'M') => (&text[..at], 1e6),
        (at, 'b' | 'B' | 'g' | 'G') => (&text[..at], 1e9),
        _ => (text.as_str(), 1.0),
    };
    whole(number.trim().parse::<f64>().ok()? * factor)
}

/// Exact up to 2⁵³.
fn whole(count: f64) -> Option<u64> {
    ((0.0..=9_007_199_254_740_992.0).contains(&count) && count.fract() == 0.0).then_some(count as u64)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn counts_as_people_write_them() {
        for (text, count) in [
            ("2B", 2_000_000_000),
            ("1M", 1_000_000),
            ("1.5k", 1500),
            ("7", 7),
            ("1_000", 1000),
            ("2e9", 2_000_000_000),
        ] {
            assert_eq!(parse(text), Some(count), "{text}");
        }
        for text in ["", "B", "-1", "1.5", "many", "1e30", "nan"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
