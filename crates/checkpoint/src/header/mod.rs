//! The safetensors header.
//!
//! Layout: header length (u64 LE) | JSON, space-padded to 8 | tensor data without holes or overlaps.
//!
//! Limits: the JSON has at most 100,000,000 bytes, the format's own limit, which bounds the number of tensors (under two
//! million); a tensor has at most 64 dimensions. Reading allocates the JSON, once, and a few times its length for what
//! it says; never in proportion to a length or a shape that it merely claims.

mod layout;
mod parse;
mod problem;
mod write;

use std::collections::BTreeMap;

use crate::{ByteSource, Error, TensorInfo};

pub use problem::HeaderProblem;
pub(crate) use write::{encode, unwritable};

/// The format's own limit on the JSON's length in bytes.
const MAX_HEADER_BYTES: u64 = 100_000_000;
/// As many as PyTorch and NumPy allow.
const MAX_DIMENSIONS: usize = 64;
const METADATA_KEY: &str = "__metadata__";

/// A checked header.
#[derive(Debug)]
pub(crate) struct Header {
    pub metadata: BTreeMap<String, String>,
    /// Sorted by name.
    pub tensors: Vec<TensorInfo>,
    /// Offset of each tensor's bytes from the file's start, in the order of `tensors`.
    pub offsets: Vec<u64>,
}

impl Header {
    /// Reads and checks a header: after this every tensor lies inside the source.
    pub fn read(source: &dyn ByteSource) -> Result<Self, Error> {
        let not = |problem| Error::NotSafetensors { name: source.name().into(), problem };
        let file = source.len();
        if file < 8 {
            return Err(not(HeaderProblem::TooShort { len: file }));
        }
        let mut length = [0; 8];
        source.read_at(0, &mut length)?;
        let len = u64::from_le_bytes(length);
        if len > MAX_HEADER_BYTES {
            return Err(not(HeaderProblem::HeaderTooLong { len, max: MAX_HEADER_BYTES }));
        }
        if len > file - 8 {
            return Err(not(HeaderProblem::HeaderPastEnd { len, file }));
        }
        let mut json = vec![0; len as usize];
        source.read_at(8, &mut json)?;
        let parsed = parse::parse(&json).map_err(not)?;
        drop(json);
        layout::check(parsed, 8 + len, file - 8 - len).map_err(not)
    }
}
