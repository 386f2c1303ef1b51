//! The ways in which reading and writing checkpoints can fail.

use crate::lora::LoraProblem;
use crate::{Dtype, FolderProblem, HeaderProblem};

/// What went wrong, in one line that names the thing and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder that does not exist.
    #[error("`{path}` does not exist; check the path")]
    Missing {
        /// The path that was asked for.
        path: String,
    },
    /// The operating system refused to read.
    #[error("cannot read `{path}`: {source}; check the path and its permissions")]
    Io {
        /// The path in question.
        path: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The operating system refused to write.
    #[error("cannot write `{path}`: {source}; check permissions and free space, or choose another output")]
    Write {
        /// The output that was asked for.
        path: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// An output in a folder that does not exist.
    #[error(
        "cannot write `{path}`: the folder `{parent}` does not exist; create it or choose another output"
    )]
    NoParent {
        /// The output that was asked for.
        path: String,
        /// The folder it was to stand in.
        parent: String,
    },
    /// An output whose name something has that is no file and must not be replaced by one.
    #[error("cannot write `{path}`: it is {what}; choose another output")]
    NotAFile {
        /// The output that was asked for.
        path: String,
        /// What it is: `a folder`, …
        what: &'static str,
    },
    /// An output that is being written.
    #[error("cannot write `{path}`: another process is writing it: wait for it or choose another output")]
    Busy {
        /// The output that was asked for.
        path: String,
    },
    /// The place of unfinished output, taken by something that maec did not put there.
    #[error("`{path}` is where maec keeps unfinished output and was not made by it; remove or rename it")]
    ForeignTemporary {
        /// The file or folder in the way.
        path: String,
    },
    /// A read past the end: the file is shorter than it says.
    #[error("`{name}` ends after {len} bytes, before the data it promises; copy or download it again")]
    Truncated {
        /// The source's name.
        name: String,
        /// The source's length in bytes.
        len: u64,
    },
    /// Bytes that a source knows of and does not have yet, so that whoever drives the download can fetch them and
    /// try again. Every reader here passes it on untouched.
    #[error("bytes {offset}..{} of `{name}` have not been fetched; fetch them and try again", offset.saturating_add(*len))]
    NotFetched {
        /// The source's name.
        name: String,
        /// First byte that was asked for.
        offset: u64,
        /// Bytes that were asked for.
        len: u64,
    },
    /// A file that breaks the safetensors format.
    #[error("`{name}` is not a safetensors file: {problem}")]
    NotSafetensors {
        /// The source's name.
        name: String,
        /// In which way.
        problem: HeaderProblem,
    },
    /// A name that a model does not have.
    #[error("`{name}` has no tensor `{tensor}`; is it a checkpoint of another model?")]
    MissingTensor {
        /// The model.
        name: String,
        /// The tensor asked for.
        tensor: String,
    },
    /// A tensor that one of two models lacks.
    #[error("`{name}` has a tensor `{tensor}` that `{base}` lacks; use checkpoints of one architecture")]
    ExtraTensor {
        /// The model that has it.
        name: String,
        /// The tensor.
        tensor: String,
        /// The model that lacks it.
        base: String,
    },
    /// Two tensors of one name.
    #[error("tensor `{tensor}` occurs twice in `{name}`; keep one")]
    DuplicateTensor {
        /// The model.
        name: String,
        /// The tensor.
        tensor: String,
    },
    /// A tensor whose shape is not the other model's.
    #[error(
        "`{name}`: tensor `{tensor}` has shape {found:?} where {expected:?} is expected; use checkpoints of one model"
    )]
    WrongShape {
        /// The model.
        name: String,
        /// The tensor.
        tensor: String,
        /// The shape expected.
        expected: Vec<usize>,
        /// The shape found.
        found: Vec<usize>,
    },
    /// Elements outside a tensor, or a buffer of another size than the elements asked for.
    #[error(
        "`{name}`: elements {start}..{end} into a buffer of {buffer} do not fit tensor `{tensor}` of {len} elements"
    )]
    OutOfRange {
        /// The model.
        name: String,
        /// The tensor.
        tensor: String,
        /// First element asked for.
        start: usize,
        /// One past the last element asked for.
        end: usize,
        /// Elements (or bytes) the buffer holds.
        buffer: usize,
        /// Elements of the tensor.
        len: usize,
    },
    /// Arithmetic on something that is not a floating-point number.
    #[error("{name} is not floating point; only F64, F32, F16 and BF16 can be computed with")]
    NotFloat {
        /// The tensor or dtype.
        name: String,
    },
    /// A buffer that is no whole number of elements, or not as many as its partner.
    #[error("{found} bytes are not {elements} elements of {dtype}")]
    BufferMismatch {
        /// The stored dtype.
        dtype: Dtype,
        /// Elements expected.
        elements: usize,
        /// Bytes given.
        found: usize,
    },
    /// NaN or infinity among the weights.
    #[error(
        "`{name}`: tensor `{tensor}` holds a NaN or infinity at element {index}; the training that made it diverged"
    )]
    NonFinite {
        /// The model.
        name: String,
        /// The tensor.
        tensor: String,
        /// Flat index of the first such element.
        index: usize,
    },
    /// Fewer or more bytes than a tensor has were given to the writer.
    #[error("tensor `{tensor}` was written with {found} bytes where its shape and dtype need {expected}")]
    WrongTensorBytes {
        /// The tensor.
        tensor: String,
        /// Bytes its shape and dtype need.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// A tensor that cannot stand in a safetensors file.
    #[error("tensor `{tensor}` cannot be written: {reason}")]
    Unwritable {
        /// The tensor.
        tensor: String,
        /// Why not.
        reason: String,
    },
    /// Files that are not laid out like a Hugging Face model.
    #[error("`{name}` is not a model folder: {problem}")]
    NotModelFolder {
        /// The folder, or the set's name.
        name: String,
        /// In which way.
        problem: FolderProblem,
    },
    /// Files that are not laid out like a PEFT LoRA adapter, or an adapter that cannot be applied.
    #[error("`{name}` is no LoRA adapter that maec can apply: {problem}")]
    NotAdapter {
        /// The folder, or the set's name.
        name: String,
        /// In which way.
        problem: Box<LoraProblem>,
    },
    /// An output that exists and was not made by this project.
    #[error("`{path}` exists and was not made by maec; remove it or choose another output")]
    WontReplace {
        /// The output.
        path: String,
    },
    /// A file that should be a sparse delta and is not one.
    #[error("`{name}` is not a sparse delta: {reason}")]
    NotDelta {
        /// The source's name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A delta that was extracted from another base.
    #[error(
        "delta `{name}` was made for another base than `{base}` (fingerprint {expected}, found {found}); use the base it was extracted from"
    )]
    OtherBase {
        /// The delta.
        name: String,
        /// The base offered.
        base: String,
        /// First digits of the fingerprint that the delta names.
        expected: String,
        /// First digits of the base's fingerprint.
        found: String,
    },
    /// A delta whose entries for one tensor are broken or do not fit the base.
    #[error("delta `{name}`: tensor `{tensor}` {reason}; extract the delta again")]
    BadDelta {
        /// The delta.
        name: String,
        /// The tensor.
        tensor: String,
        /// What is wrong.
        reason: String,
    },
    /// Values that the asked-for dtype cannot hold beside the base's.
    #[error(
        "tensor `{tensor}` is {base} in the base and {values} in the delta, which cannot hold the base's values; ask for delta values in {base} or wider"
    )]
    Narrower {
        /// The tensor.
        tensor: String,
        /// The base's dtype.
        base: Dtype,
        /// The dtype of the delta's values.
        values: Dtype,
    },
    /// A pack's manifest that cannot be read or contradicts itself.
    #[error("manifest.json is not a maec pack's: {reason}")]
    BadManifest {
        /// What is wrong with it.
        reason: String,
    },
    /// A file that the pack's manifest names and the pack lacks.
    #[error("the pack has no file `{path}`; copy or download the whole pack again")]
    MissingPackFile {
        /// The file's path in the pack.
        path: String,
    },
    /// A file whose bytes are not those that the pack was made with.
    #[error(
        "the pack's file `{path}` is not the one its manifest names ({what} differs); copy or download the pack again"
    )]
    ChangedPackFile {
        /// The file's path in the pack.
        path: String,
        /// `length` or `SHA-256`.
        what: &'static str,
    },
    /// An id that no delta of the pack has.
    #[error("the pack has no delta `{id}`; it has {known}")]
    UnknownDelta {
        /// The id asked for.
        id: String,
        /// The ids there are, comma-separated.
        known: String,
    },
}

impl Error {
    /// [`Error::NotAdapter`] of the adapter `name`.
    pub(crate) fn adapter(name: &str, problem: LoraProblem) -> Self {
        Self::NotAdapter { name: name.into(), problem: Box::new(problem) }
    }

    /// An error of the operating system about reading `path`; a missing file becomes [`Error::Missing`].
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn io(path: &std::path::Path, source: std::io::Error) -> Self {
        let path = path.display().to_string();
        match source.kind() {
            std::io::ErrorKind::NotFound => Self::Missing { path },
            _ => Self::Io { path, source },
        }
    }

    /// An error of the operating system about writing `path`.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn write(path: &std::path::Path, source: std::io::Error) -> Self {
        Self::Write { path: path.display().to_string(), source }
    }

    /// As [`Error::write`], where the folder `parent` that it is to stand in may be missing.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn create(path: &std::path::Path, parent: &std::path::Path, source: std::io::Error) -> Self {
        if parent.exists() {
            return Self::write(path, source);
        }
        Self::NoParent { path: path.display().to_string(), parent: parent.display().to_string() }
    }
}

/// Text out of a file for a message: one line, and at most 120 characters of it.
pub fn shown(text: &str) -> String {
    const MAX_CHARS: usize = 120;
    let mut out = String::new();
    for (i, c) in text.chars().enumerate() {
        if i == MAX_CHARS {
            out.push('…');
            break;
        }
        match c {
            // Line separators and marks that turn the writing direction are no control characters by Unicode's book.
            c if c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}') => {
                out.extend(c.escape_default());
            }
            c => out.push(c),
        }
    }
    out
}
