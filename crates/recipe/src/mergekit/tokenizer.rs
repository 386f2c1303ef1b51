//! How a merge joins its models' vocabularies.

use super::ModelName;

/// The output's tokenizer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TokenizerSpec {
    /// Whose tokens it has.
    pub source: TokenizerSource,
    /// Rules for single tokens, in the file's order; a token that the output does not have yet is added.
    pub tokens: Vec<(String, TokenRule)>,
    /// The embeddings' rows are a multiple of this.
    pub pad_to_multiple_of: Option<u32>,
}

/// Whose tokens the output has.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum TokenizerSource {
    /// `union`: every model's.
    #[default]
    Union,
    /// `base`: the base model's.
    Base,
    /// One model's.
    Model(ModelName),
}

/// Where a token's embedding comes from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TokenRule {
    /// The embedding for models that lack the token; the usual rule decides when absent: the base's embedding, else that
    /// of the only model that has the token, else the average of those that have it, else zero.
    pub source: Option<EmbeddingSource>,
    /// Whether models that have the token are given that embedding too.
    pub force: bool,
}

/// An embedding.
#[derive(Debug, Clone, PartialEq)]
pub enum EmbeddingSource {
    /// `kind: zero`: all zeros.
    Zero,
    /// A model's embedding of the same token.
    Model(ModelName),
    /// `kind: model_token`: a model's embedding of another token.
    ModelToken {
        /// Which model.
        model: ModelName,
        /// Which of its tokens.
        token: TokenId,
    },
}

/// A token of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenId {
    /// `token`: by its text.
    Text(String),
    /// `token_id`: by its row.
    Id(u32),
}

impl TokenizerSpec {
    pub(super) fn add_models<'a>(&'a self, found: &mut Vec<&'a ModelName>) {
        if let TokenizerSource::Model(model) = &self.source {
            found.push(model);
        }
        for (_, rule) in &self.tokens {
            match &rule.source {
                Some(EmbeddingSource::Model(model) | EmbeddingSource::ModelToken { model, .. }) => {
                    found.push(model)
                }
                Some(EmbeddingSource::Zero) | None => {}
            }
        }
    }
}
