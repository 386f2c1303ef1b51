//! A tensor of a model, read tile by tile as f32.

use std::ops::Range;
use std::sync::Arc;

use maec_checkpoint::{Error, TensorInfo, Weights, convert, dtype};

use crate::MergeError;

/// Where one tensor is read.
#[derive(Clone)]
pub struct Source {
    weights: Arc<dyn Weights>,
    info: TensorInfo,
}

impl Source {
    /// A tensor by its name.
    ///
    /// # Errors
    ///
    /// [`Error::MissingTensor`] where the model has none of this name.
    pub fn new(weights: Arc<dyn Weights>, tensor: &str) -> Result<Self, MergeError> {
        let info = weights.info(tensor)?.clone();
        Ok(Self { weights, info })
    }

    /// Its name, dtype and shape in its model.
    pub fn info(&self) -> &TensorInfo {
        &self.info
    }

    /// What messages call its model.
    pub fn model(&self) -> &str {
        self.weights.name()
    }

    /// Some elements as they are stored.
    pub(super) fn stored(&self, elements: Range<usize>, out: &mut Vec<u8>) -> Result<(), MergeError> {
        out.resize(elements.len() * dtype::bytes_per_element(self.info.dtype), 0);
        Ok(self.weights.read_stored(&self.info.name, elements, out)?)
    }

    /// Some elements as f32. A NaN or infinity is an error unless allowed.
    pub(super) fn read(
        &self,
        elements: Range<usize>,
        allow_nonfinite: bool,
        stored: &mut Vec<u8>,
        out: &mut Vec<f32>,
    ) -> Result<(), MergeError> {
        out.resize(elements.len(), 0.0);
        self.stored(elements.clone(), stored)?;
        convert::decode_f32_into(self.info.dtype, stored, out)?;
        if !allow_nonfinite && let Some(index) = first_non_finite(out) {
            let (name, tensor) = (self.model().to_owned(), self.info.name.clone());
            return Err(Error::NonFinite { name, tensor, index: elements.start + index }.into());
        }
        Ok(())
    }
}

/// Index of the first NaN or infinity.
pub(super) fn first_non_finite(values: &[f32]) -> Option<usize> {
    // Without an early exit the loop is done in vectors; only a tile that has one is searched.
    let found = values.iter().fold(false, |found, x| found | !x.is_finite());
    if found { values.iter().position(|x| !x.is_finite()) } else { None }
}
