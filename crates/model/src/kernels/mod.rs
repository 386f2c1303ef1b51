//! The decoder's operations: fused by hand (forward and backward) on the flex CPU device, composed of burn's own
//! operations on every other device. One file an operation, both spellings in it; `tests/kernels.rs` compares them.
#![cfg_attr(
    not(feature = "autodiff"),
    allow(dead_code, reason = "only gradient graphs call the backward passes")
)]

mod attention;
mod cross_entropy;
mod embedding;
pub(crate) mod flex;
mod gated;
mod linear;
mod math;
mod matrix;
mod parallel;
mod product;
mod rms_norm;
mod rope;
mod tile;
mod together;

pub(crate) use attention::cached;
pub use attention::{Attending, Shape, attention};
pub use cross_entropy::{IGNORE, cross_entropy};
pub use embedding::embedding;
pub use gated::gated;
pub use linear::linear;
pub use rms_norm::rms_norm;
pub use rope::{Angles, rope};
pub use together::{linears, mlp};

/// The same operations composed of burn's own, on any device: what GPUs run and what tests compare with.
pub mod composed {
    pub use super::attention::composed as attention;
    pub use super::cross_entropy::composed as cross_entropy;
    pub use super::embedding::composed as embedding;
    pub use super::gated::composed as gated;
    pub use super::linear::composed as linear;
    pub use super::rms_norm::composed as rms_norm;
    pub use super::rope::composed as rope;
}

/// Whether tensors on this device are computed by the hand-written CPU kernels.
pub fn runs_on_flex(device: &burn::tensor::Device) -> bool {
    flex::is_flex(device)
}

/// Whether a device computes with matrices in bfloat16: the CPU's kernels widen them, WebGPU's shaders lack the type.
pub fn computes_bf16(device: &burn::tensor::Device) -> bool {
    runs_on_flex(device) || device.supports_dtype(burn::tensor::DType::BF16)
}
