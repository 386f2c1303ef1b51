//! How long the tokens of a vocabulary and of its merges are.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The longest of `{"token": id}`, `["left right"]` or `[["left", "right"]]`.
#[derive(Default)]
pub(super) struct Longest {
    /// Bytes of the token, or of the two that are merged.
    pub(super) bytes: usize,
}

impl<'de> Deserialize<'de> for Longest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LongestVisitor)
    }
}

struct LongestVisitor;

impl<'de> Visitor<'de> for LongestVisitor {
    type Value = Longest;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tokens or merges")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Longest, A::Error> {
        let mut bytes = 0;
        while let Some((token, _)) = map.next_entry::<Length, IgnoredAny>()? {
            bytes = bytes.max(token.bytes);
        }
        Ok(Longest { bytes })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Longest, A::Error> {
        let mut bytes = 0;
        while let Some(entry) = list.next_element::<Length>()? {
            let space = usize::from(!entry.is_list);
            bytes = bytes.max(entry.bytes.saturating_sub(space));
        }
        Ok(Longest { bytes })
    }
}

/// Bytes of a text, or of those in a list.
struct Length {
    bytes: usize,
    is_list: bool,
}

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LengthVisitor)
    }
}

struct LengthVisitor;

impl<'de> Visitor<'de> for LengthVisitor {
    type Value = Length;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a token")
    }

    fn visit_str<E>(self, text: &str) -> Result<Length, E> {
        Ok(Length { bytes: text.len(), is_list: false })
    }

    /// The score of a Unigram token.
    fn visit_f64<E>(self, _: f64) -> Result<Length, E> {
        Ok(Length { bytes: 0, is_list: false })
    }

    fn visit_i64<E>(self, _: i64) -> Result<Length, E> {
        Ok(Length { bytes: 0, is_list: false })
    }

    fn visit_u64<E>(self, _: u64) -> Result<Length, E> {
        Ok(Length { bytes: 0, is_list: false })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Length, A::Error> {
        let mut bytes = 0_usize;
        while let Some(Length { bytes: more, .. }) = list.next_element()? {
            bytes += more;
        }
        Ok(Length { bytes, is_list: true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_merges_are_measured() {
        for (text, bytes) in [
            (r#"{}"#, 0),
            (r#"{"a b":0,"é":1}"#, 3),
            (r#"["a b","aa b"]"#, 3),
            (r#"[["a","b"],["aa"," b"]]"#, 4),
            (r#"[["a",-1.5],["bc",0],["d",-3]]"#, 2),
        ] {
            assert_eq!(serde_json::from_str::<Longest>(text).unwrap().bytes, bytes, "{text}");
        }
    }
}
