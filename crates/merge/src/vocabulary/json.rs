//! The output's `tokenizer.json`: the text it is made from, with entries put in.

use std::ops::Range;

use serde_json::{Value, json};

use super::unite::Union;
use super::{Vocabulary, VocabularyError};

impl Union {
    /// The tokenizer of the [`foundation`](Self::foundation) with the new tokens at the end of its `added_tokens`;
    /// every other byte of `text`, its BPE merges among them, stays.
    ///
    /// A `tokenizer_config.json` or `special_tokens_map.json` beside it stays right, as no id of theirs changes.
    ///
    /// # Errors
    /// When `text` is not the foundation's `tokenizer.json`.
    pub fn tokenizer_json(&self, text: &str) -> Result<String, VocabularyError> {
        let given = Vocabulary::from_tokenizer_json(text)?;
        if self.vocabulary.tokens.get(..self.kept) != Some(&given.tokens) {
            let model = self.models[self.foundation].clone();
            return Err(VocabularyError::OtherTokenizer { model });
        }
        let new = self.vocabulary.iter().skip_while(|(id, _)| (*id as usize) < self.kept);
        let entries: Vec<String> = new
            .map(|(id, token)| {
                let added = token.added.unwrap_or_default();
                let entry: Value = json!({
                    "id": id,
                    "content": &*token.text,
                    "single_word": added.single_word,
                    "lstrip": added.lstrip,
                    "rstrip": added.rstrip,
                    "normalized": added.normalized,
                    "special": added.special,
                });
                format!("\n    {entry}")
            })
            .collect();
        Ok(if entries.is_empty() { text.to_owned() } else { with_entries(text, &entries.join(",")) })
    }
}

/// Puts entries at the end of `added_tokens`, or that list in front of all else where there is none.
fn with_entries(text: &str, entries: &str) -> String {
    let Some(list) = added_tokens(text) else {
        let at = text.find('{').map_or(0, |at| at + 1);
        return format!("{}\"added_tokens\": [{entries}\n  ],{}", &text[..at], &text[at..]);
    };
    let before = text[..list.end].trim_end();
    let comma = if before.len() > list.start { "," } else { "" };
    format!("{before}{comma}{entries}\n  {}", &text[list.end..])
}

/// Where the items of the top level's `added_tokens` stand in what is known to be JSON: the bytes between `[` and `]`.
fn added_tokens(json: &str) -> Option<Range<usize>> {
    let bytes = json.as_bytes();
    let (mut depth, mut at, mut start) = (0usize, 0usize, None);
    // The string at the top level that was read last, and whether its value is the list that is looked for.
    let (mut key, mut found): (&str, bool) = ("", false);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => {
                let end = string_end(bytes, at)?;
                if depth == 1 {
                    key = json.get(at..=end)?;
                }
                at = end;
            }
            b':' if depth == 1 => {
                found = serde_json::from_str::<String>(key).is_ok_and(|k| k == "added_tokens")
            }
            b',' if depth == 1 => found = false,
            b'{' | b'[' => {
                depth += 1;
                if found && depth == 2 {
                    start = Some(at + 1);
                }
            }
            b'}' | b']' => {
                if let Some(start) = start.filter(|_| depth == 2) {
                    return Some(start..at);
                }
                depth = depth.saturating_sub(1);
            }
            _ => (),
        }
        at += 1;
    }
    None
}

/// The closing quote of the string that opens at `at`.
fn string_end(bytes: &[u8], at: usize) -> Option<usize> {
    let mut i = at + 1;
    loop {
        match bytes.get(i)? {
            b'"' => return Some(i),
            b'\\' => i += 2,
            _ => i += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{added_tokens, with_entries};

    #[test]
    fn the_list_is_found_wherever_it_stands() {
        for (json, items) in [
            (r#"{"added_tokens":[],"model":{}}"#, ""),
            (
                r#"{"model":{"added_tokens":[1]},"added_tokens":[{"content":"]}\"["}]}"#,
                r#"{"content":"]}\"["}"#,
            ),
            (r#"{"a":"added_tokens","b":[1],"added\u005ftokens" : [2]}"#, "2"),
        ] {
            assert_eq!(added_tokens(json).map(|list| &json[list]), Some(items), "{json}");
        }
        for json in ["{}", r#"{"model":{"added_tokens":[1]}}"#, r#"["added_tokens",[1]]"#, r#"{"a""#] {
            assert_eq!(added_tokens(json), None, "{json}");
        }
    }

    #[test]
    fn entries_stand_at_the_end() {
        assert_eq!(with_entries(r#"{"added_tokens": [1 ]}"#, "2"), "{\"added_tokens\": [1,2\n  ]}");
        assert_eq!(with_entries(r#"{"added_tokens": []}"#, "2"), "{\"added_tokens\": [2\n  ]}");
        assert_eq!(with_entries(r#"{"a": 1}"#, "2"), "{\"added_tokens\": [2\n  ],\"a\": 1}");
    }
}
