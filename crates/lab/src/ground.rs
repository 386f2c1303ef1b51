//! What an experiment stands on: a world, or models and texts from files.

use std::sync::Arc;

use burn::tensor::Device;
use maec_checkpoint::{Dtype, Weights};
use maec_model::{ModelConfig, Storage};
use maec_train::{Sequences, TrainConfig};

use crate::corpus::Share;
use crate::error::LabError;
use crate::room::free_memory;
use crate::run::Run;

/// Θo.
pub enum Base {
    /// The experiment trains its own.
    Trained(Run),
    /// It is there.
    Given(Arc<dyn Weights>),
}

/// What trainings need to know beside a [`Run`].
pub trait Ground {
    /// Everything beside runs' descriptions that decides their outcomes, in words that are the same every time: the data's
    /// and the base's identities, the model's shape, the optimizer's constants.
    fn identity(&self) -> &str;

    /// The model's shape.
    fn model(&self) -> &ModelConfig;

    /// Θo.
    fn base(&self) -> Base;

    /// The sequences of a mixture from their beginning.
    ///
    /// # Errors
    /// [`LabError::NoCorpus`], and what reading meets.
    fn sequences(&self, corpora: &[Share]) -> Result<Box<dyn Sequences>, LabError>;

    /// The settings of a run with these steps and this peak rate; `fresh` where it begins with random weights.
    fn config(&self, steps: u32, rate: f64, fresh: bool) -> TrainConfig;

    /// Where it is trained.
    fn device(&self) -> Device;

    /// Bytes that a training may take where it stands; none where that is not known, as of a GPU.
    fn free_memory(&self) -> Option<u64> {
        if self.device() == Device::flex() { free_memory() } else { None }
    }

    /// What outcomes are stored in.
    fn dtype(&self) -> Dtype {
        Dtype::BF16
    }

    /// How weights are held while they are trained.
    fn storage(&self) -> Storage {
        Storage::default()
    }

    /// Predicted tokens of a sequence of a mixture, for plans: here the mean of the first few.
    ///
    /// # Errors
    /// As [`sequences`](Self::sequences).
    fn tokens_per_sequence(&self, corpora: &[Share]) -> Result<f64, LabError> {
        const LOOKED_AT: u32 = 64;
        let mut sequences = self.sequences(corpora)?;
        let mut tokens = 0;
        for _ in 0..LOOKED_AT {
            let sequence = sequences.next_sequence();
            let failed = |source| LabError::training("the mixture", source);
            tokens += sequence.map_err(failed)?.len().saturating_sub(1);
        }
        Ok(tokens as f64 / f64::from(LOOKED_AT))
    }

    /// Steps between the checkpoints of an unfinished run in the store; 0 is never.
    fn checkpoint_every(&self) -> u32 {
        0
    }
}
