//! `tokenizer.json` of word-level tokenizers, small enough for the page's first load.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;

use crate::{Tokenizer, TokenizerError};

/// A WordLevel tokenizer: words at white space, optionally digits one by one.
#[derive(Debug, Clone)]
pub struct WordTokenizer {
    ids: HashMap<String, u32>,
    words: Vec<String>,
    unknown: u32,
    prefix: Vec<u32>,
    split_digits: bool,
    special: Vec<bool>,
}

#[derive(Deserialize)]
struct File {
    model: Value,
    pre_tokenizer: Value,
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    post_processor: Value,
    #[serde(default)]
    added_tokens: Vec<Added>,
}

#[derive(Deserialize)]
struct Added {
    id: u32,
    special: bool,
}

impl WordTokenizer {
    /// Reads a `tokenizer.json` with a WordLevel model and a WhitespaceSplit (and Digits) pre-tokenizer.
    ///
    /// # Errors
    /// Names the part that is of another kind.
    pub fn from_json(text: &str) -> Result<Self, TokenizerError> {
        let file: File = serde_json::from_str(text).map_err(TokenizerError::json)?;
        expect("model", &file.model, "WordLevel")?;
        if !file.normalizer.is_null() {
            return Err(unsupported("normalizer", &file.normalizer, "none"));
        }
        let split_digits = match kind(&file.pre_tokenizer) {
            "WhitespaceSplit" => false,
            "Sequence" => {
                let steps = file.pre_tokenizer["pretokenizers"].as_array().cloned().unwrap_or_default();
                let [split, digits] = steps.as_slice() else {
                    return Err(unsupported(
                        "pre_tokenizer",
                        &file.pre_tokenizer,
                        "WhitespaceSplit, then Digits",
                    ));
                };
                expect("pre_tokenizer", split, "WhitespaceSplit")?;
                expect("pre_tokenizer", digits, "Digits")?;
                digits["individual_digits"].as_bool() == Some(true)
            }
            _ => {
                return Err(unsupported(
                    "pre_tokenizer",
                    &file.pre_tokenizer,
                    "WhitespaceSplit, then Digits",
                ));
            }
        };
        let ids: HashMap<String, u32> =
            serde_json::from_value(file.model["vocab"].clone()).map_err(TokenizerError::json)?;
        let size = ids.values().max().map_or(0, |&id| id as usize + 1);
        if size > 1 << 20 {
            return Err(unsupported("vocab", &Value::from(size), "at most 1,048,576 ids"));
        }
        let mut words = vec![String::new(); size];
        for (word, &id) in &ids {
            words[id as usize] = word.clone();
        }
        let find =
            |word: &str| ids.get(word).copied().ok_or_else(|| TokenizerError::MissingToken(word.to_owned()));
        let unknown = find(file.model["unk_token"].as_str().unwrap_or("<unk>"))?;
        let mut prefix = Vec::new();
        for piece in file.post_processor["single"].as_array().into_iter().flatten() {
            match piece["SpecialToken"]["id"].as_str() {
                Some(word) => prefix.push(find(word)?),
                None => break,
            }
        }
        let mut special = vec![false; size];
        for token in file.added_tokens.iter().filter(|token| token.special) {
            if let Some(mark) = special.get_mut(token.id as usize) {
                *mark = true;
            }
        }
        Ok(Self { ids, words, unknown, prefix, split_digits, special })
    }

    /// Token ids of a text, the start token first.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let mut out = self.prefix.clone();
        for word in text.split_whitespace() {
            if !self.split_digits {
                out.push(self.id(word));
                continue;
            }
            let mut rest = word;
            while let Some(first) = rest.chars().next() {
                let end = if first.is_numeric() {
                    first.len_utf8()
                } else {
                    rest.find(char::is_numeric).unwrap_or(rest.len())
                };
                let (piece, tail) = rest.split_at(end);
                out.push(self.id(piece));
                rest = tail;
            }
        }
        out
    }

    /// The words of these ids, joined by spaces, without special tokens; digits of one number stand together.
    pub fn decode(&self, ids: &[u32]) -> String {
        let mut out = String::new();
        let mut after_digit = false;
        for &id in ids {
            if self.special.get(id as usize) == Some(&true) {
                continue;
            }
            let word = self.words.get(id as usize).map_or("", String::as_str);
            let digit =
                self.split_digits && word.len() == 1 && word.starts_with(|c: char| c.is_ascii_digit());
            let same_number = after_digit && digit;
            if !out.is_empty() && !same_number {
                out.push(' ');
            }
            out.push_str(word);
            after_digit = digit;
        }
        out
    }

    /// The id of one word.
    pub fn id_of(&self, word: &str) -> Option<u32> {
        self.ids.get(word).copied()
    }

    /// Number of ids.
    pub fn vocab_size(&self) -> usize {
        self.words.len()
    }

    /// The word of one id.
    pub fn word(&self, id: u32) -> Option<&str> {
        self.words.get(id as usize).map(String::as_str)
    }

    fn id(&self, word: &str) -> u32 {
        self.id_of(word).unwrap_or(self.unknown)
    }
}

impl Tokenizer for WordTokenizer {
    fn encode(&self, text: &str, special: bool) -> Result<Vec<u32>, TokenizerError> {
        let mut ids = WordTokenizer::encode(self, text);
        if !special {
            ids.drain(..self.prefix.len());
        }
        Ok(ids)
    }

    fn decode(&self, ids: &[u32]) -> Result<String, TokenizerError> {
        Ok(WordTokenizer::decode(self, ids))
    }

    fn vocab_size(&self) -> usize {
        WordTokenizer::vocab_size(self)
    }

    fn id_of(&self, token: &str) -> Option<u32> {
        WordTokenizer::id_of(self, token)
    }

    fn describe(&self) -> String {
        format!("WordLevel with {} tokens", self.words.len())
    }
}

fn kind(value: &Value) -> &str {
    value["type"].as_str().unwrap_or("none")
}

fn expect(part: &'static str, value: &Value, expected: &'static str) -> Result<(), TokenizerError> {
    if kind(value) == expected { Ok(()) } else { Err(unsupported(part, value, expected)) }
}

fn unsupported(part: &'static str, value: &Value, expected: &'static str) -> TokenizerError {
    let found = if value.is_object() { kind(value).to_owned() } else { value.to_string() };
    TokenizerError::Unsupported { part, found, expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(split: bool) -> String {
        let pre = match split {
            true => {
                r#"{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},{"type":"Digits","individual_digits":true}]}"#
            }
            false => r#"{"type":"WhitespaceSplit"}"#,
        };
        format!(
            r#"{{"model":{{"type":"WordLevel","unk_token":"<unk>","vocab":{{"<unk>":0,"<s>":1,"Tom":2,"has":3,"1":4,"2":5,"12":6}}}},
            "pre_tokenizer":{pre},"added_tokens":[{{"id":1,"special":true}}],
            "post_processor":{{"type":"TemplateProcessing","single":[{{"SpecialToken":{{"id":"<s>"}}}},{{"Sequence":{{"id":"A"}}}}]}}}}"#
        )
    }

    #[test]
    fn digits_are_split_and_joined_again() {
        let tokenizer = WordTokenizer::from_json(&sample(true)).unwrap();
        let ids = tokenizer.encode("Tom has 12 whales");
        assert_eq!(ids, [1, 2, 3, 4, 5, 0]);
        assert_eq!(tokenizer.decode(&ids), "Tom has 12 <unk>");
    }

    #[test]
    fn special_tokens_are_left_out_where_asked() {
        let tokenizer: Box<dyn Tokenizer> = Box::new(WordTokenizer::from_json(&sample(true)).unwrap());
        assert_eq!(tokenizer.encode("Tom has 1", true).unwrap(), [1, 2, 3, 4]);
        assert_eq!(tokenizer.encode("Tom has 1", false).unwrap(), [2, 3, 4]);
        assert_eq!(tokenizer.describe(), "WordLevel with 7 tokens");
    }

    #[test]
    fn whole_numbers_stay_whole() {
        assert_eq!(WordTokenizer::from_json(&sample(false)).unwrap().encode("has 12"), [1, 3, 6]);
    }

    #[test]
    fn another_kind_of_tokenizer_is_named() {
        let error = WordTokenizer::from_json(&sample(true).replace("WordLevel", "BPE")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "tokenizer.json: model `BPE` is not supported here; expected WordLevel"
        );
    }
}
