//! Why a kernel gives no result.

use maec_checkpoint::Dtype;
use thiserror::Error;

/// Why a kernel gives no result.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum KernelError {
    /// No kernel reads the dtype.
    #[error("no kernel reads {0}, only F32, F16 and BF16: merge this tensor on the CPU")]
    Dtype(Dtype),
    /// Models of different lengths, or not of whole elements.
    #[error(
        "a model gave {found} bytes where the base gave {expected}: give every model's bytes of the same elements"
    )]
    Bytes {
        /// The base's bytes.
        expected: usize,
        /// Another's.
        found: usize,
    },
    /// More than the device binds or counts at once.
    #[error("{elements} elements do not fit this device at once: upload at most {most} at a time")]
    TooLarge {
        /// Elements of every model.
        elements: usize,
        /// As many as do.
        most: usize,
    },
    /// Another number of weights than of languages.
    #[error("{weights} language weights for {languages} languages: give one weight for each")]
    Weights {
        /// Weights that were given.
        weights: usize,
        /// Languages that were uploaded.
        languages: usize,
    },
    /// R(A) is asked of a tile without the ability's models.
    #[error("the ability's models were not uploaded: upload the tile with them")]
    NoAbility,
    /// A NaN or infinity in a model where none is allowed.
    #[error(
        "a model holds a NaN or infinity at element {element}: look for it there, or allow such elements"
    )]
    NonFinite {
        /// The first such element's index in the tile.
        element: usize,
    },
    /// The merged value is too large for the dtype.
    #[error("element {element} overflows its dtype: lower the weights, or allow such elements")]
    Overflow {
        /// The first such element's index in the tile.
        element: usize,
    },
    /// The device failed, in its own words.
    #[error("the device failed: {0}; merge on the CPU")]
    Device(String),
}

impl From<cubecl::server::ServerError> for KernelError {
    fn from(error: cubecl::server::ServerError) -> Self {
        let words = error.to_string();
        let lines: Vec<&str> = words.lines().take_while(|line| !line.starts_with("Backtrace")).collect();
        Self::Device(lines.join(" "))
    }
}
