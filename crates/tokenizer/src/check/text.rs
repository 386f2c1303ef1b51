//! Normalizers and decoders, the parts that change text.

use serde_json::Value;

use super::{charsmap, typed, unsupported};
use crate::TokenizerError;

/// How much longer replacements may make a text; known ones stay below ten.
const MAX_GROWTH: usize = 64;

/// Refuses steps that the library panics at, and replacements that explode.
///
/// # Errors
/// Names the step.
pub(super) fn steps_are_safe(name: &'static str, steps: Vec<&Value>) -> Result<(), TokenizerError> {
    let mut growth = 1_usize;
    for step in steps {
        typed(name, step)?;
        let refuse = |expected| Err(unsupported(name, step, expected));
        match step["type"].as_str() {
            Some("Replace") => {
                growth = growth.saturating_mul(step["content"].as_str().map_or(1, str::len).max(1));
                if growth > MAX_GROWTH {
                    return refuse("replacements that keep a text's length within 64 times");
                }
                if !matches_something(&step["pattern"]) {
                    return refuse("a plain pattern that matches at least one character");
                }
            }
            Some("Precompiled") if !step["precompiled_charsmap"].as_str().is_some_and(charsmap::is_sound) => {
                return refuse("a whole table of replacements");
            }
            // The library takes the last of no tokens here, and cuts beyond the start of a token there.
            Some("BPEDecoder") => return refuse("a decoder without word suffixes"),
            Some("Strip") if name == "decoder" && step["stop"] != 0 => {
                return refuse("one that strips at the start alone");
            }
            _ => {}
        }
    }
    Ok(())
}

/// The library loses its place where nothing is replaced by something.
fn matches_something(pattern: &Value) -> bool {
    if let Some(text) = pattern["String"].as_str() {
        return !text.is_empty();
    }
    let parsed = pattern["Regex"].as_str().and_then(|regex| regex_syntax::parse(regex).ok());
    parsed.and_then(|regex| regex.properties().minimum_len()).is_some_and(|bytes| bytes > 0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn patterns_match_something() {
        for pattern in [json!({"String": " "}), json!({"Regex": " {2,}"}), json!({"Regex": "a|bc?"})] {
            assert!(matches_something(&pattern), "{pattern}");
        }
        for pattern in [
            json!({"String": ""}),
            json!({"Regex": "x*"}),
            json!({"Regex": "a|^"}),
            json!({"Regex": "(?=a)"}),
            json!({"Regex": "("}),
            json!({"Other": "a"}),
            json!(null),
        ] {
            assert!(!matches_something(&pattern), "{pattern}");
        }
    }
}
