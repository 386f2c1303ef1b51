//! A model seen through a union: its embeddings with the union's rows, every other tensor as it is.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use maec_checkpoint::{Dtype, Error, TensorInfo, Weights, check_range, convert, dtype};

use super::VocabularyError;
use super::embeddings::{donors, has_vocabulary, needed};
use super::rows::{Row, RowSource};
use super::unite::Union;

/// Values converted at a time.
const CHUNK: usize = 16 * 1024;

/// How rows that are computed or come from another model are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// In the model's own dtype, rounded to nearest, ties to even.
    #[default]
    Stored,
    /// In F32 where that is wider, for the whole matrix, so that averages lose nothing before the merge.
    F32,
}

/// One model of a union.
///
/// Embeddings `[tokens, width]` (2-D, named `…embed_tokens.weight` or `lm_head.weight`) have the union's rows; every
/// other tensor is the model's own. Rows are read when asked for, so that no matrix is held: neighbours that stay
/// together are one read, an average reads one row of each model. Only padding needs every row once, for the mean
/// `[width]` that is then kept.
pub struct UnitedWeights {
    models: Vec<Arc<dyn Weights>>,
    own: usize,
    union: Arc<Union>,
    tensors: Vec<TensorInfo>,
    embeddings: BTreeMap<String, Embedding>,
}

/// An embedding with new rows.
struct Embedding {
    width: usize,
    /// For every model its tensor that gives rows; `None` where it gives none.
    donors: Vec<Option<String>>,
    /// `[width]`: what padding rows hold, once it is known.
    mean: Mutex<Option<Arc<[f64]>>>,
}

impl UnitedWeights {
    /// Shows the model in place `own` with the rows of `union`, whose models are `models`, in that order.
    ///
    /// # Errors
    /// When there are more or fewer models than vocabularies, an embedding has fewer rows than its vocabulary was said
    /// to have, or a model that rows are taken from has no such embedding or one of another width.
    pub fn new(
        union: Arc<Union>,
        models: Vec<Arc<dyn Weights>>,
        own: usize,
        precision: Precision,
    ) -> Result<Self, VocabularyError> {
        let (expected, found) = (union.models.len(), models.len());
        if expected != found {
            return Err(VocabularyError::ModelCount { expected, found });
        }
        let model = models.get(own).ok_or(VocabularyError::NoSuchModel { index: own, models: found })?;
        let mut tensors = model.tensors().to_vec();
        let mut embeddings = BTreeMap::new();
        if let Some(rows) = union.rows.get(own) {
            let needed = needed(rows, own, found);
            for info in tensors.iter_mut().filter(|info| has_vocabulary(info)) {
                let donors = donors(&models, own, info, &needed)?;
                let width = info.shape[1];
                info.shape[0] = union.vocabulary.rows();
                if precision == Precision::F32 && dtype::holds(Dtype::F32, info.dtype) {
                    info.dtype = Dtype::F32;
                }
                let bytes = info.shape[0].checked_mul(width).and_then(|n| n.checked_mul(size_of::<f64>()));
                if bytes.is_none() {
                    return Err(VocabularyError::TooLargeTensor {
                        model: model.name().into(),
                        tensor: info.name.clone(),
                        rows: info.shape[0],
                    });
                }
                embeddings.insert(info.name.clone(), Embedding { width, donors, mean: Mutex::default() });
            }
        }
        Ok(Self { models, own, union, tensors, embeddings })
    }

    /// The source of a row, and how many rows from there on (at most `most`) are read as one.
    fn run(&self, row: usize, most: usize) -> (Option<&RowSource>, usize) {
        let rows = self.union.rows.get(self.own).map_or(&[][..], Vec::as_slice);
        let source = rows.get(row);
        let follows = |i: usize| match (source, rows.get(row + i)) {
            (Some(RowSource::Own(a)), Some(RowSource::Own(b))) => *b as usize == *a as usize + i,
            (Some(RowSource::From(a)), Some(RowSource::From(b))) => {
                a.model == b.model && b.id as usize == a.id as usize + i
            }
            _ => false,
        };
        (source, (1..most).find(|&i| !follows(i)).unwrap_or(most.max(1)))
    }

    /// Fills `out` with elements of a model's tensor, as `dtype`.
    fn copy(
        &self,
        model: usize,
        tensor: &str,
        elements: Range<usize>,
        dtype: Dtype,
        out: &mut [u8],
    ) -> Result<(), Error> {
        let model = &self.models[model];
        if model.info(tensor)?.dtype == dtype {
            return model.read_stored(tensor, elements, out);
        }
        let mut values = vec![0.0; CHUNK.min(elements.len())];
        let mut start = elements.start;
        for part in out.chunks_mut(CHUNK * dtype::bytes_per_element(dtype)) {
            let values = &mut values[..part.len() / dtype::bytes_per_element(dtype)];
            model.read_f64(tensor, start..start + values.len(), values)?;
            store(dtype, values, part)?;
            start += values.len();
        }
        Ok(())
    }

    /// The average of some columns of rows, summed in the order of models.
    fn average(
        &self,
        embedding: &Embedding,
        rows: &[Row],
        columns: Range<usize>,
        sum: &mut [f64],
    ) -> Result<(), Error> {
        let mut values = vec![0.0; sum.len()];
        sum.fill(0.0);
        for row in rows {
            let Some(tensor) = &embedding.donors[row.model] else { continue };
            let start = row.id as usize * embedding.width;
            self.models[row.model].read_f64(
                tensor,
                start + columns.start..start + columns.end,
                &mut values,
            )?;
            sum.iter_mut().zip(&values).for_each(|(sum, value)| *sum += value);
        }
        let n = rows.len() as f64;
        sum.iter_mut().for_each(|sum| *sum /= n);
        Ok(())
    }

    /// `[width]`: the mean of the rows of all tokens, summed in the order of ids.
    fn mean(&self, name: &str, embedding: &Embedding) -> Result<Arc<[f64]>, Error> {
        let mut known = embedding.mean.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mean) = &*known {
            return Ok(Arc::clone(mean));
        }
        let tokens = self.union.rows.get(self.own).map_or(0, Vec::len);
        let mut sum = vec![0.0; embedding.width];
        let mut row = vec![0.0; embedding.width];
        for id in 0..tokens {
            self.read_f64(name, id * embedding.width..(id + 1) * embedding.width, &mut row)?;
            sum.iter_mut().zip(&row).for_each(|(sum, value)| *sum += value);
        }
        sum.iter_mut().for_each(|sum| *sum /= tokens as f64);
        Ok(Arc::clone(known.insert(sum.into())))
    }
}

impl Weights for UnitedWeights {
    fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    fn name(&self) -> &str {
        self.models[self.own].name()
    }

    fn read_stored(&self, name: &str, elements: Range<usize>, out: &mut [u8]) -> Result<(), Error> {
        let Some(embedding) = self.embeddings.get(name) else {
            return self.models[self.own].read_stored(name, elements, out);
        };
        let info = self.info(name)?;
        let size = dtype::bytes_per_element(info.dtype);
        check_range(self.name(), info, &elements, out.len(), size)?;
        let width = embedding.width;
        let (mut at, mut rest) = (elements.start, out);
        while at < elements.end {
            let (row, column) = (at / width, at % width);
            let most = (elements.end - row * width).div_ceil(width);
            let (source, rows) = self.run(row, most);
            let end = elements.end.min((row + rows) * width);
            let (part, after) = rest.split_at_mut((end - at) * size);
            let from = |id: u32| id as usize * width + column..id as usize * width + column + (end - at);
            match source {
                Some(RowSource::Own(id)) => self.copy(self.own, name, from(*id), info.dtype, part)?,
                Some(RowSource::From(Row { model, id })) => {
                    let tensor = embedding.donors[*model].as_deref().unwrap_or(name);
                    self.copy(*model, tensor, from(*id), info.dtype, part)?;
                }
                Some(RowSource::Average(rows)) => {
                    let mut values = vec![0.0; end - at];
                    self.average(embedding, rows, column..column + (end - at), &mut values)?;
                    store(info.dtype, &values, part)?;
                }
                Some(RowSource::Zero) => part.fill(0),
                None => {
                    let mean = self.mean(name, embedding)?;
                    store(info.dtype, &mean[column..column + (end - at)], part)?;
                }
            }
            (at, rest) = (end, after);
        }
        Ok(())
    }
}

/// Rounds values into a buffer of their size.
fn store(dtype: Dtype, values: &[f64], out: &mut [u8]) -> Result<(), Error> {
    let mut bytes = Vec::with_capacity(out.len());
    convert::narrow(dtype, values, &mut bytes)?;
    out.copy_from_slice(&bytes);
    Ok(())
}
