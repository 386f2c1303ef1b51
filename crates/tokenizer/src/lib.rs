//! Text to token ids and back.
//!
//! [`WordTokenizer`] is small enough for a page's first load. The feature `full` adds [`HfTokenizer`], every `tokenizer.json` of the
//! Hugging Face library, and [`ChatTemplate`]. Files are hostile: they are checked before they are used, and sizes are capped.

#[cfg(feature = "full")]
mod chat;
#[cfg(feature = "full")]
mod check;
mod error;
#[cfg(feature = "full")]
mod hf;
mod outline;
mod stream;
mod word;

#[cfg(feature = "full")]
pub use chat::{ChatError, ChatTemplate, Date, Message};
pub use error::TokenizerError;
#[cfg(feature = "full")]
pub use hf::{Encoding, HfTokenizer, open, open_shared};
pub use outline::{MAX_BYTES, MAX_TOKENS, Outline};
pub use stream::TextStream;
pub use word::WordTokenizer;

/// Text to token ids and back.
pub trait Tokenizer {
    /// Token ids of a text; `special` adds what the tokenizer puts around a text, such as the start token.
    ///
    /// Special tokens that are written out in the text become their ids in either case.
    ///
    /// # Errors
    /// When the tokenizer has no token for a part of the text, or the text is too long.
    fn encode(&self, text: &str, special: bool) -> Result<Vec<u32>, TokenizerError>;

    /// The text of token ids, special tokens and unknown ids left out.
    ///
    /// # Errors
    /// When the tokenizer can't put the tokens together.
    fn decode(&self, ids: &[u32]) -> Result<String, TokenizerError>;

    /// Number of tokens, added ones too. A model's embedding may have more rows.
    fn vocab_size(&self) -> usize;

    /// The id of one token, as it is written in the vocabulary.
    fn id_of(&self, token: &str) -> Option<u32>;

    /// What it is, in a few words: `BPE with 49152 tokens`.
    fn describe(&self) -> String {
        format!("{} tokens", self.vocab_size())
    }
}
