//! Every `tokenizer.json` of the Hugging Face library.

use serde::Deserialize;
use serde_json::Value;
pub use tokenizers::Encoding;
use tokenizers::{AddedToken, Tokenizer as Inner};

use crate::check::Parts;
use crate::error::line;
use crate::{MAX_TOKENS, Outline, Tokenizer, TokenizerError, WordTokenizer};

/// The most bytes of text that are encoded at once.
const MAX_TEXT: usize = 16 << 20;

/// The tokenizer of a `tokenizer.json`: [`WordTokenizer`] for the word-level ones it knows, else [`HfTokenizer`].
///
/// # Errors
/// When a file can't be read or honoured.
pub fn open(
    tokenizer_json: &str,
    tokenizer_config_json: Option<&str>,
) -> Result<Box<dyn Tokenizer>, TokenizerError> {
    Ok(open_shared(tokenizer_json, tokenizer_config_json)?)
}

/// As [`open`], for several threads to share.
///
/// # Errors
/// When a file can't be read or honoured.
pub fn open_shared(
    tokenizer_json: &str,
    tokenizer_config_json: Option<&str>,
) -> Result<Box<dyn Tokenizer + Send + Sync>, TokenizerError> {
    let outline = Outline::from_json(tokenizer_json)?;
    if outline.kind() == "WordLevel"
        && let Ok(words) = WordTokenizer::from_json(tokenizer_json)
    {
        return Ok(Box::new(words));
    }
    Ok(Box::new(HfTokenizer::build(tokenizer_json, &outline, tokenizer_config_json)?))
}

/// A tokenizer of the Hugging Face library.
///
/// Truncation and padding that the file asks for are left out: whole texts become ids.
pub struct HfTokenizer {
    inner: Inner,
    kind: String,
    /// The library counts by copying the vocabulary, so it is counted once.
    tokens: usize,
}

impl HfTokenizer {
    /// Reads the text of a `tokenizer.json`.
    ///
    /// # Errors
    /// When it can't be read or honoured.
    pub fn from_json(tokenizer_json: &str) -> Result<Self, TokenizerError> {
        Self::build(tokenizer_json, &Outline::from_json(tokenizer_json)?, None)
    }

    fn build(text: &str, outline: &Outline, config: Option<&str>) -> Result<Self, TokenizerError> {
        let parts = Parts::from_json(text)?;
        let mut inner: Inner = text.parse().map_err(|error| TokenizerError::Refused(line(&error)))?;
        inner.with_truncation(None).map_err(|error| TokenizerError::Refused(line(&error)))?;
        inner.with_padding(None);
        for added in &parts.added_tokens {
            expect_id(&inner, &added.content, added.id)?;
        }
        for (id, token) in config.map(config_tokens).transpose()?.unwrap_or_default() {
            let content = token.content.clone();
            inner.add_tokens([token]).map_err(|error| TokenizerError::Refused(line(&error)))?;
            expect_id(&inner, &content, id)?;
        }
        let tokens = inner.get_vocab_size(true);
        Ok(Self { inner, kind: outline.kind().to_owned(), tokens })
    }

    /// Ids, tokens, offsets in code points, and which tokens the tokenizer added.
    ///
    /// # Errors
    /// When the tokenizer has no token for a part of the text, or the text is too long.
    pub fn encoding(&self, text: &str, special: bool) -> Result<Encoding, TokenizerError> {
        short(text)?;
        self.inner.encode_char_offsets(text, special).map_err(|error| TokenizerError::Encode(line(&error)))
    }

    /// The same for two texts, put together as the tokenizer does for such pairs.
    ///
    /// # Errors
    /// When the tokenizer has no token for a part of a text, or a text is too long.
    pub fn pair_encoding(
        &self,
        first: &str,
        second: &str,
        special: bool,
    ) -> Result<Encoding, TokenizerError> {
        short(first)?;
        short(second)?;
        let encoding = self.inner.encode_char_offsets((first, second), special);
        encoding.map_err(|error| TokenizerError::Encode(line(&error)))
    }

    /// The text of token ids, special tokens written out.
    ///
    /// # Errors
    /// When the tokenizer can't put the tokens together.
    pub fn decode_with_special(&self, ids: &[u32]) -> Result<String, TokenizerError> {
        self.inner.decode(ids, false).map_err(|error| TokenizerError::Decode(line(&error)))
    }
}

impl Tokenizer for HfTokenizer {
    fn encode(&self, text: &str, special: bool) -> Result<Vec<u32>, TokenizerError> {
        short(text)?;
        let encoding = self.inner.encode_fast(text, special);
        Ok(encoding.map_err(|error| TokenizerError::Encode(line(&error)))?.get_ids().to_vec())
    }

    fn decode(&self, ids: &[u32]) -> Result<String, TokenizerError> {
        self.inner.decode(ids, true).map_err(|error| TokenizerError::Decode(line(&error)))
    }

    fn vocab_size(&self) -> usize {
        self.tokens
    }

    fn id_of(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    fn describe(&self) -> String {
        format!("{} with {} tokens", self.kind, self.tokens)
    }
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    added_tokens_decoder: serde_json::Map<String, Value>,
}

/// The tokens that `tokenizer_config.json` adds, by id.
fn config_tokens(text: &str) -> Result<Vec<(u32, AddedToken)>, TokenizerError> {
    let config: Config = serde_json::from_str(text).map_err(|error| TokenizerError::Config(line(&error)))?;
    let mut tokens = Vec::new();
    for (id, token) in config.added_tokens_decoder {
        let id: u32 = serde_json::from_str(&id).map_err(|error| TokenizerError::Config(line(&error)))?;
        if id as usize >= MAX_TOKENS {
            return Err(TokenizerError::TooManyTokens { limit: MAX_TOKENS });
        }
        tokens
            .push((id, serde_json::from_value(token).map_err(|error| TokenizerError::Config(line(&error)))?));
    }
    tokens.sort_by_key(|(id, _)| *id);
    Ok(tokens)
}

fn expect_id(inner: &Inner, token: &str, declared: u32) -> Result<(), TokenizerError> {
    match inner.token_to_id(token) {
        Some(actual) if actual != declared => {
            Err(TokenizerError::AddedToken { token: token.to_owned(), declared, actual })
        }
        // Empty tokens are ignored.
        _ => Ok(()),
    }
}

fn short(text: &str) -> Result<(), TokenizerError> {
    if text.len() > MAX_TEXT {
        return Err(TokenizerError::TextTooLong { bytes: text.len(), limit: MAX_TEXT });
    }
    Ok(())
}
