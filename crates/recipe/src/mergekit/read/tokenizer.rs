//! How vocabularies are joined.

use super::super::tree::{Node, Value};
use super::super::{ConfigError, EmbeddingSource, TokenId, TokenRule, TokenizerSource, TokenizerSpec, keys};
use super::model::model;
use super::node::{Entries, get, is_null, map, required, text_of, whole, word, wrong};

/// The tokenizer, by its new key or its old one.
pub(super) fn tokenizer(entries: &Entries) -> Result<Option<TokenizerSpec>, ConfigError> {
    let legacy = entries.iter().find(|(key, node)| key.name == "tokenizer_source" && !is_null(node));
    let Some(node) = get(entries, "tokenizer") else {
        let spec = |source| TokenizerSpec { source, ..TokenizerSpec::default() };
        return legacy.map(|(_, node)| tokenizer_source(node).map(spec)).transpose();
    };
    if let Some((key, _)) = legacy {
        let name = "the tokenizer (`tokenizer` and `tokenizer_source`)".into();
        return Err(ConfigError::Duplicate { name, line: key.line });
    }
    let entries = keys::TOKENIZER.entries(node)?;
    let mut tokens = Vec::new();
    if let Some(node) = get(entries, "tokens") {
        for (key, node) in map(node, "tokens", "a mapping from tokens to {source: …}")? {
            tokens.push((key.name.clone(), token_rule(node)?));
        }
    }
    const MULTIPLE: &str = "a whole number from 1, for example 64";
    let pad = get(entries, "pad_to_multiple_of");
    let pad = pad.map(|node| whole(node, "pad_to_multiple_of", MULTIPLE, u64::from(u32::MAX))).transpose()?;
    Ok(Some(TokenizerSpec {
        source: get(entries, "source").map(tokenizer_source).transpose()?.unwrap_or_default(),
        tokens,
        pad_to_multiple_of: pad.map(|multiple| multiple as u32),
    }))
}

fn tokenizer_source(node: &Node) -> Result<TokenizerSource, ConfigError> {
    match &node.value {
        Value::Text(text) if text == "union" => Ok(TokenizerSource::Union),
        Value::Text(text) if text == "base" => Ok(TokenizerSource::Base),
        _ => model(node).map(TokenizerSource::Model),
    }
}

fn token_rule(node: &Node) -> Result<TokenRule, ConfigError> {
    let entries = keys::TOKEN.entries(node)?;
    let force = match get(entries, "force") {
        None => false,
        Some(Node { value: Value::Flag(force), .. }) => *force,
        Some(node) => return Err(wrong(node, "force", "true or false")),
    };
    Ok(TokenRule { source: get(entries, "source").map(embedding).transpose()?, force })
}

fn embedding(node: &Node) -> Result<EmbeddingSource, ConfigError> {
    let Value::Map(entries) = &node.value else { return model(node).map(EmbeddingSource::Model) };
    let Some(kind) = get(entries, "kind") else { return model(node).map(EmbeddingSource::Model) };
    let is_zero = word(kind, "kind", &["zero", "model_token"], &[true, false])?;
    if is_zero {
        keys::ZERO.entries(node)?;
        return Ok(EmbeddingSource::Zero);
    }
    let entries = keys::MODEL_TOKEN.entries(node)?;
    let name = required(entries, "model", &keys::MODEL_TOKEN, node, "org/model")?;
    let token = match (get(entries, "token"), get(entries, "token_id")) {
        (Some(node), None) => TokenId::Text(text_of(node, "token")?),
        (None, Some(node)) => {
            let id = whole(node, "token_id", "a whole number from 0", u64::from(u32::MAX))?;
            TokenId::Id(id as u32)
        }
        _ => {
            return Err(wrong(node, "the source of a token", "one of `token` and `token_id` beside `model`"));
        }
    };
    Ok(EmbeddingSource::ModelToken { model: model(name)?, token })
}
