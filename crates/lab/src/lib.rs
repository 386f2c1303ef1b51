//! The paper's experiment as a library: what is trained from what ([`Run`], [`Ranking`]), kept by content ([`Store`]), merged and
//! scored. It knows no arguments and no terminal; the companion's `extract`, `tune`, `reproduce` and `quickstart` are made of it.

mod catalog;
mod corpus;
mod error;
mod exact;
mod exam;
mod experiment;
mod extract;
mod extraction;
mod files;
mod ground;
mod lab;
mod memo;
mod merging;
mod plan;
pub mod report;
pub mod reproduce;
mod room;
mod run;
mod settings;
mod store;
pub mod tune;
mod watch;
mod windows;
mod world;

pub use catalog::{Catalog, LanguageCorpora, RunSettings, Way};
pub use corpus::{Corpus, Share};
pub use error::LabError;
pub use exam::{Answer, Exam, Examiner, FilesExam, Marks, ProblemSet, Questions, Scores, WorldExam, scores};
pub use experiment::{
    AbilityCorpora, AbilityCorpus, Benchmark, Evaluation, Experiment, ExperimentError, Lora, NeuronRuns,
    Scalars, TargetLanguage, Training,
};
pub use extract::{BaseModel, Counts, Extracted, Found, Overlap, Shifted, is_extraction, kind};
pub use extraction::{Extraction, LanguageVectors, Target};
pub use files::{Backbone, FilesGround};
pub use ground::{Base, Ground};
pub use lab::{Lab, Trained};
pub use merging::{MaecChoice, Merged, Parts, merge, recipe};
pub use plan::{Plan, PlannedRun, Wanted, steps_left};
pub use room::{Advice, Need, NoRoom, check_weights, free_memory, shown as shown_bytes};
pub use run::{Form, Ranking, Run, Start, Trains};
pub use settings::LabSettings;
pub use store::{Kept, Provenance, Store};
pub use watch::{News, Silent, Watch};
pub use windows::Windows;
pub use world::{REFERENCE, TARGETS, WorldGround};
