//! A configuration's `tokenizer:` put to work: models with one vocabulary.

use std::sync::Arc;

use maec_recipe::mergekit::{Config, EmbeddingSource, ModelName, TokenId, TokenizerSource, TokenizerSpec};

use super::{Loaded, Problem};
use crate::vocabulary::{
    Embedding, Named, Precision, Source, Spec, TokenRef, TokenRule, Union, UnitedWeights, Vocabulary,
    VocabularyError, unite,
};

/// Models with one vocabulary.
pub struct Joined {
    /// The models, their embeddings of one shape.
    pub models: Vec<Loaded>,
    /// The vocabulary, if the configuration asks for one.
    pub union: Option<Arc<Union>>,
}

/// Joins the vocabularies of models as the configuration says; `tokenizers` are their `tokenizer.json`, in the models' order.
///
/// # Errors
///
/// [`Problem::Tokenizer`].
pub fn join_vocabularies(
    config: &Config,
    models: Vec<Loaded>,
    tokenizers: &[Option<impl AsRef<str>>],
) -> Result<Joined, Box<Problem>> {
    let Some(spec) = &config.tokenizer else { return Ok(Joined { models, union: None }) };
    let texts: Vec<Option<&str>> = tokenizers.iter().map(|text| text.as_ref().map(AsRef::as_ref)).collect();
    let union = Arc::new(union(config, spec, &models, &texts)?);
    if union.is_same() {
        return Ok(Joined { models, union: Some(union) });
    }
    let weights: Vec<_> = models.iter().map(|model| model.weights.clone()).collect();
    let view = |(own, model): (usize, Loaded)| {
        let united =
            UnitedWeights::new(union.clone(), weights.clone(), own, Precision::F32).map_err(failed)?;
        Ok(Loaded { name: model.name, weights: Arc::new(united), stored: model.stored })
    };
    let models = models.into_iter().enumerate().map(view).collect::<Result<_, Box<Problem>>>()?;
    Ok(Joined { models, union: Some(union) })
}

fn wrong(reason: String) -> Box<Problem> {
    Box::new(Problem::Tokenizer { reason })
}

fn failed(error: VocabularyError) -> Box<Problem> {
    wrong(error.to_string())
}

/// The vocabulary that the configuration asks for.
fn union(
    config: &Config,
    asked: &TokenizerSpec,
    models: &[Loaded],
    tokenizers: &[Option<&str>],
) -> Result<Union, Box<Problem>> {
    let vocabularies = vocabularies(config, models, tokenizers)?;
    let names: Vec<String> = models.iter().map(|model| model.name.to_string()).collect();
    let named: Vec<Named<'_>> =
        names.iter().zip(&vocabularies).map(|(name, vocabulary)| Named { name, vocabulary }).collect();
    let base = config.base_model.as_ref().map(|name| place(models, name)).transpose()?;
    unite(&named, base, &spec(asked, models)?).map_err(failed)
}

/// Every model's vocabulary, with as many rows as its embeddings have.
fn vocabularies(
    config: &Config,
    models: &[Loaded],
    tokenizers: &[Option<&str>],
) -> Result<Vec<Vocabulary>, Box<Problem>> {
    let merged = config.merged_models();
    let one = |(model, tokenizer): (&Loaded, &Option<&str>)| {
        let text = tokenizer.ok_or_else(|| {
            wrong(format!("`{}` has no tokenizer.json; give a folder that has one", model.name))
        })?;
        let vocabulary = Vocabulary::from_tokenizer_json(text)
            .map_err(|error| wrong(format!("`{}`: {error}", model.name)))?;
        // A model that lends only its tokenizer gives no embeddings.
        let rows =
            if merged.contains(&&model.name) { Vocabulary::rows_of(model.weights.as_ref()) } else { Some(0) };
        Ok(match rows {
            Some(rows) => vocabulary.with_rows(rows),
            None => vocabulary,
        })
    };
    models.iter().zip(tokenizers).map(one).collect()
}

/// What is asked for, with the models' places for their names.
fn spec(asked: &TokenizerSpec, models: &[Loaded]) -> Result<Spec, Box<Problem>> {
    let source = match &asked.source {
        TokenizerSource::Union => Source::Union,
        TokenizerSource::Base => Source::Base,
        TokenizerSource::Model(name) => Source::Model(place(models, name)?),
    };
    let mut tokens = Vec::new();
    for (token, rule) in &asked.tokens {
        let embedding = match &rule.source {
            None => continue,
            Some(EmbeddingSource::Zero) => Embedding::Zero,
            Some(EmbeddingSource::Model(name)) => Embedding::Model(place(models, name)?),
            Some(EmbeddingSource::ModelToken { model, token }) => Embedding::ModelToken {
                model: place(models, model)?,
                token: match token {
                    TokenId::Text(text) => TokenRef::Text(text.clone()),
                    TokenId::Id(id) => TokenRef::Id(*id),
                },
            },
        };
        tokens.push(TokenRule { token: token.clone(), embedding, force: rule.force });
    }
    let pad_to_multiple_of = asked.pad_to_multiple_of.map(|multiple| multiple as usize);
    Ok(Spec { source, tokens, pad_to_multiple_of })
}

/// A model's place.
fn place(models: &[Loaded], name: &ModelName) -> Result<usize, Box<Problem>> {
    let found = models.iter().position(|model| model.name == *name);
    found.ok_or_else(|| wrong(format!("`{name}` is not one of the models merged; name one that is")))
}
