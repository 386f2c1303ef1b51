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
    #[error(
        "training diverged at step {step} (loss {loss}, first in `{tensor}`); go on from the last checkpoint, or start again with a lower learning rate"
    )]
    Diverged {
        /// The step, from 1.
        step: u32,
        /// The loss, which is not finite, or whose gradient is not.
        loss: f32,
        /// The first tensor that is not finite: a weight, a module's output, or a gradient.
        tensor: String,
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
    /// A peer of a parallel run is gone, or did not answer in time.
    #[error("{who} of the parallel run is lost ({reason}); go on from the checkpoint with --resume")]
    RankLost {
        /// `rank 1`, or `another rank` where it is not known which.
        who: String,
        /// How it was noticed.
        reason: String,
    },
    /// The ranks of a parallel run do not do the same.
    #[error(
        "the ranks disagree about {what} at step {step}; start all of them with the same arguments, files and program"
    )]
    RanksDisagree {
        /// The step, from 1.
        step: u32,
        /// What differs.
        what: &'static str,
    },
    /// A LoRA adapter can't be trained as asked.
    #[error("LoRA: {problem}")]
    Lora {
        /// What is wrong and what to do.
        problem: String,
    },
    /// A file of metrics or a report can't be written or read.
    #[error("cannot {doing} `{path}`: {reason}")]
    File {
        /// `write` or `read`.
        doing: &'static str,
        /// The file.
        path: String,
        /// What the system says, and what to do.
        reason: String,
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
