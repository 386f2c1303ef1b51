//! What models are asked, wherever an experiment stands.

mod benchmarks;
mod files;
mod held_out;
mod marks;
mod world;

use maec_checkpoint::Weights;

use crate::error::LabError;
use crate::lab::Lab;
pub use files::{FilesExam, Questions};
pub use marks::{Answer, Marks};
pub use world::{Exam, ProblemSet, Scores, WorldExam, scores};

/// Asks models, each the same.
pub trait Examiner {
    /// What a model answers and how well it reads, from the bench's store or found now.
    ///
    /// # Errors
    /// When the weights do not fit what is asked, the bench's watcher breaks off, or the store can't be used.
    fn examine(&self, lab: &Lab<'_>, name: &str, weights: &dyn Weights) -> Result<Marks, LabError>;
}
