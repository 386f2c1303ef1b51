//! Merging the abilities of models: Eq. 2–5 of MAEC, and the plain task vector.
//!
//! | equation | here |
//! |---|---|
//! | 2: R(A) = α·(Θ_{A,L0} − Θo) − β·(Θ_{L0} − Θo) | [`maec::ability_vector`] |
//! | 3: R_Lang = Σᵢ μᵢ·(Θ_{Li} − Θo) | [`maec::add_language`] |
//! | 4: S(τ) = cos(R(A)\[τ\], R_Lang\[τ\]); 𝒯 is the last k₂ of the ranking | [`tensor_stats`], [`rank`], [`select`](fn@select) |
//! | 5: τ̃ = τo + γ·R(A)\[τ\] + η·R_Lang\[τ\] for τ ∈ 𝒯, else τo + R_Lang\[τ\] | [`maec::merge_selected`], [`maec::merge_unselected`] |
//!
//! [`check`] plans from headers alone; [`execute`] and [`merge_to_memory`] stream tiles, so that no whole model is held.
//! Arithmetic is f64 in a fixed order, without platform math or fused operations, then f64 → f32 → stored dtype with
//! ties to even: native and wasm give the same bytes. The crate knows no models, tokenizers or pages.
//!
//! To add a method, write its file beside [`task_vector`] and name it in `method.rs`.

pub mod config;
#[cfg(feature = "burn")]
pub mod device;
pub mod engine;
mod error;
mod execute;
mod inputs;
pub mod inspect;
pub mod lora;
pub mod maec;
mod maec_job;
mod method;
pub mod methods;
mod plan;
mod progress;
mod report;
mod select;
mod stats;
pub mod task_vector;
mod tiles;
pub mod vocabulary;

pub use error::MergeError;
pub use execute::{Options, execute, merge_tensor, merge_to_memory, merged_hash};
pub use inputs::Inputs;
pub use maec_job::MaecJob;
pub use plan::{Plan, PlannedTensor, check};
pub use progress::{Progress, Stage};
pub use report::{InputReport, Report, TensorReport};
pub use select::{Selection, count_half_up, rank, select};
pub use stats::{TensorStats, select_tensors, tensor_stats};
