//! Packs: a base, its deltas, problems, recipe and recorded numbers in one verified folder.

mod manifest;
mod read;
#[cfg(not(target_arch = "wasm32"))]
mod write;

pub use manifest::{DeltaRole, Manifest, PackDelta, PackFile, PackLanguage};
pub use read::Pack;
#[cfg(not(target_arch = "wasm32"))]
pub use write::{is_pack, write_pack};

const MANIFEST: &str = "manifest.json";
