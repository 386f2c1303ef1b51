//! The engine: a pack in memory → statistics, merge, evaluation, generation, export.
//!
//! [`Engine::handle`] answers one request of `maec-protocol`. What it needs of the world around it (time, files,
//! messages, a device) is a [`Host`]: a worker in the browser, a list in the tests. The binaries `engine-cpu`, `engine-own` and
//! `engine-gpu` are thin: each puts an engine into a worker's message loop, with another host.
//!
//! The feature `own` adds the models that people bring themselves; without it, the engine that opens with the page
//! stays small.
//!
//! Whatever the host, merged bytes and hashes come from the CPU executor. A GPU host merges on its device too, for
//! evaluation and generation, and the two merges are compared.

mod bench;
mod card;
pub mod checks;
mod device_merge;
mod engine;
mod evaluate;
mod export;
mod failure;
mod generate;
mod host;
mod job;
mod merging;
#[cfg(feature = "own")]
mod own;
#[cfg(all(target_arch = "wasm32", any(feature = "cpu", feature = "gpu")))]
pub mod worker;

pub use engine::Engine;
pub use failure::Failure;
pub use host::{Host, Started};
#[cfg(feature = "own")]
pub use own::{Chat, FetchProgress, Folder, HubFiles, OutFile, Remote, Words, WordsTexts};
