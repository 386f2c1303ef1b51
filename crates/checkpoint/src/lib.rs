//! Bytes to named tensors and back: safetensors, Hugging Face folders, sparse deltas and packs.
//!
//! Everything reads through [`ByteSource`] and writes through [`ByteSink`], so that the same code serves files on
//! a desktop and memory in a browser tab. [`Weights`] is what the rest of the project sees: a model's tensors,
//! read tile by tile, whatever they come from. Code that touches a file system is absent on wasm32.

pub mod convert;
mod delta;
pub mod dtype;
mod error;
mod files;
mod folder;
#[cfg(not(target_arch = "wasm32"))]
mod fs;
mod hash;
mod header;
mod json;
pub mod lora;
mod pack;
mod reader;
mod sink;
mod source;
mod summary;
mod tensor;
mod weights;
mod write;

pub use delta::{DeltaEntries, DeltaPositions, DeltaWeights, SparseDelta, write_delta};
pub use error::{Error, shown};
pub use files::{FileSet, MemoryFiles, SourceFiles};
pub use folder::{FolderProblem, ModelFolder, read_text};
#[cfg(not(target_arch = "wasm32"))]
pub use folder::{ModelFiles, open_weights, write_model_folder};
#[cfg(not(target_arch = "wasm32"))]
pub use fs::{AtomicFolder, DirFiles, FileSink, FileSource, read_file, write_file};
pub use hash::{ModelHasher, fingerprint, model_hash, sha256_hex};
pub use header::HeaderProblem;
pub use pack::{DeltaRole, Manifest, Pack, PackDelta, PackFile, PackLanguage};
#[cfg(not(target_arch = "wasm32"))]
pub use pack::{is_pack, write_pack};
pub use reader::SafetensorsReader;
pub use safetensors::Dtype;
pub use sink::{ByteSink, MemorySink};
pub use source::{ByteSource, MemorySource};
pub use summary::{Mismatch, ModelSummary, mismatches};
pub use tensor::TensorInfo;
pub use weights::{MemoryWeights, Weights, check_range};
pub use write::{TensorData, safetensors_header, write_safetensors};
