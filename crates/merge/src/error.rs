//! The ways in which a merge can fail.

use maec_checkpoint::Dtype;
use maec_recipe::RecipeError;

/// What went wrong, in one line that names the thing and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// A model cannot be read, lacks a tensor, has one too many or of another shape, or holds a NaN or infinity; or
    /// the output cannot be written.
    #[error(transparent)]
    Checkpoint(#[from] maec_checkpoint::Error),
    /// The recipe itself is bad.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// The models given are not the recipe's.
    #[error(
        "the recipe names {expected} languages and {found} models were given for them; give one for each, in the recipe's order"
    )]
    LanguageCount {
        /// Languages in the recipe.
        expected: usize,
        /// Models given.
        found: usize,
    },
    /// A base without tensors.
    #[error("`{model}` has no tensors; check that it is a checkpoint")]
    NoTensors {
        /// The base.
        model: String,
    },
    /// A tensor stored in a dtype that cannot hold the base's values, so that differences would be rounding noise.
    #[error(
        "`{model}`: tensor `{tensor}` is {found} where the base's is {expected}; use checkpoints in the base's dtype or a wider one"
    )]
    WrongDtype {
        /// The model.
        model: String,
        /// The tensor.
        tensor: String,
        /// The base's dtype.
        expected: Dtype,
        /// The dtype found.
        found: Dtype,
    },
    /// A pattern of the recipe's `select` that no tensor's name matches.
    #[error(
        "select.{list}: `{pattern}` matches no tensor of `{model}`; correct it (`*` stands for any characters) or remove it"
    )]
    MatchesNothing {
        /// `include` or `exclude`.
        list: &'static str,
        /// The pattern.
        pattern: String,
        /// The base.
        model: String,
    },
    /// A merged value too large for the dtype it is stored in.
    #[error(
        "tensor `{tensor}` overflows {dtype} at element {index}; choose smaller weights or a wider out_dtype"
    )]
    Overflow {
        /// The tensor.
        tensor: String,
        /// Flat index of the first such element.
        index: usize,
        /// The dtype stored.
        dtype: Dtype,
    },
    /// A configuration can't be merged.
    #[error(transparent)]
    Problem(Box<crate::config::Problem>),
    /// The system gives no threads.
    #[error("cannot start threads: {reason}; try --threads 1")]
    Threads {
        /// What the system says.
        reason: String,
    },
    /// The caller's progress function said to stop.
    #[error("the merge was cancelled; nothing was written")]
    Cancelled,
}
