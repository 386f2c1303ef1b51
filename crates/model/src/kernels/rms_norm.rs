//! y = w · x / √(mean(x²) + ε), row by row.

use burn::tensor::Tensor;
use pulp::Simd;

use super::flex::{FlexOp, FlexTensor, apply, contiguous, is_flex, matrix_dims, tensor, values};
use super::math::dot;
use super::parallel::{self, Work};

/// Rows whose weight gradients are summed together; fixed, so that the sum does not depend on the threads.
const BLOCK: usize = 64;

/// `[tokens, d_model]` and `[d_model]` → `[tokens, d_model]`.
pub fn rms_norm(x: Tensor<2>, weight: Tensor<1>, epsilon: f64) -> Tensor<2> {
    if is_flex(&x.device()) {
        apply(RmsNorm { epsilon: epsilon as f32 }, [x.into(), weight.into()])
    } else {
        composed(x, weight, epsilon)
    }
}

/// [`rms_norm`] in burn's operations.
pub fn composed(x: Tensor<2>, weight: Tensor<1>, epsilon: f64) -> Tensor<2> {
    let mean_square = x.clone().square().mean_dim(1);
    x / mean_square.add_scalar(epsilon).sqrt() * weight.unsqueeze()
}

#[derive(Debug, Clone)]
struct RmsNorm {
    epsilon: f32,
}

impl RmsNorm {
    #[inline(always)]
    fn inverse_rms<S: Simd>(&self, simd: S, row: &[f32]) -> f32 {
        1.0 / (dot(simd, row, row) / row.len() as f32 + self.epsilon).sqrt()
    }
}

/// A block of rows.
struct Forward<'a> {
    norm: &'a RmsNorm,
    x: &'a [f32],
    weight: &'a [f32],
}

impl<'o> Work<(usize, &'o mut [f32])> for Forward<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, (block, out): (usize, &'o mut [f32])) {
        let width = self.weight.len();
        let x = &self.x[block * BLOCK * width..][..out.len()];
        for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
            let scale = self.norm.inverse_rms(simd, x);
            for i in 0..width {
                out[i] = x[i] * scale * self.weight[i];
            }
        }
    }
}

/// A block of rows: their dx, then their part of dw.
struct Backward<'a> {
    norm: &'a RmsNorm,
    x: &'a [f32],
    weight: &'a [f32],
    grad: &'a [f32],
}

impl Work<(usize, (&mut [f32], &mut [f32]))> for Backward<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, (block, (d_x, d_weight)): (usize, (&mut [f32], &mut [f32]))) {
        let weight = self.weight;
        let width = weight.len();
        let first = block * BLOCK * width;
        let rows = self.x[first..].chunks_exact(width).zip(self.grad[first..].chunks_exact(width));
        for (d_x, (x, dy)) in d_x.chunks_exact_mut(width).zip(rows) {
            let d_weight = &mut d_weight[..width];
            let r = self.norm.inverse_rms(simd, x);
            for i in 0..width {
                d_x[i] = dy[i] * weight[i];
            }
            let c = dot(simd, d_x, x) * r * r * r / width as f32;
            for i in 0..width {
                d_x[i] = d_x[i] * r - x[i] * c;
                d_weight[i] += dy[i] * x[i] * r;
            }
        }
    }
}

impl FlexOp<2> for RmsNorm {
    type Saved = (FlexTensor, FlexTensor);

    fn forward(&self, [x, weight]: [FlexTensor; 2]) -> (FlexTensor, Self::Saved) {
        let (x, weight) = (contiguous(x), contiguous(weight));
        let [rows, width] = matrix_dims(&x);
        let (xs, ws) = (values(&x), values(&weight));
        let mut out = vec![0.0; xs.len()];
        parallel::chunks(&mut out, BLOCK * width, &Forward { norm: self, x: xs, weight: ws });
        (tensor(out, [rows, width]), (x, weight))
    }

    fn backward(&self, (x, weight): Self::Saved, grad: FlexTensor, _: [bool; 2]) -> [Option<FlexTensor>; 2] {
        let grad = contiguous(grad);
        let [rows, width] = matrix_dims(&x);
        let (xs, ws, grads) = (values(&x), values(&weight), values(&grad));
        let mut d_x = vec![0.0; rows * width];
        let mut parts = vec![0.0; rows.div_ceil(BLOCK) * width];
        let tasks = d_x.chunks_mut(BLOCK * width).zip(parts.chunks_mut(width)).enumerate().collect();
        parallel::items(tasks, &Backward { norm: self, x: xs, weight: ws, grad: grads });
        let mut d_weight = vec![0.0; width];
        for part in parts.chunks_exact(width) {
            d_weight.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        }
        [Some(tensor(d_x, [rows, width])), Some(tensor(d_weight, [width]))]
    }
}
