//! A vocabulary, read from the text of a `tokenizer.json`.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

use super::VocabularyError;
use super::error::shown;

/// The most bytes of a `tokenizer.json`; the largest known have half as many.
pub const MAX_BYTES: usize = 64 << 20;

/// The most tokens of a vocabulary, and above every id; the largest known has a quarter as many.
pub const MAX_TOKENS: usize = 1 << 20;

/// The tokens of one model and the rows of its embedding.
///
/// Ids are those of the file: a token that stands both in the model's vocabulary and among the added ones has the id
/// of the former. An id may have no token (a gap), and an embedding may have rows beyond the last token (padding).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vocabulary {
    /// By id.
    pub(super) tokens: Vec<Option<Token>>,
    /// Only looked up in, never walked through.
    pub(super) ids: HashMap<Arc<str>, u32>,
    pub(super) rows: usize,
}

/// A token and how it is written into text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// As it stands in the file: bytes and blanks may be written with stand-ins such as `Ġ` or `▁`.
    pub text: Arc<str>,
    /// How it is found in text, where it is one of the `added_tokens`.
    pub added: Option<Added>,
}

/// How an added token is found in text: the fields of an entry of `added_tokens`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Added {
    /// Only where no letter or digit stands next to it.
    pub single_word: bool,
    /// Takes blanks before it.
    pub lstrip: bool,
    /// Takes blanks after it.
    pub rstrip: bool,
    /// Looked for in the normalised text rather than as typed.
    pub normalized: bool,
    /// A control token, left out of decoded text.
    pub special: bool,
}

/// How a token that was no added one is added: anywhere in the normalised text, and shown in decoded text.
impl Default for Added {
    fn default() -> Self {
        Self { single_word: false, lstrip: false, rstrip: false, normalized: true, special: false }
    }
}

impl Vocabulary {
    /// Reads `model.vocab` (BPE, WordPiece, WordLevel: a map; Unigram: a list) and `added_tokens`.
    ///
    /// # Errors
    /// When the text is no `tokenizer.json` or too large, or a token or an id occurs twice.
    pub fn from_tokenizer_json(text: &str) -> Result<Self, VocabularyError> {
        if text.len() > MAX_BYTES {
            return Err(VocabularyError::TooLarge { bytes: text.len(), limit: MAX_BYTES });
        }
        let file: File = serde_json::from_str(text)?;
        let mut vocabulary = file.model.vocab.0?;
        for AddedToken { id, content, added } in file.added_tokens {
            match vocabulary.ids.get(content.as_str()) {
                Some(&id) => {
                    let place = vocabulary.tokens.get_mut(id as usize).and_then(Option::as_mut);
                    if let Some(token) = place {
                        token.added = Some(added);
                    }
                }
                None => vocabulary.put(id, content, Some(added))?,
            }
        }
        if vocabulary.tokens.is_empty() {
            return Err(VocabularyError::NoTokens);
        }
        vocabulary.rows = vocabulary.tokens.len();
        Ok(vocabulary)
    }

    /// The same vocabulary over an embedding of so many rows; without this it has one row for every id.
    ///
    /// Rows beyond the last token are padding and belong to no token. Tokens beyond the last row have no embedding:
    /// in a union the model counts as one that lacks them.
    #[must_use]
    pub fn with_rows(self, rows: usize) -> Self {
        Self { rows, ..self }
    }

    /// Number of tokens.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is no token.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Rows of the embedding, padding too.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// A token's id.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.ids.get(token).copied()
    }

    /// The row of a token's embedding: its id, where there is such a row.
    pub fn row(&self, token: &str) -> Option<u32> {
        self.id(token).filter(|&id| (id as usize) < self.rows)
    }

    /// The token with an id.
    pub fn token(&self, id: u32) -> Option<&Token> {
        self.tokens.get(id as usize)?.as_ref()
    }

    /// Every token with its id, in the order of ids.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Token)> {
        (0u32..).zip(&self.tokens).filter_map(|(id, token)| Some((id, token.as_ref()?)))
    }

    /// The first id below the last that has no token.
    pub fn first_gap(&self) -> Option<u32> {
        (0u32..).zip(&self.tokens).find(|(_, token)| token.is_none()).map(|(id, _)| id)
    }

    pub(super) fn empty() -> Self {
        Self { tokens: Vec::new(), ids: HashMap::new(), rows: 0 }
    }

    /// Takes a token in.
    pub(super) fn put(
        &mut self,
        id: u32,
        text: impl Into<Arc<str>>,
        added: Option<Added>,
    ) -> Result<(), VocabularyError> {
        let (text, index) = (text.into(), id as usize);
        if index >= MAX_TOKENS {
            return Err(VocabularyError::TooManyTokens { limit: MAX_TOKENS });
        }
        if self.ids.contains_key(&text) {
            return Err(VocabularyError::DuplicateToken { token: shown(&text) });
        }
        if self.tokens.len() <= index {
            self.tokens.resize(index + 1, None);
        }
        if let Some(first) = &self.tokens[index] {
            let (first, second) = (shown(&first.text), shown(&text));
            return Err(VocabularyError::DuplicateId { id, first, second });
        }
        self.ids.insert(Arc::clone(&text), id);
        self.tokens[index] = Some(Token { text, added });
        Ok(())
    }
}

#[derive(Deserialize)]
struct File {
    model: Model,
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
}

#[derive(Deserialize)]
struct Model {
    vocab: Vocab,
}

#[derive(Deserialize)]
struct AddedToken {
    id: u32,
    content: String,
    #[serde(flatten)]
    added: Added,
}

/// The tokens of `model.vocab`, or the first thing wrong with them.
struct Vocab(Result<Vocabulary, VocabularyError>);

impl<'de> Deserialize<'de> for Vocab {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(VocabVisitor).map(Self)
    }
}

struct VocabVisitor;

impl<'de> Visitor<'de> for VocabVisitor {
    type Value = Result<Vocabulary, VocabularyError>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a vocabulary")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut vocabulary = Ok(Vocabulary::empty());
        while let Some((token, id)) = map.next_entry::<String, u32>()? {
            vocabulary = and_put(vocabulary, id, token);
        }
        Ok(vocabulary)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut vocabulary = Ok(Vocabulary::empty());
        let mut id = 0u32;
        while let Some((token, _)) = list.next_element::<(String, f64)>()? {
            vocabulary = and_put(vocabulary, id, token);
            id = id.saturating_add(1);
        }
        Ok(vocabulary)
    }
}

/// Puts a token in unless something is wrong already; what follows is then only parsed.
fn and_put(
    vocabulary: Result<Vocabulary, VocabularyError>,
    id: u32,
    token: String,
) -> Result<Vocabulary, VocabularyError> {
    vocabulary.and_then(|mut vocabulary| vocabulary.put(id, token, None).map(|()| vocabulary))
}
