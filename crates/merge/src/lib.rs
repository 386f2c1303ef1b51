//! Merging models: Eq. 2–5 of MAEC, the plain task vector, and the methods of mergekit's files.
//!
//! | equation | here |
//! |---|---|
//! | 2: R(A) = α·(Θ_{A,L0} − Θo) − β·(Θ_{L0} − Θo) | [`maec::ability_vector`] |
//! | 3: R_Lang = Σᵢ μᵢ·(Θ_{Li} − Θo) | [`maec::add_language`] |
//! | 4: S(τ) = cos(R(A)\[τ\], R_Lang\[τ\]); 𝒯 is the last k₂ of the ranking | [`tensor_stats`], [`rank`], [`select`](fn@select) |
//! | 5: τ̃ = τo + γ·R(A)\[τ\] + η·R_Lang\[τ\] for τ ∈ 𝒯, else τo + R_Lang\[τ\] | [`maec::merge_selected`], [`maec::merge_unselected`] |
//!
//! [`check`] plans from headers alone; [`engine::run`] streams a [`MaecJob`] into files on all threads, [`merge_to_memory`] merges
//! small models where there are none. MAEC's arithmetic is f64 in a fixed order, without platform math or fused operations,
//! then f64 → f32 → stored dtype with ties to even: native and wasm give the same bytes.
//!
//! [`config`] makes jobs of mergekit's files, whose methods are in [`methods`]: to add one, write its file there and name it
//! in [`methods::METHODS`]. [`vocabulary`] joins tokenizers, [`lora`] merges adapters, [`inspect`] looks inside. The crate knows no
//! models, tokenizers' libraries or pages.

pub mod config;
#[cfg(feature = "burn")]
pub mod device;
pub mod engine;
mod error;
mod execute;
pub mod folder;
mod inputs;
pub mod inspect;
#[cfg(feature = "kernels")]
pub mod kernels;
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
pub use execute::{Options, merge_tensor, merge_to_memory};
pub use inputs::Inputs;
pub use maec_job::MaecJob;
pub use plan::{Plan, PlannedTensor, check};
pub use progress::{Progress, Stage};
pub use report::{InputReport, Report, TensorReport};
pub use select::{Selection, count_half_up, rank, select};
pub use stats::{TensorStats, select_tensors, tensor_stats};
