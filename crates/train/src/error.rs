//! What can go wrong while training.

use thiserror::Error;

/// Why training can't start or go on.
#[derive(Debug, Error)]
pub enum TrainError {
    /// A corpus has no text that a model could learn from.
    #[error("the corpus `{name}` has no sequence of at least two tokens; check the file and the tokenizer")]
    EmptyCorpus {
        /// The corpus.
        name: String,
    },
    /// A token is outside the model's vocabulary.
    #[error(
        "the corpus `{name}` has token {token}, but the model's vocabulary is {vocab}; use the model's own tokenizer"
    )]
    Vocabulary {
        /// The corpus.
        name: String,
        /// The token id.
        token: u32,
        /// Rows of the embedding.
        vocab: usize,
    },
    /// A sequence is longer than the model's positions.
    #[error("the corpus `{name}` has a sequence of {length} tokens, the model takes {limit}; split it")]
    TooLong {
        /// The corpus.
        name: String,
        /// Its tokens.
        length: usize,
        /// max_position_embeddings.
        limit: usize,
    },
    /// The loss or its gradient is not a number any more.
    #[error("training diverged at step {step} (loss {loss}); start again with a lower learning rate")]
    Diverged {
        /// The step, from 1.
        step: u32,
        /// The loss, which is not finite, or whose gradient is not.
        loss: f32,
    },
    /// Weights are not numbers any more.
    #[error(
        "`{tensor}` is not finite after step {step}; start again with a lower learning rate or a wider dtype"
    )]
    NotFinite {
        /// The last step done, from 1.
        step: u32,
        /// The first tensor with a NaN or an infinity.
        tensor: String,
    },
    /// A setting makes no sense.
    #[error("{field} is {value}: {expected}")]
    Config {
        /// The setting.
        field: &'static str,
        /// Its value.
        value: String,
        /// What would be.
        expected: &'static str,
    },
    /// A snapshot was made with other settings.
    #[error(
        "the checkpoint was made with other settings: {difference}; use the same ones or start afresh without --resume"
    )]
    OtherSettings {
        /// `field: then → now`, comma-separated.
        difference: String,
    },
    /// A mask or snapshot does not fit the model.
    #[error("`{tensor}`: {problem}")]
    Mismatch {
        /// The tensor.
        tensor: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A file can't be read or written.
    #[error(transparent)]
    Checkpoint(#[from] maec_checkpoint::Error),
    /// The model can't be read from its device.
    #[error(transparent)]
    Load(#[from] maec_model::LoadError),
    /// The device failed.
    #[error("the device failed: {0}")]
    Device(String),
}
