//! Llama-architecture decoders in burn: configuration, modules, fused CPU kernels, loading, generation, tokenizers.
//!
//! Everything works on *ragged* batches: the tokens of all sequences stand in one `[tokens, d_model]` matrix,
//! and [`Segment`]s say which rows attend to which. No row is spent on padding.

mod config;
mod decoder;
mod device;
mod generate;
pub mod kernels;
mod layout;
mod load;

pub use config::{ConfigError, LlamaConfig};
pub use decoder::{Cache, Llama};
pub use device::{DeviceError, DeviceKind};
pub use generate::{Generated, Generator, Stop};
pub use layout::{Batch, Segment};
pub use load::LoadError;
pub use maec_tokenizer::{TokenizerError, WordTokenizer};
