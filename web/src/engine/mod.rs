//! The engine from the page's side: which one runs and why, and the client that talks to its worker.

mod choice;
mod client;
mod probe;
mod tree;

pub use choice::{After, Choice, EngineKind, Gpu, Losses, Wish, choose};
pub use client::{Answer, CallError, Engine, Loss};
pub use probe::probe;
pub use tree::parse;
