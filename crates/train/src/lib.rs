//! Continual pre-training of burn decoders: the loop, key neurons (Eq. 1), the masked AdamW, low-rank adapters, several
//! ranks, exact resume, and what a run says of itself.

mod accumulate;
mod config;
mod corpus;
mod diverged;
mod error;
mod lora;
mod memory;
mod metrics;
mod neurons;
mod neurons_file;
mod optimizer;
pub mod parallel;
mod parts;
mod random;
mod resume;
mod run;
mod snapshot;
mod trainer;
mod update;

pub use config::{Schedule, TrainConfig};
pub use corpus::{Mixture, MixtureState, Sequences, Source};
pub use error::TrainError;
pub use lora::{ALL_LINEAR, LoraConfig, TrainedAdapter};
pub use memory::{ActivationMemory, StateMemory};
pub use metrics::{MetricsFile, Record};
pub use neurons::{KeyNeurons, importance};
pub use optimizer::{AdamW, Gradients, Moments};
pub use random::Random;
pub use run::{Cadence, End, Observer};
pub use snapshot::{Progress, Snapshot, State};
pub use trainer::{StepReport, Trainer};
