//! y = x·Wᵀ with W in the Hugging Face layout `[out, in]`.

use burn::backend::{Flex, ops::FloatTensorOps};
use burn::tensor::Tensor;

use super::flex::{FlexOp, FlexTensor, apply, contiguous, is_flex};

/// `[tokens, in]` × `[out, in]` → `[tokens, out]`.
pub fn linear(x: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
    if is_flex(&x.device()) { apply(Linear, [x.into(), weight.into()]) } else { composed(x, weight) }
}

/// [`linear`] in burn's operations.
pub fn composed(x: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
    x.matmul(weight.transpose())
}

#[derive(Debug, Clone)]
struct Linear;

impl FlexOp<2> for Linear {
    type Saved = (FlexTensor, FlexTensor);

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
