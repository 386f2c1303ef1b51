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
    /// The loss is not a number any more.
    #[error(
        "the loss is {loss} at step {step}; start again with a lower learning rate, or resume from the last checkpoint and look at its data"
    )]
    Diverged {
        /// The step, from 1.
        step: u32,
        /// NaN or infinity.
        loss: f32,
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
