//! Products of the same rows, for inference on the CPU: the rows are packed once.

use burn::tensor::{DType, Tensor};

use super::flex::{FlexTensor, contiguous, is_flex, matrix_dims, plain, tensor, values};
use super::gated::{GeluTanh, Silu};
use super::linear::{FEW, right};
use super::product::Left;
use super::tile::TILED;
use crate::family::Activation;

/// [`linear`](super::linear()) of `[tokens, in]` with every `[out, in]`; `None` where one by one is the way: on other
/// devices, for few tokens, and where gradients are asked for.
pub fn linears<const N: usize>(x: &Tensor<2>, weights: [Tensor<2>; N]) -> Option<[Tensor<2>; N]> {
    let (x, weights) = operands(x, weights)?;
    let [tokens, width] = matrix_dims(&x);
    let left = Left::new(values(&x), width);
    Some(weights.map(|weight| {
        let out = matrix_dims(&weight)[0];
        float(tensor(left.times(&right(&weight), out), [tokens, out]))
    }))
}

/// activation(x·gateᵀ) · (x·upᵀ) · downᵀ: `[tokens, d_model]`, two of `[width, d_model]` and `[d_model, width]` →
/// `[tokens, d_model]`; `None` as in [`linears`].
pub fn mlp(x: &Tensor<2>, [gate, up, down]: [Tensor<2>; 3], activation: Activation) -> Option<Tensor<2>> {
    let (x, [gate, up, down]) = operands(x, [gate, up, down])?;
    let ([tokens, width], [out, inner]) = (matrix_dims(&x), matrix_dims(&down));
    let left = Left::new(values(&x), width);
    let (gate, up) = (right(&gate), right(&up));
    let left = match activation {
        Activation::Silu => left.gated::<Silu>(&gate, &up, inner),
        Activation::GeluTanh => left.gated::<GeluTanh>(&gate, &up, inner),
    };
    Some(float(tensor(left.times(&right(&down), out), [tokens, out])))
}

/// Contiguous operands that products can read.
fn operands<const N: usize>(x: &Tensor<2>, weights: [Tensor<2>; N]) -> Option<(FlexTensor, [FlexTensor; N])> {
    let readable = |weight: &Tensor<2>| match weight.dtype() {
        DType::F32 => true,
        DType::BF16 => weight.dims()[1].is_multiple_of(2),
        _ => false,
    };
    if !TILED || x.dims()[0] <= FEW || !is_flex(&x.device()) || !weights.iter().all(readable) {
        return None;
    }
    let x = contiguous(plain(x.clone())?);
    let weights: Option<Vec<FlexTensor>> = weights.into_iter().map(|w| plain(w).map(contiguous)).collect();
    Some((x, weights?.try_into().ok()?))
}

fn float(tensor: FlexTensor) -> Tensor<2> {
    Tensor::from_primitive::<burn::backend::Flex>(tensor)
}
