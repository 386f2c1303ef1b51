//! Text that grows with the tokens of a running generation.

use crate::{Tokenizer, TokenizerError};

/// Decodes a growing list of ids piece by piece.
///
/// A piece is given out once no later token can change it: a character whose bytes are spread over tokens comes whole. All pieces and
/// what [`finish`](Self::finish) returns make exactly the text that decoding all ids at once makes.
pub struct TextStream<'a> {
    tokenizer: &'a dyn Tokenizer,
    ids: Vec<u32>,
    shown: String,
    /// Breaks a run of byte tokens, if the tokenizer has such.
    probe: Option<u32>,
}

impl<'a> TextStream<'a> {
    /// A stream without tokens.
    pub fn new(tokenizer: &'a dyn Tokenizer) -> Self {
        Self { tokenizer, ids: Vec::new(), shown: String::new(), probe: tokenizer.id_of("<0xFF>") }
    }

    /// Adds a token and returns the text that is certain by now, often one word, sometimes none.
    ///
    /// # Errors
    /// When the tokens can't be decoded.
    pub fn push(&mut self, id: u32) -> Result<String, TokenizerError> {
        self.ids.push(id);
        let text = self.tokenizer.decode(&self.ids)?;
        let mut certain = text.as_str();
        // Byte tokens in a row become characters together or not at all: what changes with a byte more is not certain.
        if let Some(probe) = self.probe {
            self.ids.push(probe);
            let other = self.tokenizer.decode(&self.ids)?;
            self.ids.pop();
            certain = common_prefix(certain, &other);
        }
        // Unfinished characters are decoded to these.
        certain = certain.trim_end_matches(char::REPLACEMENT_CHARACTER);
        Ok(self.show(certain))
    }

    /// The text that was held back, at the end.
    ///
    /// # Errors
    /// When the tokens can't be decoded.
    pub fn finish(mut self) -> Result<String, TokenizerError> {
        let text = self.tokenizer.decode(&self.ids)?;
        Ok(self.show(&text))
    }

    /// The ids so far.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    fn show(&mut self, text: &str) -> String {
        let new = text.strip_prefix(self.shown.as_str()).unwrap_or_default();
        self.shown.push_str(new);
        new.to_owned()
    }
}

fn common_prefix<'a>(text: &'a str, other: &str) -> &'a str {
    let differs = text.char_indices().zip(other.chars()).find(|((_, a), b)| a != b);
    let end = differs.map_or(text.len().min(other.len()), |((at, _), _)| at);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Ids are bytes, decoded as byte-level tokenizers do.
    struct Bytes;

    impl Tokenizer for Bytes {
        fn encode(&self, text: &str, _: bool) -> Result<Vec<u32>, TokenizerError> {
            Ok(text.bytes().map(u32::from).collect())
        }
        fn decode(&self, ids: &[u32]) -> Result<String, TokenizerError> {
            let bytes: Vec<u8> = ids.iter().map(|&id| id as u8).collect();
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        }
        fn vocab_size(&self) -> usize {
            256
        }
        fn id_of(&self, _: &str) -> Option<u32> {
            None
        }
    }

    #[test]
    fn a_character_comes_whole() {
        let mut stream = TextStream::new(&Bytes);
        let pieces: Vec<String> = "é🙂".bytes().map(|byte| stream.push(byte.into()).unwrap()).collect();
        assert_eq!(pieces, ["", "é", "", "", "", "🙂"]);
        assert_eq!(stream.finish().unwrap(), "");
    }

    #[test]
    fn an_unfinished_character_comes_at_the_end() {
        let mut stream = TextStream::new(&Bytes);
        assert_eq!(stream.push(b'a'.into()).unwrap(), "a");
        assert_eq!(stream.push(0xF0).unwrap(), "");
        assert_eq!(stream.finish().unwrap(), "\u{FFFD}");
    }

    #[test]
    fn the_common_prefix_ends_at_a_character() {
        assert_eq!(common_prefix("aé", "aè"), "a");
        assert_eq!(common_prefix("aé", "aéb"), "aé");
        assert_eq!(common_prefix("aéb", "aé"), "aé");
    }

    proptest! {
        #[test]
        fn pieces_make_the_whole_text(ids in prop::collection::vec(0_u32..256, 0..40)) {
            let mut stream = TextStream::new(&Bytes);
            let mut text = String::new();
            for &id in &ids {
                text += &stream.push(id).unwrap();
            }
            text += &stream.finish().unwrap();
            prop_assert_eq!(text, Bytes.decode(&ids).unwrap());
        }
    }
}
