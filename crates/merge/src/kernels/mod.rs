//! MAEC's arithmetic as GPU kernels over stored words, for merges that are evaluated or generated from at once (feature `kernels`).
//!
//! [`merge`] is Eq. 2, 3 and 5 in one pass, [`tensor_stats`] Eq. 4's sums in one; their files say how their bindings lie.
//! Both read bf16, f16 and f32 as they are stored and run on every [`Client`] of cubecl: a program that wants one turns
//! on cubecl's runtime (wgpu, CUDA) and asks its [`Device`]. At most six storage buffers are bound, cubecl's own among
//! them; WebGPU's least is eight.
//!
//! Exports and printed hashes never come from here. Against the CPU's f64, where no sum reaches f32's largest number:
//!
//! - an element that no model changed keeps the base's bits; any other is, before it is rounded to its dtype, within
//!   (n + 6)·2⁻²⁴ of the magnitudes of its terms for n languages (f32 arithmetic, perhaps fused; factors rounded to f32);
//! - a device may read or write f32's and bf16's subnormals as zero in elements that a model changed, and a zero's sign
//!   is not promised; f16's subnormals are exact;
//! - a NaN or infinity is found in integers: refused with its index, or merged to IEEE 754's answer, NaN as the one NaN
//!   of its dtype;
//! - similarities differ by at most 1e-5, and norms by 1e-5 of themselves, where squares stay within f32's normal range
//!   (magnitudes from 2⁻⁶⁰ to 2⁶⁰); counts are equal but where Eq. 2's two sides cancel to f32's last places.

mod error;
mod factors;
mod maec_merge;
mod run;
mod tensor_stats;
mod tile;
mod unpack;

pub use cubecl::{Device, client::Client};
pub use error::KernelError;
pub use run::{Merged, Statistics, Sums, merge, tensor_stats};
pub use tile::Tile;
