//! The parts of a `tokenizer.json` that a file could use to stop the library, refused beforehand.

mod charsmap;
mod longest;
mod text;

use serde::Deserialize;
use serde_json::Value;

use self::longest::Longest;
use crate::TokenizerError;

/// WordPiece looks up every piece of a word of at most so many characters.
const MAX_WORD: u64 = 1000;

/// Everything of a `tokenizer.json` but the vocabulary.
#[derive(Deserialize)]
pub struct Parts {
    model: Model,
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
    #[serde(default)]
    post_processor: Value,
    #[serde(default)]
    decoder: Value,
    /// Tokens that stand outside the model's vocabulary, or are marked in it.
    #[serde(default)]
    pub added_tokens: Vec<Added>,
}

/// A token and the id that it must have.
#[derive(Deserialize)]
pub struct Added {
    /// The id.
    pub id: u32,
    /// The token.
    pub content: String,
}

#[derive(Deserialize)]
struct Model {
    dropout: Option<f32>,
    max_input_chars_per_word: Option<u64>,
    continuing_subword_prefix: Option<String>,
    #[serde(default)]
    vocab: Longest,
    merges: Option<Longest>,
}

impl Model {
    fn check(&self) -> Result<(), TokenizerError> {
        if self.dropout.is_some_and(|dropout| dropout != 0.0) {
            return Err(unsupported("model.dropout", &Value::from(self.dropout), "none"));
        }
        if let Some(length) = self.max_input_chars_per_word.filter(|length| *length > MAX_WORD) {
            let length = Value::from(length);
            return Err(unsupported("model.max_input_chars_per_word", &length, "at most 1000 characters"));
        }
        let Some(merges) = &self.merges else { return Ok(()) };
        if let Some(prefix) = self.continuing_subword_prefix.as_deref().filter(|prefix| !prefix.is_empty()) {
            return Err(unsupported("model.continuing_subword_prefix", &Value::from(prefix), "none for BPE"));
        }
        if merges.bytes > self.vocab.bytes {
            let found = Value::from(format!("{} bytes", merges.bytes));
            return Err(unsupported("model.merges", &found, "merges into tokens of the vocabulary"));
        }
        Ok(())
    }
}

impl Parts {
    /// Reads them, and refuses what the library would panic or hang at.
    ///
    /// # Errors
    /// Names the part.
    pub fn from_json(text: &str) -> Result<Self, TokenizerError> {
        let parts: Self = serde_json::from_str(text).map_err(TokenizerError::json)?;
        parts.model.check()?;
        text::steps_are_safe("normalizer", steps(&parts.normalizer, "normalizers"))?;
        text::steps_are_safe("decoder", steps(&parts.decoder, "decoders"))?;
        pre_tokenizer(&parts.pre_tokenizer)?;
        post_processor(&parts.post_processor)?;
        Ok(parts)
    }
}

/// Steps of a part: itself, or those of a `Sequence` within `list`, all the way down.
fn steps<'a>(part: &'a Value, list: &str) -> Vec<&'a Value> {
    match part[list].as_array() {
        Some(inner) if part["type"] == "Sequence" => {
            inner.iter().flat_map(|step| steps(step, list)).collect()
        }
        _ => vec![part],
    }
}

fn pre_tokenizer(part: &Value) -> Result<(), TokenizerError> {
    for step in steps(part, "pretokenizers") {
        typed("pre_tokenizer", step)?;
        if step["type"] == "FixedLength" && step["length"] == 0 {
            return Err(unsupported("pre_tokenizer", step, "a length of at least 1"));
        }
    }
    Ok(())
}

/// Templates must name each text once and only special tokens that they define; only one part may put texts together.
fn post_processor(part: &Value) -> Result<(), TokenizerError> {
    let steps = steps(part, "processors");
    let mut joins = 0;
    for step in steps {
        typed("post_processor", step)?;
        joins += usize::from(!step.is_null() && step["type"] != "ByteLevel");
        if joins > 1 {
            return Err(unsupported("post_processor", step, "one template"));
        }
        if step["type"] == "TemplateProcessing" {
            template(step, "single", &["A"])?;
            template(step, "pair", &["A", "B"])?;
        }
    }
    Ok(())
}

fn template(step: &Value, which: &str, texts: &[&str]) -> Result<(), TokenizerError> {
    let pieces = step[which].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut named: Vec<&str> = pieces.iter().filter_map(|piece| piece["Sequence"]["id"].as_str()).collect();
    named.sort_unstable();
    if named != texts {
        return Err(unsupported("post_processor", step, "a template that names each text once"));
    }
    for token in pieces.iter().filter_map(|piece| piece["SpecialToken"]["id"].as_str()) {
        if step["special_tokens"][token]["id"] != token {
            return Err(TokenizerError::MissingToken(token.to_owned()));
        }
    }
    Ok(())
}

/// A part is absent, or says what it is.
fn typed(name: &'static str, part: &Value) -> Result<(), TokenizerError> {
    if part.is_null() || part["type"].is_string() {
        return Ok(());
    }
    Err(unsupported(name, part, "a part with a `type`"))
}

fn unsupported(part: &'static str, value: &Value, expected: &'static str) -> TokenizerError {
    let found = value["type"].as_str().or(value.as_str()).map_or_else(|| value.to_string(), str::to_owned);
    TokenizerError::Unsupported { part, found: found.chars().take(80).collect(), expected }
}
