//! y = x·Wᵀ with W in the Hugging Face layout `[out, in]`.

use burn::backend::{Flex, ops::FloatTensorOps};
use burn::tensor::{DType, FloatDType, Tensor};

use super::flex::{FlexOp, FlexTensor, apply, contiguous, half_values, is_flex, matrix_dims, tensor, values};
use super::math::{dot, dot_bf16};
use super::parallel;

/// Up to so many tokens the weights' bytes are the cost, and a dot product a row reads them once, in order.
const FEW: usize = 4;

/// `[tokens, in]` × `[out, in]` → `[tokens, out]`. On the CPU, weights may be bf16 where no gradient is asked for.
pub fn linear(x: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
    if is_flex(&x.device()) { apply(Linear, [x.into(), weight.into()]) } else { composed(x, weight) }
}

/// [`linear`] in burn's operations. Weights in f16 are multiplied in f16; the result is f32 again.
pub fn composed(x: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
    match weight.dtype() {
        DType::F16 => x.cast(FloatDType::F16).matmul(weight.transpose()).cast(FloatDType::F32),
        _ => x.matmul(weight.transpose()),
    }
}

/// A dot product for every output and token: `weight` is `[out, in]`.
fn few_tokens<W: Sync>(
    x: &[f32],
    weight: &[W],
    [out, width]: [usize; 2],
    dot: impl Fn(&[W], &[f32]) -> f32 + Sync + Send,
) -> FlexTensor {
    let tokens = x.len() / width;
    // By output first, so that a weight's row is read once for all tokens.
    let mut by_output = vec![0.0; out * tokens];
    parallel::rows(&mut by_output, tokens, width * tokens, |row, y| {
        let w = &weight[row * width..][..width];
        for (y, x) in y.iter_mut().zip(x.chunks_exact(width)) {
            *y = dot(w, x);
        }
    });
    if tokens == 1 {
        return tensor(by_output, [1, out]);
    }
    let by_token = (0..tokens).flat_map(|t| by_output.iter().skip(t).step_by(tokens)).copied().collect();
    tensor(by_token, [tokens, out])
}

#[derive(Debug, Clone)]
struct Linear;

impl FlexOp<2> for Linear {
    type Saved = (FlexTensor, FlexTensor);

    fn infer(&self, [x, weight]: [FlexTensor; 2]) -> FlexTensor {
        let narrow = weight.dtype() == DType::BF16;
        if matrix_dims(&x)[0] > FEW {
            // Widening is a small part of a matrix product, and every bf16 is an f32.
            let weight = if narrow { Flex::float_cast(weight, FloatDType::F32) } else { weight };
            return Flex::float_matmul(x, Flex::float_transpose(weight));
        }
        let (x, weight) = (contiguous(x), contiguous(weight));
        let dims = matrix_dims(&weight);
        if narrow {
            few_tokens(values(&x), half_values(&weight), dims, dot_bf16)
        } else {
            few_tokens(values(&x), values(&weight), dims, dot)
        }
    }

    fn forward(&self, [x, weight]: [FlexTensor; 2]) -> (FlexTensor, Self::Saved) {
        let y = Flex::float_matmul(x.clone(), Flex::float_transpose(weight.clone()));
        (y, (x, weight))
    }

    fn backward(
        &self,
        (x, weight): Self::Saved,
        grad: FlexTensor,
        needed: [bool; 2],
    ) -> [Option<FlexTensor>; 2] {
        let grad = contiguous(grad);
        // dW = dyᵀ·x comes out as [out, in], ready for the optimizer.
        let d_weight = needed[1].then(|| Flex::float_matmul(Flex::float_transpose(grad.clone()), x));
        let d_x = needed[0].then(|| Flex::float_matmul(grad, weight));
        [d_x, d_weight]
    }
}
