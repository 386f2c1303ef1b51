//! Continual pre-training of burn decoders: the loop, key neurons (Eq. 1), the masked AdamW, and exact resume.

mod config;
mod corpus;
mod error;
mod neurons;
mod neurons_file;
mod optimizer;
mod random;
mod snapshot;
mod trainer;

pub use config::{Schedule, TrainConfig};
pub use corpus::{Mixture, MixtureState, Source};
pub use error::TrainError;
pub use neurons::{KeyNeurons, importance};
pub use optimizer::{AdamW, Gradients, Moments};
pub use random::Random;
pub use snapshot::{Progress, Snapshot};
pub use trainer::{StepReport, Trainer};
