//! A tensor's name, dtype and shape.

use crate::{Dtype, dtype};

/// What a header says of one tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// Full name, e.g. `model.layers.0.mlp.up_proj.weight`.
    pub name: String,
    /// How an element is stored.
    pub dtype: Dtype,
    /// Dimensions, outermost first; `[]` is a scalar. Matrices are `[out, in]` as in Hugging Face files.
    pub shape: Vec<usize>,
}

impl TensorInfo {
    /// Number of elements. A product that overflows, which no reader lets through, saturates.
    pub fn elements(&self) -> usize {
        if self.shape.contains(&0) {
            0
        } else {
            self.shape.iter().fold(1, |n: usize, &d| n.saturating_mul(d))
        }
    }

    /// Stored size in bytes.
    pub fn bytes(&self) -> usize {
        self.elements().saturating_mul(dtype::bytes_per_element(self.dtype))
    }

    /// Stored size in bytes, `None` where it overflows.
    pub(crate) fn checked_bytes(&self) -> Option<usize> {
        let elements = self.shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d))?;
        elements.checked_mul(dtype::bytes_per_element(self.dtype))
    }
}
