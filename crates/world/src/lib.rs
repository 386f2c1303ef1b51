//! The workshop world: a small multilingual corpus with an ability that is trained in one language and tested in all.
//!
//! Ten people own, buy, like and count things in five languages. *General text* is about that; the *ability* is one-step
//! addition and subtraction, told as story problems. A second ability can be asked for ([`Abilities`]): an invented science
//! of creatures, metals and planets, whose facts are asked for by four-choice questions. Everything is drawn from a seed, a stream of its own for every
//! corpus, so the same [`WorldConfig`] gives the same bytes on every machine and in every browser.
//!
//! A document starts as a language-free list of sentences and is then said in one language by that language's
//! [phrase book](Language), which is why the same problem exists in all five.
//!
//! Three splits are properties of the world itself, the same for every seed:
//! - **operand pairs**: the unordered pair {a, b} of a problem, whatever its operation and language, belongs to training,
//!   validation or test ([`Split`]); so what is tuned on one seed's validation problems never met any seed's test pairs;
//! - **facts** of the science: what a test asks for is said by no training text and follows from what is said;
//! - **sentences**: about one general statement in ten is reserved, by a hash of its content, for held-out text and never
//!   appears in a training corpus. Questions ("How many apples does Tom have ?") are too few to hold any out.

mod config;
mod content;
mod draw;
mod grammar;
mod language;
mod manifest;
mod operands;
mod question;
mod science;
mod story;
mod tokenizer;
#[cfg(feature = "fs")]
mod unfinished;
mod world;
#[cfg(feature = "fs")]
mod write;

pub use config::{Abilities, Numbers, WorldConfig, WorldError};
pub use language::Language;
pub use manifest::{FileRecord, Manifest, Part};
pub use operands::{Op, Operands, Split};
pub use question::Question;
pub use tokenizer::{END_ID, PAD_ID, START_ID, UNKNOWN_ID};
pub use world::{Document, Kind, Problem, World};
#[cfg(feature = "fs")]
pub use write::{WriteError, write};
