//! Merges into files: planned from headers, streamed tile by tile, and looks inside models.
//!
//! | request | file |
//! |---|---|
//! | `Template`, `Filter` | [`template`], [`filter`]: mergekit files, written and changed |
//! | `Plan` | [`opened`], [`named`], [`configured`], [`plan`]: which items are merged, what that takes, and everything in its way |
//! | `Write` | [`write`], [`writing`], [`folder`], [`beside`]: the weights and what stands beside them |
//! | `Inspect` | [`inspect`] |

mod beside;
mod configured;
mod counted;
mod filter;
mod folder;
mod inspect;
mod named;
mod opened;
mod plan;
mod template;
mod write;
mod writing;

pub(crate) use filter::filtered;
pub use folder::{Folder, OutFile};
pub(crate) use inspect::inspect;
pub(crate) use plan::plan;
pub(crate) use template::{methods, names, template};
pub(crate) use write::write;

/// Tiles whose statistics are read before messages are let in again: as many as are merged in a step.
const STEP_TILES: usize = 8;
