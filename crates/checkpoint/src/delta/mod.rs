//! Sparse deltas: what training changed in a base, as positions and trained values.
//!
//! A delta is a valid safetensors file. For every tensor `T` that changed it holds `T.positions` (U8: the gaps between
//! ascending flat indices as LEB128 varints, the first counted from −1) and `T.values` (the trained VALUES, in the
//! base's dtype or wider, `[count]`). Metadata: `maec_delta` = `1`, `base_fingerprint`, and provenance. Base plus
//! delta is the trained checkpoint, bit for bit.

mod apply;
mod read;
mod varint;
mod write;

pub use apply::DeltaWeights;
pub use read::{DeltaEntries, SparseDelta};
pub use write::{DeltaPositions, write_delta};

const VERSION_KEY: &str = "maec_delta";
const VERSION: &str = "1";
const BASE_KEY: &str = "base_fingerprint";
const POSITIONS: &str = ".positions";
const VALUES: &str = ".values";
