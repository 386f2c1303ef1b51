//! Text to token ids and back.

mod word;

pub use word::{TokenizerError, WordTokenizer};
