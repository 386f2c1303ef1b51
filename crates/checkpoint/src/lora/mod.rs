//! PEFT LoRA adapters: low-rank changes of a base, ΔW = s·B·A, applied as the base is read.
//!
//! An adapter is a folder with `adapter_config.json` and `adapter_model.safetensors`. Of a linear layer it holds
//! `base_model.model.<module>.lora_A.weight` `[r, in]` and `.lora_B.weight` `[out, r]`, of an embedding
//! `.lora_embedding_A` `[r, rows]` and `.lora_embedding_B` `[width, r]`; any other tensor replaces the base's. The scale s is
//! α/r, or α/√r with `use_rslora`; `rank_pattern` and `alpha_pattern` give modules their own r and α.
//!
//! Read off PEFT 0.21 (`tuners/lora/layer.py`, `utils/other.py`), and compared with what it computes.

mod adapter;
mod config;
mod onto;
mod pattern;
mod problem;
mod product;
mod write;

pub use adapter::{Adapter, Factors, LoraModule, SavedTensor};
pub use config::{AdapterConfig, Patterns};
pub use onto::LoraWeights;
pub use problem::LoraProblem;
pub use write::adapter_files;
#[cfg(not(target_arch = "wasm32"))]
pub use write::write_adapter;

/// The file that says what kind of adapter it is.
pub const CONFIG_FILE: &str = "adapter_config.json";
/// The file that holds the factors.
pub const WEIGHTS_FILE: &str = "adapter_model.safetensors";
/// What PEFT puts before the name of a module of the base.
pub const PREFIX: &str = "base_model.model.";
/// What follows a linear layer's name: A `[r, in]`, B `[out, r]`.
pub const LINEAR: [&str; 2] = [".lora_A.weight", ".lora_B.weight"];
/// What follows an embedding's name: A `[r, rows]`, B `[width, r]`.
pub const EMBEDDING: [&str; 2] = [".lora_embedding_A", ".lora_embedding_B"];
