//! A tensor of a model, read tile by tile and widened to f32.

use std::ops::Range;
use std::sync::Arc;

use maec_checkpoint::{Dtype, Error, TensorInfo, Weights, convert, dtype};

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

    /// Bytes of so many elements.
    pub(super) fn bytes(&self, elements: usize) -> usize {
        elements * dtype::bytes_per_element(self.info.dtype)
    }

    /// Fills a buffer with some elements as they are stored.
    pub(super) fn read(&self, elements: Range<usize>, stored: &mut [u8]) -> Result<(), MergeError> {
        Ok(self.weights.read_stored(&self.info.name, elements, stored)?)
    }

    /// Widens stored elements from flat index `first` on, `[elements]`. A NaN or infinity is an error unless allowed.
    pub(super) fn widen(
        &self,
        first: usize,
        stored: &[u8],
        allow_nonfinite: bool,
        out: &mut [f32],
    ) -> Result<(), MergeError> {
        convert::decode_f32_into(self.info.dtype, stored, out)?;
        if allow_nonfinite {
            return Ok(());
        }
        let found = match self.info.dtype {
            // A finite f64 may be none in f32.
            Dtype::F64 => out.iter().position(|x| !x.is_finite()),
            dtype => convert::first_non_finite(dtype, stored),
        };
        match found {
            Some(index) => {
                let (name, tensor) = (self.model().to_owned(), self.info.name.clone());
                Err(Error::NonFinite { name, tensor, index: first + index }.into())
            }
            None => Ok(()),
        }
    }
}
