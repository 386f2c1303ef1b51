//! Decoders in burn: configuration, one core and its families, fused CPU kernels, loading, generation.
//!
//! Everything works on *ragged* batches: the tokens of all sequences stand in one `[tokens, d_model]` matrix,
//! and [`Segment`]s say which rows attend to which. No row is spent on padding.

mod assemble;
#[cfg(feature = "autodiff")]
mod backward;
mod cache;
mod config;
mod decoder;
mod device;
mod family;
mod generate;
pub mod kernels;
mod layout;
mod load;
mod lora;
mod parameters;
mod projection;
mod rotary;

pub use assemble::{Assembly, Precision, Storage};
#[cfg(feature = "autodiff")]
pub use backward::{Activations, TakeGradient};
pub use cache::Cache;
pub use config::{ConfigError, ModelConfig};
pub use decoder::Decoder;
pub use device::{DeviceError, DeviceKind};
pub use family::{Activation, Family, Variant};
pub use generate::{Generated, Generator, Stop};
pub use layout::{Batch, Segment};
pub use load::LoadError;
pub use lora::LoraFactors;
pub use maec_tokenizer::{TokenizerError, WordTokenizer};
pub use rotary::{RopeScaling, frequencies};
