//! Adapters merged with each other, without their base: ΔW = Σᵢ wᵢ·sᵢ·Bᵢ·Aᵢ as one adapter.
//!
//! | how | the new factors | ΔW |
//! |---|---|---|
//! | [`Combine::Cat`] | A = \[w₁s₁A₁; …\], B = \[B₁ …\], rank Σrᵢ | exact |
//! | [`Combine::Svd`] | B = U·S, A = Vᵀ of ΔW's largest singular values | the best of its rank |
//! | [`Combine::Linear`] | A = Σ ±√\|wᵢsᵢ\|·Aᵢ, B = Σ √\|wᵢsᵢ\|·Bᵢ (PEFT's dialect) | plus the cross-terms |
//!
//! The formulas of `cat` and `linear`, and where `svd` puts S, are those of PEFT 0.21's `add_weighted_adapter`; wᵢ and sᵢ are
//! applied once each. Arithmetic is f64, in the adapters' order, rounded once to F32. An adapter is applied to a base by
//! [`maec_checkpoint::lora`].

mod combine;
mod error;
mod factors;
mod output;
mod svd;

pub use combine::{Combine, combine};
pub use error::CombineError;
pub use output::{CombineReport, CombinedAdapter, ModuleReport};
