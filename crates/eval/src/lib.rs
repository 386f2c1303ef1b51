//! Tasks and metrics, each number with its n and a 95 % interval.
//!
//! - [`answer`]: story problems by greedy free-running generation, exact match on the parsed number, with a Wilson
//!   interval ([`Accuracy`]) and, between two models, a paired interval clustered by operand pair
//!   ([`paired_difference`]);
//! - [`choose`]: four-choice questions by the likelihood of each option's text, with the same intervals clustered by the fact
//!   that decides a question;
//! - [`perplexity`]: of held-out text, with bits per byte, so that tokenizers compare.
//!
//! - [`Runner`]: any decoder with its tokenizer, as the benchmarks of `maec-tasks` ask it.
//!
//! Nothing here knows how a model was made. Device reads are awaited, so that the same code runs in a browser.

mod accuracy;
mod answer;
mod answered;
mod choice;
mod error;
mod paired;
mod perplexity;
mod problem;
mod question;
mod report;
mod runner;

pub use accuracy::Accuracy;
pub use answer::{Options, Sample, answer, batches, parse_answer, stop_tokens};
pub use answered::Answered;
pub use choice::{Choice, Choices, choose};
pub use error::EvalError;
pub use paired::{PairedDifference, paired_difference};
pub use perplexity::{Perplexity, perplexity};
pub use problem::{HeldOut, Problem};
pub use question::Question;
pub use report::{LanguageReport, ModelReport};
pub use runner::Runner;
