//! Benchmarks without a model: rows of real data become prompts, a [`LanguageModel`] answers, filters read the answers, and a
//! [`Report`] holds the scores with standard errors and 95 % intervals.
//!
//! Prompts, filters and normal forms are those of EleutherAI's lm-evaluation-harness (0.4.13), so that numbers can be compared;
//! what a task does otherwise its module says. A task reads [`Input`]s, text from wherever it comes, never paths.
//! The crate builds for wasm32, knows no model, and downloads nothing.
//!
//! ```
//! use maec_tasks::{Input, Kind, Options, Task};
//!
//! # fn main() -> Result<(), maec_tasks::Error> {
//! let rows = Input::new("mgsm_es.tsv", None, "Ana tiene 2 peras y compra 3. ¿Cuántas tiene?\t5\n".as_bytes())?;
//! let task = Task::new(Kind::Mgsm, &[rows], &Options { shots: Some(0), ..Options::default() })?;
//! let maec_tasks::Ask::Generate { prompt, .. } = &task.items()[0].ask else { unreachable!() };
//! assert_eq!(
//!     prompt.text(0),
//!     "Pregunta: Ana tiene 2 peras y compra 3. ¿Cuántas tiene?\nRespuesta paso a paso:"
//! );
//! # Ok(())
//! # }
//! ```

mod error;
mod filter;
mod input;
mod item;
mod journal;
mod model;
mod number;
mod report;
mod run;
mod sample;
mod scoring;
mod settings;
mod stats;
mod task;

pub use error::Error;
pub use filter::INVALID;
pub use input::Input;
pub use item::{Ask, Fitted, Item, Prompt};
#[cfg(not(target_family = "wasm"))]
pub use journal::FileJournal;
pub use journal::{Journal, MemoryJournal};
pub use model::{Continuation, Generation, LanguageModel, ModelError, Nll};
pub use number::{NotANumber, Number};
pub use report::{Report, Row};
pub use run::{Progress, Run, run};
pub use sample::{Outcome, Sample};
pub use scoring::{Scores, Scoring};
pub use settings::{Settings, Subject};
pub use stats::{Estimate, wilson};
pub use task::{DataFile, Kind, MGSM_LANGUAGES, Options, SCIENCE, Task};
