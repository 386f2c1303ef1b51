//! Reports of experiments and trainings: the values of `maec-report`, and what a training says.

mod training;

pub use maec_report::*;
pub use training::training;
