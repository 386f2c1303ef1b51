//! y = x·Wᵀ with W in the Hugging Face layout `[out, in]`.

use burn::backend::{Flex, ops::FloatTensorOps};
use burn::tensor::{DType, FloatDType, Tensor};
use pulp::Simd;

use super::flex::{FlexOp, FlexTensor, apply, contiguous, is_flex, matrix_dims, pairs, tensor, values};
use super::math::{dot, dot_pairs};
use super::parallel::{self, Chunks, Work};
use super::product::{Left, Right};
use super::tile::TILED;

/// Up to so many tokens the weights' bytes are the cost, and a dot product a row reads them once, in order.
pub(super) const FEW: usize = 4;

/// `[tokens, in]` × `[out, in]` → `[tokens, out]`. Weights may be bf16; on the CPU their gradients are f32 all the same.
pub fn linear(x: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
    if is_flex(&x.device()) { apply(Linear, [x.into(), weight.into()]) } else { composed(x, weight) }
}

/// [`linear`] in burn's operations. Weights in 16 bits are multiplied in 16 bits; the result is f32 again.
pub fn composed(x: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
    match weight.dtype() {
        DType::F16 => x.cast(FloatDType::F16).matmul(weight.transpose()).cast(FloatDType::F32),
        DType::BF16 => x.cast(FloatDType::BF16).matmul(weight.transpose()).cast(FloatDType::F32),
        _ => x.matmul(weight.transpose()),
    }
}

/// One output for every token, from f32 weights.
struct Full<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    width: usize,
}

impl<'o> Work<(usize, &'o mut [f32])> for Full<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, (row, y): (usize, &'o mut [f32])) {
        let w = &self.weight[row * self.width..][..self.width];
        for (y, x) in y.iter_mut().zip(self.x.chunks_exact(self.width)) {
            *y = dot(simd, w, x);
        }
    }
}

/// The same from bf16 weights, two to a word.
struct Paired<'a> {
    even: &'a [f32],
    odd: &'a [f32],
    weight: &'a [u32],
    words: usize,
}

impl<'o> Work<(usize, &'o mut [f32])> for Paired<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, (row, y): (usize, &'o mut [f32])) {
        let w = &self.weight[row * self.words..][..self.words];
        let tokens = self.even.chunks_exact(self.words).zip(self.odd.chunks_exact(self.words));
        for (y, (even, odd)) in y.iter_mut().zip(tokens) {
            *y = dot_pairs(simd, w, even, odd);
        }
    }
}

/// Does `work` for every output, each over all tokens so that its weights are read once.
fn by_output(tokens: usize, out: usize, width: usize, work: &impl Chunks) -> FlexTensor {
    let mut y = vec![0.0; out * tokens];
    parallel::rows(&mut y, tokens, width * tokens, work);
    if tokens == 1 {
        return tensor(y, [1, out]);
    }
    let by_token = (0..tokens).flat_map(|t| y.iter().skip(t).step_by(tokens)).copied().collect();
    tensor(by_token, [tokens, out])
}

/// A contiguous weight matrix as products read it.
pub(super) fn right(weight: &FlexTensor) -> Right<'_> {
    match weight.dtype() {
        DType::BF16 => Right::Pairs(pairs(weight)),
        _ => Right::Full(values(weight)),
    }
}

/// A matrix in f32: every bf16 is one.
fn widened(weight: FlexTensor) -> FlexTensor {
    if weight.dtype() == DType::BF16 { Flex::float_cast(weight, FloatDType::F32) } else { weight }
}

#[derive(Debug, Clone)]
struct Linear;

impl FlexOp<2> for Linear {
    type Saved = (FlexTensor, FlexTensor);

    fn infer(&self, [x, weight]: [FlexTensor; 2]) -> FlexTensor {
        let [tokens, width] = matrix_dims(&x);
        let narrow = weight.dtype() == DType::BF16;
        let many = tokens > FEW;
        if (many && !TILED) || (narrow && width % 2 == 1) {
            return Flex::float_matmul(x, Flex::float_transpose(widened(weight)));
        }
        let (x, weight) = (contiguous(x), contiguous(weight));
        let (out, x) = (matrix_dims(&weight)[0], values(&x));
        if many {
            let left = Left::new(x, width);
            return tensor(left.times(&right(&weight), out), [tokens, out]);
        }
        if !narrow {
            return by_output(tokens, out, width, &Full { x, weight: values(&weight), width });
        }
        let (even, odd): (Vec<f32>, Vec<f32>) = x.as_chunks().0.iter().map(|[a, b]| (*a, *b)).unzip();
        let words = pairs(&weight);
        let work = Paired { even: &even, odd: &odd, weight: &words, words: width / 2 };
        by_output(tokens, out, width, &work)
    }

    fn forward(&self, [x, weight]: [FlexTensor; 2]) -> (FlexTensor, Self::Saved) {
        if weight.dtype() == DType::BF16 {
            return (self.infer([x.clone(), weight.clone()]), (x, weight));
        }
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
        let d_x = needed[0].then(|| Flex::float_matmul(grad, widened(weight)));
        [d_x, d_weight]
    }
}
