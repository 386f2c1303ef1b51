//! Which tensors have a row for every token, and which tensor gives rows to which.

use std::sync::Arc;

use maec_checkpoint::{TensorInfo, Weights};

use super::rows::RowSource;
use super::{Vocabulary, VocabularyError};

/// The embedding and the head, in Hugging Face's names. A model without a head uses its embedding for it.
const EMBEDDING: &str = "embed_tokens.weight";
const HEAD: &str = "lm_head.weight";

impl Vocabulary {
    /// The number of rows of a model's embedding, which may be more than its tokens; `None` where it has none.
    pub fn rows_of(model: &dyn Weights) -> Option<usize> {
        let embedding = model.tensors().iter().find(|info| is_matrix(info, EMBEDDING))?;
        embedding.shape.first().copied()
    }
}

/// Whether a tensor has a row `[width]` for every token.
pub(super) fn has_vocabulary(info: &TensorInfo) -> bool {
    is_matrix(info, EMBEDDING) || is_matrix(info, HEAD)
}

/// Whether a tensor is a matrix of this name, which may have others before it (`model.embed_tokens.weight`).
fn is_matrix(info: &TensorInfo, name: &str) -> bool {
    let named = info.name.strip_suffix(name).is_some_and(|before| before.is_empty() || before.ends_with('.'));
    named && info.shape.len() == 2
}

/// For every model one more than the largest of its rows that are used; 0 where none is.
pub(super) fn needed(rows: &[RowSource], own: usize, models: usize) -> Vec<usize> {
    let mut needed = vec![0; models];
    let mut need = |model: usize, id: u32| {
        if let Some(needed) = needed.get_mut(model) {
            *needed = (*needed).max(id as usize + 1);
        }
    };
    for row in rows {
        match row {
            RowSource::Own(id) => need(own, *id),
            RowSource::From(row) => need(row.model, row.id),
            RowSource::Average(rows) => rows.iter().for_each(|row| need(row.model, row.id)),
            RowSource::Zero => (),
        }
    }
    needed
}

/// For every model the tensor that gives rows to an embedding.
pub(super) fn donors(
    models: &[Arc<dyn Weights>],
    own: usize,
    taker: &TensorInfo,
    needed: &[usize],
) -> Result<Vec<Option<String>>, VocabularyError> {
    let donor = |(model, &needed): (&Arc<dyn Weights>, &usize)| {
        if needed == 0 {
            return Ok(None);
        }
        let missing =
            || VocabularyError::NoEmbedding { model: model.name().into(), tensor: taker.name.clone() };
        let info = giver(model.as_ref(), taker).ok_or_else(missing)?;
        let (model, tensor) = (model.name().to_owned(), info.name.clone());
        let (rows, found) = (info.shape[0], info.shape[1]);
        if rows < needed {
            return Err(VocabularyError::TooFewRows { model, tensor, expected: needed, found: rows });
        }
        let expected = taker.shape[1];
        if found != expected {
            let other = models[own].name().to_owned();
            return Err(VocabularyError::OtherWidth { model, tensor, other, expected, found });
        }
        Ok(Some(tensor))
    };
    models.iter().zip(needed).map(donor).collect()
}

/// A model's tensor of the same name, or its embedding where it has no head of its own.
fn giver<'m>(model: &'m dyn Weights, taker: &TensorInfo) -> Option<&'m TensorInfo> {
    let by_name = model.info(&taker.name).ok().filter(|info| info.shape.len() == 2);
    let tied = || model.tensors().iter().find(|info| is_matrix(info, EMBEDDING));
    by_name.or_else(|| if is_matrix(taker, HEAD) { tied() } else { None })
}
