//! Searches for the numbers of Eq. 2–5: what may be tried, what was tried, and what it says.
//!
//! A [`Plan`] says everything that decides an outcome; a [`Space`] what each hyper-parameter may be; a [`Search`] which choices are
//! tried. A [`Trial`] is a [`Choice`] with its scores, and a [`Tuning`] is what came out, in the JSON that `maec tune` and the studio
//! write (docs/tuning.md); a [`Journal`] keeps the trials of an unfinished search. Here are the sums alone, so that the companion and
//! the page do the same ones: this crate merges nothing, asks no model and knows no terminal.

mod axis;
mod choice;
mod draw;
mod error;
mod exam;
mod journal;
mod objective;
mod order;
mod plan;
mod search;
mod sensitivity;
mod space;
mod trial;
mod tuning;
mod values;

pub use axis::{Axis, Method};
pub use choice::Choice;
pub use draw::{draw, seed_of};
pub use error::SearchError;
pub use exam::{Exam, ProblemSet, Scores};
pub use journal::{Journal, check_journal};
pub use objective::{Objective, pareto_front};
pub use order::order;
pub use plan::{FIRST_VALIDATION_SEED, Plan, Settings};
pub use search::{MOST_TRIALS, Search};
pub use sensitivity::{Bin, Effect, Sensitivity, sensitivity};
pub use space::Space;
pub use trial::Trial;
pub use tuning::{Tuning, VERSION};
pub use values::Values;
