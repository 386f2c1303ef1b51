//! The ways in which merging adapters with each other can fail.

/// What went wrong, in one line that names the thing and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum CombineError {
    /// An adapter cannot be read, or the new one cannot be written.
    #[error(transparent)]
    Checkpoint(#[from] maec_checkpoint::Error),
    /// Nothing to merge.
    #[error("no adapter was given; give at least one with its weight")]
    NoAdapters,
    /// A weight that is no number.
    #[error("the weight of `{adapter}` is {weight}; give a finite number")]
    Weight {
        /// The adapter.
        adapter: String,
        /// Its weight.
        weight: f64,
    },
    /// A rank of zero asked of svd.
    #[error("svd was asked for the rank 0; ask for 1 or more")]
    NoRank,
    /// Adapters of different bases.
    #[error("`{module}` has {first:?} in `{adapter}` and {other:?} in `{with}`; merge adapters of one base")]
    OtherShape {
        /// The module.
        module: String,
        /// The first adapter that has it.
        adapter: String,
        /// Outputs and inputs there.
        first: [usize; 2],
        /// Another adapter.
        with: String,
        /// Outputs and inputs there.
        other: [usize; 2],
    },
    /// Adapters of bases that store their weights differently.
    #[error(
        "`{adapter}` and `{with}` differ in fan_in_fan_out or in which modules are embeddings; merge adapters of one base"
    )]
    OtherLayout {
        /// The first adapter.
        adapter: String,
        /// The one that differs.
        with: String,
    },
    /// Ranks that linear cannot add.
    #[error(
        "`{module}` has rank {first} in `{adapter}` and {other} in `{with}`, which linear cannot add; use cat or svd"
    )]
    OtherRank {
        /// The module.
        module: String,
        /// The first adapter that has it.
        adapter: String,
        /// Its rank there.
        first: usize,
        /// Another adapter.
        with: String,
        /// Its rank there.
        other: usize,
    },
    /// A tensor trained whole, of which no difference from the base is known.
    #[error(
        "`{adapter}` replaces the base's `{tensor}`, and another adapter does not or otherwise; put each onto the base and merge the models"
    )]
    Replaces {
        /// The adapter that has it.
        adapter: String,
        /// The base's tensor.
        tensor: String,
    },
    /// NaN or infinity in factors, or a product too large for F32.
    #[error(
        "`{module}`: the factors hold a NaN or infinity or become too large for F32; check the adapters and their weights"
    )]
    NonFinite {
        /// The module.
        module: String,
    },
}
