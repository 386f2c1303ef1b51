//! The workshop world's experiment as a library: train everything MAEC and its baselines need from one seed, merge,
//! score, tune. `quickstart` prints it, `pack` ships it.

mod artefacts;
mod candidates;
mod packing;
mod score;
mod settings;
mod workshop;

pub use artefacts::Artefacts;
pub use candidates::{MaecChoice, merge};
pub use packing::{Provenance, write_pack};
pub use score::{Scores, score};
pub use settings::LabSettings;
pub use workshop::{TrainingNews, Workshop};
