//! What a `tokenizer.json` is, read without building it: its kind and its tokens.

use std::fmt;

use crate::TokenizerError;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The most bytes of a `tokenizer.json`; the largest known have half as many.
pub const MAX_BYTES: usize = 64 << 20;

/// The most tokens of a vocabulary, and above every id; the largest known has a quarter as many.
pub const MAX_TOKENS: usize = 1 << 20;

/// What a `tokenizer.json` is: its kind and how many tokens it has.
#[derive(Debug)]
pub struct Outline {
    kind: String,
    tokens: usize,
}

impl Outline {
    /// Reads the text of a `tokenizer.json`.
    ///
    /// # Errors
    /// When it is not one, is too large, or two tokens share an id.
    pub fn from_json(text: &str) -> Result<Self, TokenizerError> {
        if text.len() > MAX_BYTES {
            return Err(TokenizerError::TooLarge { bytes: text.len(), limit: MAX_BYTES });
        }
        let file: File = serde_json::from_str(text).map_err(TokenizerError::json)?;
        let Vocab { count, mut ids, error } = file.model.vocab;
        if let Some(error) = error {
            return Err(error);
        }
        let mut tokens = count;
        for added in &file.added_tokens {
            let place = ids.get_mut(added.id as usize);
            let place = place.ok_or(TokenizerError::TooManyTokens { limit: MAX_TOKENS })?;
            tokens += usize::from(!std::mem::replace(place, true));
        }
        let guessed = if file.model.merges.is_some() { "BPE" } else { "WordPiece" };
        Ok(Self { kind: file.model.kind.unwrap_or_else(|| guessed.to_owned()), tokens })
    }

    /// The model's kind: `BPE`, `Unigram`, `WordPiece`, `WordLevel`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Number of tokens, added ones too.
    pub fn tokens(&self) -> usize {
        self.tokens
    }
}

/// `BPE with 49152 tokens`.
impl fmt::Display for Outline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with {} tokens", self.kind, self.tokens)
    }
}

#[derive(Deserialize)]
struct File {
    model: Model,
    #[serde(default)]
    added_tokens: Vec<Added>,
}

#[derive(Deserialize)]
struct Model {
    #[serde(rename = "type")]
    kind: Option<String>,
    vocab: Vocab,
    merges: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Added {
    id: u32,
}

/// Either `{"token": id}` or `[["token", score]]`, whose ids are their places.
struct Vocab {
    count: usize,
    /// `[MAX_TOKENS]`: which ids are taken.
    ids: Vec<bool>,
    /// The first thing wrong with it.
    error: Option<TokenizerError>,
}

impl<'de> Deserialize<'de> for Vocab {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(VocabVisitor)
    }
}

struct VocabVisitor;

impl VocabVisitor {
    fn empty() -> Vocab {
        Vocab { count: 0, ids: vec![false; MAX_TOKENS], error: None }
    }
}

impl<'de> Visitor<'de> for VocabVisitor {
    type Value = Vocab;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a vocabulary")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vocab, A::Error> {
        let mut vocab = Self::empty();
        while let Some((token, id)) = map.next_entry::<String, u32>()? {
            vocab.count += 1;
            let error = match vocab.ids.get_mut(id as usize) {
                None => TokenizerError::TooManyTokens { limit: MAX_TOKENS },
                Some(taken @ false) => {
                    *taken = true;
                    continue;
                }
                Some(true) => TokenizerError::DuplicateId { id, token },
            };
            vocab.error.get_or_insert(error);
        }
        Ok(vocab)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vocab, A::Error> {
        let mut vocab = Self::empty();
        while let Some((_, score)) = list.next_element::<(IgnoredAny, f64)>()? {
            if !score.is_finite() {
                return Err(A::Error::custom("a token's score is not a number"));
            }
            match vocab.ids.get_mut(vocab.count) {
                Some(taken) => *taken = true,
                None => vocab.error = Some(TokenizerError::TooManyTokens { limit: MAX_TOKENS }),
            }
            vocab.count += 1;
        }
        Ok(vocab)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(vocab: &str, added: &str) -> String {
        format!(r#"{{"model":{{"type":"BPE","vocab":{vocab},"merges":[]}},"added_tokens":{added}}}"#)
    }

    fn message(vocab: &str, added: &str) -> String {
        Outline::from_json(&file(vocab, added)).unwrap_err().to_string()
    }

    #[test]
    fn tokens_are_counted_once() {
        let added = r#"[{"id":1,"content":"b"},{"id":2,"content":"<s>"}]"#;
        let outline = Outline::from_json(&file(r#"{"a":0,"b":1}"#, added)).unwrap();
        assert_eq!(outline.to_string(), "BPE with 3 tokens");
    }

    #[test]
    fn a_list_of_pieces_counts_too() {
        let outline = Outline::from_json(&file(r#"[["<unk>",0.0],["a",-1.5]]"#, "[]")).unwrap();
        assert_eq!((outline.kind(), outline.tokens()), ("BPE", 2));
    }

    #[test]
    fn a_file_that_is_too_large_is_not_read() {
        let error = Outline::from_json(&" ".repeat(MAX_BYTES + 1)).unwrap_err();
        assert_eq!(error.to_string(), "tokenizer.json has 67108865 bytes; at most 67108864 are read");
    }

    #[test]
    fn ids_and_counts_have_a_limit() {
        for (vocab, added) in
            [(r#"{"a":1048576}"#, "[]"), (r#"{"a":0}"#, r#"[{"id":4294967295,"content":"b"}]"#)]
        {
            assert!(message(vocab, added).contains("more than 1048576 tokens"), "{vocab}");
        }
        let many = format!("[{}[\"\",0]]", "[\"\",0],".repeat(MAX_TOKENS));
        assert!(message(&many, "[]").contains("more than 1048576 tokens"));
    }

    #[test]
    fn an_id_stands_for_one_token() {
        assert_eq!(
            message(r#"{"a":0,"b":0}"#, "[]"),
            "tokenizer.json: the id 0 stands for two tokens, one of them `b`"
        );
    }

    #[test]
    fn what_is_no_tokenizer_is_said_so() {
        for text in ["", "[]", "{}", r#"{"model":{"vocab":5}}"#, r#"{"model":{"vocab":{"a":-1}}}"#] {
            let error = Outline::from_json(text).unwrap_err();
            assert!(matches!(error, TokenizerError::Json(_)), "{text}: {error}");
        }
    }
}
