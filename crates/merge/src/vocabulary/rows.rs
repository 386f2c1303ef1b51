//! Where the rows of a model's embedding come from.

use serde::Serialize;

use super::unite::{Embedding, Named, TokenRef, TokenRule};
use super::{Vocabulary, VocabularyError, error::shown};

/// One row of one model's embedding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The model, by its place among those united.
    pub model: usize,
    /// The row: the token's id in that model.
    pub id: u32,
}

/// What a row of a model's embedding becomes in the union.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RowSource {
    /// The model's own row with this id.
    Own(u32),
    /// Another model's row.
    From(Row),
    /// The average of the rows of every model that has the token.
    Average(Vec<Row>),
    /// Zeros: no model has an embedding for it, or a rule says so.
    Zero,
}

/// What a model without a token takes, and whether those that have it take it too.
pub(super) struct Donor {
    source: RowSource,
    force: bool,
}

impl Donor {
    /// A rule's row.
    pub fn ruled(rule: &TokenRule, models: &[Named<'_>]) -> Result<Self, VocabularyError> {
        Ok(Self { source: ruled(rule, models)?, force: rule.force })
    }

    /// Without a rule: the base's row, the only one there is, the average, or zeros. `own` holds every model's row.
    pub fn usual(own: &[Option<u32>], base: Option<usize>) -> Self {
        let row = |model: usize| Some(Row { model, id: own.get(model).copied().flatten()? });
        let mut holders = (0..own.len()).filter_map(row);
        let source = match (base.and_then(row), holders.next(), holders.next()) {
            (Some(row), ..) | (None, Some(row), None) => RowSource::From(row),
            (None, Some(first), Some(second)) => {
                RowSource::Average([first, second].into_iter().chain(holders).collect())
            }
            (None, None, _) => RowSource::Zero,
        };
        Self { source, force: false }
    }

    /// The row of one model.
    pub fn row(&self, model: usize, own: Option<u32>) -> RowSource {
        match (own, &self.source) {
            (Some(id), _) if !self.force => RowSource::Own(id),
            (_, &RowSource::From(row)) if row.model == model => RowSource::Own(row.id),
            (_, source) => source.clone(),
        }
    }
}

/// Every model's row of a token.
pub(super) fn own_rows(token: &str, models: &[Named<'_>]) -> Vec<Option<u32>> {
    models.iter().map(|model| model.vocabulary.row(token)).collect()
}

fn ruled(rule: &TokenRule, models: &[Named<'_>]) -> Result<RowSource, VocabularyError> {
    let (model, wanted) = match &rule.embedding {
        Embedding::Zero => return Ok(RowSource::Zero),
        Embedding::Model(model) => (*model, &rule.token),
        Embedding::ModelToken { model, token: TokenRef::Text(text) } => (*model, text),
        Embedding::ModelToken { model, token: TokenRef::Id(id) } => {
            let named = named(models, *model)?;
            let rows = named.vocabulary.rows();
            if *id as usize >= rows {
                let (token, model) = (shown(&rule.token), named.name.into());
                return Err(VocabularyError::UnknownId { token, model, id: *id, rows });
            }
            return Ok(RowSource::From(Row { model: *model, id: *id }));
        }
    };
    let named = named(models, model)?;
    let unknown = || VocabularyError::UnknownToken {
        token: shown(&rule.token),
        model: named.name.into(),
        wanted: shown(wanted),
    };
    Ok(RowSource::From(Row { model, id: named.vocabulary.row(wanted).ok_or_else(unknown)? }))
}

/// A model by its place.
pub(super) fn named<'m, 'a>(models: &'m [Named<'a>], index: usize) -> Result<&'m Named<'a>, VocabularyError> {
    models.get(index).ok_or(VocabularyError::NoSuchModel { index, models: models.len() })
}

/// Whether two vocabularies have the same tokens with the same ids, and embeddings of one size.
pub(super) fn same(a: &Vocabulary, b: &Vocabulary) -> bool {
    a.rows == b.rows && a.ids == b.ids
}
