//! The search for hyper-parameters: merges of trained parts on validation problems, without training.
//!
//! A [`Plan`] says everything that decides the outcome, a [`Scorer`] merges and asks, [`tune`] makes the trials, and a [`Tuning`]
//! is what came out. docs/tuning.md describes the file.

mod error;
mod journal;
mod objective;
mod plan;
mod report;
mod scorer;
mod search;
mod sensitivity;
mod space;
mod tuning;

pub use error::TuneError;
pub use journal::check_journal;
pub use objective::{Objective, Trial, pareto_front};
pub use plan::{FIRST_VALIDATION_SEED, Plan};
pub use report::report;
pub use scorer::{Scorer, Worlds, runs};
pub use search::{MOST_TRIALS, Search};
pub use sensitivity::{Bin, Effect, Sensitivity, sensitivity};
pub use space::{Axis, Method, Space, Values};
pub use tuning::{Advance, Tuning, VERSION, tune};
