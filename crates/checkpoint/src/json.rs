//! What hostile JSON is asked that a parser alone does not ask.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

/// Levels that any file of a model needs, and a few to spare.
pub(crate) const MAX_DEPTH: usize = 16;

/// Whether arrays and objects nest deeper than `max` levels. Of what is not JSON, the answer does not matter.
pub(crate) fn is_deeper(json: &[u8], max: usize) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for &byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => (),
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => (),
        }
        if depth > max {
            return true;
        }
    }
    false
}

/// A map of strings, and a key that occurred twice, if any; a map type alone would let it overwrite the first.
#[derive(Debug, Default)]
pub(crate) struct StringMap {
    pub map: BTreeMap<String, String>,
    pub twice: Option<String>,
}

impl<'de> Deserialize<'de> for StringMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StringMapVisitor;
        impl<'de> Visitor<'de> for StringMapVisitor {
            type Value = StringMap;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of strings to strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<StringMap, A::Error> {
                let mut found = StringMap::default();
                while let Some(key) = entries.next_key::<String>()? {
                    if found.map.contains_key(&key) {
                        found.twice.get_or_insert_with(|| key.clone());
                    }
                    found.map.insert(key, entries.next_value()?);
                }
                Ok(found)
            }
        }
        deserializer.deserialize_map(StringMapVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::{StringMap, is_deeper};

    #[test]
    fn depth_counts_brackets_outside_strings() {
        for (json, depth) in [
            ("1", 0),
            ("{}", 1),
            (r#"{"a":[1,[2]],"b":[]}"#, 3),
            (r#"{"a":"[[[[","b\"[[[":1,"c\\":[]}"#, 2),
            ("[[[[", 4),
        ] {
            assert!(!is_deeper(json.as_bytes(), depth), "{json}");
            assert!(depth == 0 || is_deeper(json.as_bytes(), depth - 1), "{json}");
        }
    }

    #[test]
    fn a_key_that_occurs_twice_is_told() {
        let parse = |json| serde_json::from_str::<StringMap>(json);
        assert_eq!(parse(r#"{"a":"1","b":"2"}"#).unwrap().twice, None);
        assert_eq!(parse(r#"{"a":"1","b":"2","a":"1"}"#).unwrap().twice.as_deref(), Some("a"));
        assert!(parse(r#"{"a":1}"#).is_err() && parse("null").is_err());
    }
}
