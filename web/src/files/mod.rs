//! Files that a person brings: read from drops and inputs, and told apart into models, packs, deltas and recipes.

mod group;
mod read;

pub use group::group;
pub use read::{Brought, dropped, from_input};

/// More files than any model has; beyond them somebody chose the wrong folder.
pub const MOST_FILES: usize = 2_000;
