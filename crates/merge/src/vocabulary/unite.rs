//! One vocabulary for several models, and where the rows of each model's embeddings come from.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::difference::{Examples, few};
use super::error::shown;
use super::report::{TokenOrigin, origin};
use super::rows::{Donor, RowSource, named, own_rows, same};
use super::{Added, MAX_TOKENS, Vocabulary, VocabularyError};

/// A model's name, for messages, and its vocabulary.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    /// What messages call the model.
    pub name: &'a str,
    /// Its tokens and the rows of its embedding.
    pub vocabulary: &'a Vocabulary,
}

/// Whose tokens the output has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Source {
    /// Those of all models.
    #[default]
    Union,
    /// The base's.
    Base,
    /// Those of one model, by its place. A tokenizer whose model is not merged takes part `with_rows(0)`.
    Model(usize),
}

/// Which token of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenRef {
    /// By its text.
    Text(String),
    /// By its id, which may be that of a padding row.
    Id(u32),
}

/// Where a rule takes an embedding from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Embedding {
    /// The same token of one model, by its place.
    Model(usize),
    /// Zeros.
    Zero,
    /// Another token of one model.
    ModelToken {
        /// The model, by its place.
        model: usize,
        /// The token.
        token: TokenRef,
    },
}

/// What is done for one token instead of the default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRule {
    /// The token. One that no model has is added.
    pub token: String,
    /// The embedding of models that lack it.
    pub embedding: Embedding,
    /// Whether models that have it take that embedding too.
    pub force: bool,
}

/// How vocabularies are united.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spec {
    /// Whose tokens the output has.
    pub source: Source,
    /// Exceptions, at most one a token.
    pub tokens: Vec<TokenRule>,
    /// Rounds the number of embedding rows up, usually to 64 or 128.
    pub pad_to_multiple_of: Option<usize>,
}

/// One vocabulary for all models, and what each model's embeddings become for it.
#[derive(Debug, Clone)]
pub struct Union {
    /// The output's tokens, each with its new id. Its rows are those of the output's embeddings, padding too.
    pub vocabulary: Vocabulary,
    /// The model whose tokens come first, with their ids; [`Union::tokenizer_json`] extends its tokenizer.
    pub foundation: usize,
    /// Ids below this are the foundation's; tokens from here on were added to its tokenizer.
    pub kept: usize,
    /// `[models][tokens]`: the source of each model's new rows, by new id. Rows from `tokens` on are padding: the mean
    /// of the rows before them. Without an entry where all models have one vocabulary and nothing changes.
    pub rows: Vec<Vec<RowSource>>,
    /// Every token that some model lacks, or that a rule changes, in the order of ids.
    pub report: Vec<TokenOrigin>,
    /// For every model the tokens that the output lacks.
    pub dropped: Vec<Examples>,
    /// The models' names.
    pub models: Vec<String>,
}

/// Unites vocabularies by the rules of this [module](super).
///
/// `base` is the place of the base model, if there is one.
///
/// # Errors
/// When there are no models, something is named that there is not, a rule occurs twice, the padding is absurd, the
/// union has too many tokens, or tokens had to be added to a tokenizer with a gap in its ids.
pub fn unite(models: &[Named<'_>], base: Option<usize>, spec: &Spec) -> Result<Union, VocabularyError> {
    let foundation = foundation(models, base, spec.source)?;
    let rules = rules(&spec.tokens)?;
    let vocabulary = tokens(models, foundation, spec)?;
    let first = models[foundation].vocabulary;
    let untouched = rules.is_empty()
        && models.iter().all(|model| same(model.vocabulary, first))
        && spec.pad_to_multiple_of.is_none_or(|_| vocabulary.rows == first.rows);
    let mut union = Union {
        vocabulary,
        foundation,
        kept: first.tokens.len(),
        rows: Vec::new(),
        report: Vec::new(),
        dropped: vec![Examples::default(); models.len()],
        models: models.iter().map(|model| model.name.to_owned()).collect(),
    };
    if untouched {
        union.vocabulary.rows = first.rows;
        return Ok(union);
    }
    let tokens = union.vocabulary.tokens.len();
    let mut rows = vec![Vec::with_capacity(tokens); models.len()];
    for (id, token) in (0u32..).zip(&union.vocabulary.tokens) {
        let Some(token) = token else {
            rows.iter_mut().for_each(|rows| rows.push(RowSource::Zero));
            continue;
        };
        let own = own_rows(&token.text, models);
        let donor = match rules.get(&*token.text) {
            Some(rule) => Donor::ruled(rule, models)?,
            None => Donor::usual(&own, base),
        };
        for (model, rows) in rows.iter_mut().enumerate() {
            rows.push(donor.row(model, own[model]));
        }
        union.report.extend(origin(id, &token.text, &own, &rows));
    }
    union.rows = rows;
    for (model, dropped) in models.iter().zip(&mut union.dropped) {
        let lost = model.vocabulary.iter().filter(|(_, token)| union.vocabulary.id(&token.text).is_none());
        *dropped = few(lost.map(|(_, token)| &*token.text));
    }
    Ok(union)
}

/// The model whose tokens come first.
fn foundation(models: &[Named<'_>], base: Option<usize>, source: Source) -> Result<usize, VocabularyError> {
    if models.is_empty() {
        return Err(VocabularyError::NoModels);
    }
    let index = match source {
        Source::Union => base.unwrap_or(0),
        Source::Base => base.ok_or(VocabularyError::NoBase)?,
        Source::Model(index) => index,
    };
    // A base that takes no part is as wrong as a source.
    named(models, base.unwrap_or(0))?;
    named(models, index).map(|_| index)
}

/// The rules by token.
fn rules(rules: &[TokenRule]) -> Result<BTreeMap<&str, &TokenRule>, VocabularyError> {
    let mut by_token = BTreeMap::new();
    for rule in rules {
        if by_token.insert(rule.token.as_str(), rule).is_some() {
            return Err(VocabularyError::RuleTwice { token: shown(&rule.token) });
        }
    }
    Ok(by_token)
}

/// The output's tokens.
fn tokens(models: &[Named<'_>], foundation: usize, spec: &Spec) -> Result<Vocabulary, VocabularyError> {
    let first = models[foundation];
    let mut tokens = first.vocabulary.clone();
    if spec.source == Source::Union {
        let all = models.iter().flat_map(|model| model.vocabulary.iter()).map(|(_, token)| &token.text);
        let new = all.filter(|text| first.vocabulary.id(text).is_none() && has_row(text, models));
        let (plain, added): (Vec<_>, Vec<_>) =
            new.partition(|text| models.iter().all(|model| added(model.vocabulary, text).is_none()));
        for text in plain.into_iter().chain(added) {
            append(&mut tokens, text, models)?;
        }
    }
    for rule in &spec.tokens {
        append(&mut tokens, &Arc::from(rule.token.as_str()), models)?;
    }
    let grew = tokens.len() > first.vocabulary.len();
    if let Some(id) = tokens.first_gap().filter(|_| grew) {
        return Err(VocabularyError::Gap { model: first.name.into(), id });
    }
    let multiple = spec.pad_to_multiple_of.unwrap_or(1);
    if multiple == 0 || multiple > MAX_TOKENS {
        return Err(VocabularyError::BadPadding { value: multiple, limit: MAX_TOKENS });
    }
    tokens.rows = tokens.tokens.len().next_multiple_of(multiple);
    Ok(tokens)
}

/// Adds a token after the last, unless it is there or empty, which loaders skip.
fn append(tokens: &mut Vocabulary, text: &Arc<str>, models: &[Named<'_>]) -> Result<(), VocabularyError> {
    if text.is_empty() || tokens.id(text).is_some() {
        return Ok(());
    }
    let id = u32::try_from(tokens.tokens.len()).unwrap_or(u32::MAX);
    let how = models.iter().find_map(|model| added(model.vocabulary, text)).unwrap_or_default();
    tokens.put(id, Arc::clone(text), Some(how))
}

/// Whether some model has an embedding of a token.
fn has_row(token: &str, models: &[Named<'_>]) -> bool {
    models.iter().any(|model| model.vocabulary.row(token).is_some())
}

/// How a model finds an added token.
fn added(vocabulary: &Vocabulary, token: &str) -> Option<Added> {
    vocabulary.token(vocabulary.id(token)?)?.added
}
