//! Why a tokenizer can't be used.

use thiserror::Error;

/// Why a tokenizer can't be used.
#[derive(Debug, Error)]
pub enum TokenizerError {
    /// Not JSON, or not a tokenizer.
    #[error("tokenizer.json is not readable: {0}")]
    Json(String),
    /// tokenizer_config.json is not JSON, or its tokens are not tokens.
    #[error("tokenizer_config.json is not readable: {0}")]
    Config(String),
    /// The file is too large to be a tokenizer.
    #[error("tokenizer.json has {bytes} bytes; at most {limit} are read")]
    TooLarge {
        /// Bytes of the file.
        bytes: usize,
        /// The most that are read.
        limit: usize,
    },
    /// Too many tokens, or an id too large.
    #[error("tokenizer.json: the vocabulary has more than {limit} tokens or an id above that")]
    TooManyTokens {
        /// The most that are read.
        limit: usize,
    },
    /// Another kind of tokenizer, or a part that can't be honoured.
    #[error("tokenizer.json: {part} `{found}` is not supported here; expected {expected}")]
    Unsupported {
        /// `model`, `pre_tokenizer`, …
        part: &'static str,
        /// What the file has.
        found: String,
        /// What is supported.
        expected: &'static str,
    },
    /// The unknown-word or start token is not in the vocabulary.
    #[error("tokenizer.json: the token `{0}` is not in the vocabulary")]
    MissingToken(String),
    /// Two tokens have one id, so that decoding would be a matter of luck.
    #[error("tokenizer.json: the id {id} stands for two tokens, one of them `{token}`")]
    DuplicateId {
        /// The id.
        id: u32,
        /// The second of the two.
        token: String,
    },
    /// An added token would get another id than the file says.
    #[error(
        "the added token `{token}` is declared with the id {declared}, but the vocabulary gives it {actual}"
    )]
    AddedToken {
        /// The token.
        token: String,
        /// The id that the file declares.
        declared: u32,
        /// The id that it would get.
        actual: u32,
    },
    /// The tokenizers library refuses the file.
    #[error("tokenizer.json is refused: {0}")]
    Refused(String),
    /// The text is too long to be encoded at once.
    #[error("the text has {bytes} bytes; encode at most {limit} at once")]
    TextTooLong {
        /// Bytes of the text.
        bytes: usize,
        /// The most that are encoded at once.
        limit: usize,
    },
    /// The tokenizer has no tokens for a text.
    #[error("the text can't be encoded: {0}")]
    Encode(String),
    /// The tokenizer can't put tokens together.
    #[error("the tokens can't be decoded: {0}")]
    Decode(String),
}

/// Another library's error in one line of bounded length; some quote whole values.
pub(crate) fn line(error: &(impl std::fmt::Display + ?Sized)) -> String {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    if first.chars().count() <= 240 {
        return first.to_owned();
    }
    let (head, tail): (String, String) =
        (first.chars().take(120).collect(), first.chars().rev().take(110).collect());
    format!("{head} … {}", tail.chars().rev().collect::<String>())
}

impl TokenizerError {
    pub(crate) fn json(error: serde_json::Error) -> Self {
        Self::Json(line(&error))
    }
}
