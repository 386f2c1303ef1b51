//! The search for hyper-parameters: merges of trained parts on validation problems, without training.
//!
//! A [`Plan`] says everything that decides the outcome, a [`Scorer`] merges and asks, [`tune`] makes the trials, and a [`Tuning`]
//! is what came out. The sums, the plans and the files are `maec-search`'s; docs/tuning.md describes the file.

mod error;
mod model;
mod plan;
mod report;
mod run;
mod scorer;

pub use error::TuneError;
pub use maec_search::{
    Axis, Bin, Effect, FIRST_VALIDATION_SEED, MOST_TRIALS, Method, Objective, Search, SearchError,
    Sensitivity, Space, Trial, VERSION, Values, check_journal, pareto_front, sensitivity,
};
pub use plan::{FilesModels, Models, Plan, Tuning, plan, space_of_files};
pub use report::report;
pub use run::{Advance, tune};
pub use scorer::{Ask, Merges, Scorer, ask_files, ask_world, parts, runs};
