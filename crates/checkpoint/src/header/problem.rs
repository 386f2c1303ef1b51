//! The ways in which a safetensors file can be bad.

use crate::Dtype;

/// Why some bytes are no safetensors file, with what to do. Names and reasons out of the file are shortened and
/// escaped, so that a message is always one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderProblem {
    /// Not even the header's length is there.
    #[error("it has only {len} bytes; copy or download it again")]
    TooShort {
        /// The file's length in bytes.
        len: u64,
    },
    /// A header longer than any honest one.
    #[error("it declares a header of {len} bytes, more than the format's {max}; use an undamaged copy")]
    HeaderTooLong {
        /// The declared length in bytes.
        len: u64,
        /// The limit in bytes.
        max: u64,
    },
    /// A header that would end after the file.
    #[error(
        "it declares a header of {len} bytes, but the file ends after {file} bytes; copy or download it again"
    )]
    HeaderPastEnd {
        /// The declared length in bytes.
        len: u64,
        /// The file's length in bytes.
        file: u64,
    },
    /// A header that is something other than a JSON object.
    #[error("its header does not begin with `{{`; it is a file of another kind, so choose another")]
    NotObject,
    /// A header that is not text.
    #[error("its header is not UTF-8 text at byte {at}; use an undamaged copy")]
    NotUtf8 {
        /// Offset in the header of the first bad byte.
        at: usize,
    },
    /// A header that nests arrays or objects without need.
    #[error("its header is nested deeper than {max} levels; use an undamaged copy")]
    TooDeep {
        /// The limit.
        max: usize,
    },
    /// A header that is not JSON.
    #[error("its header is not JSON ({reason}); use an undamaged copy")]
    NotJson {
        /// What the parser says.
        reason: String,
    },
    /// A key that occurs twice: a tensor, `__metadata__`, or a key in it.
    #[error("its header has the key `{key}` twice; write the file again with one of them")]
    DuplicateKey {
        /// The key.
        key: String,
    },
    /// A `__metadata__` that does not map strings to strings.
    #[error("its `__metadata__` does not map strings to strings ({reason}); write the file again without it")]
    BadMetadata {
        /// What the parser says.
        reason: String,
    },
    /// An entry that lacks a dtype, a shape or two offsets, or whose values have another type.
    #[error("the entry of tensor `{tensor}` is malformed ({reason}); write the file again")]
    BadEntry {
        /// The tensor.
        tensor: String,
        /// What the parser says.
        reason: String,
    },
    /// A dtype that the format does not know.
    #[error("tensor `{tensor}` has the unknown dtype `{dtype}`; convert it to a dtype of the format")]
    UnknownDtype {
        /// The tensor.
        tensor: String,
        /// The dtype as it stands in the header.
        dtype: String,
    },
    /// A dtype of less than a byte per element.
    #[error("tensor `{tensor}` is {dtype}, which packs elements into bits; convert it to a wider dtype")]
    PackedDtype {
        /// The tensor.
        tensor: String,
        /// Its dtype.
        dtype: Dtype,
    },
    /// More dimensions than any library has.
    #[error("tensor `{tensor}` has more than {max} dimensions; write the file again with fewer")]
    TooManyDimensions {
        /// The tensor.
        tensor: String,
        /// The limit.
        max: usize,
    },
    /// A shape whose size in bytes is no number of this machine.
    #[error("tensor `{tensor}` has a shape whose size overflows ({shape}); use an undamaged copy")]
    ShapeOverflow {
        /// The tensor.
        tensor: String,
        /// The shape as it stands in the header.
        shape: String,
    },
    /// Shape and dtype ask for another number of bytes than the offsets enclose.
    #[error(
        "tensor `{tensor}` has {found} bytes where its shape and dtype need {expected}; use an undamaged copy"
    )]
    WrongSize {
        /// The tensor.
        tensor: String,
        /// Bytes between its offsets.
        found: u64,
        /// Bytes that shape × dtype need.
        expected: u64,
    },
    /// A tensor that ends before it begins.
    #[error("tensor `{tensor}` lies at {start}..{end}, which runs backwards; use an undamaged copy")]
    OffsetsReversed {
        /// The tensor.
        tensor: String,
        /// Where it begins in the data.
        start: u64,
        /// Where it ends in the data.
        end: u64,
    },
    /// Bytes that belong to no tensor.
    #[error(
        "tensor `{tensor}` begins at {start}, but the data before it ends at {before}, which leaves a hole; use an undamaged copy"
    )]
    Hole {
        /// The tensor after the hole.
        tensor: String,
        /// Where it begins in the data.
        start: u64,
        /// Where the tensor before it ends.
        before: u64,
    },
    /// Bytes that belong to two tensors.
    #[error(
        "tensor `{tensor}` begins at {start}, but the data before it ends at {before}, so that they overlap; use an undamaged copy"
    )]
    Overlap {
        /// The later tensor.
        tensor: String,
        /// Where it begins in the data.
        start: u64,
        /// Where the tensor before it ends.
        before: u64,
    },
    /// A tensor whose data is not all in the file.
    #[error(
        "tensor `{tensor}` ends at {end}, but the file has {len} bytes of tensor data; copy or download it again"
    )]
    PastEnd {
        /// The tensor.
        tensor: String,
        /// Where it ends in the data.
        end: u64,
        /// Bytes of data in the file.
        len: u64,
    },
    /// Bytes after the last tensor.
    #[error(
        "it has {found} bytes of tensor data where its header describes {described}; use an undamaged copy"
    )]
    DataAfterEnd {
        /// Bytes that the header describes.
        described: u64,
        /// Bytes of data in the file.
        found: u64,
    },
}
