//! y = w · x / √(mean(x²) + ε), row by row.

use burn::tensor::Tensor;

use super::flex::{FlexOp, FlexTensor, apply, contiguous, is_flex, matrix_dims, tensor, values};
use super::math::{add_scaled, dot};
use super::parallel;

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
    fn inverse_rms(&self, row: &[f32]) -> f32 {
        1.0 / (dot(row, row) / row.len() as f32 + self.epsilon).sqrt()
    }
}

impl FlexOp<2> for RmsNorm {
    type Saved = (FlexTensor, FlexTensor);

    fn forward(&self, [x, weight]: [FlexTensor; 2]) -> (FlexTensor, Self::Saved) {
        let (x, weight) = (contiguous(x), contiguous(weight));
        let [rows, width] = matrix_dims(&x);
        let (xs, ws) = (values(&x), values(&weight));
        let mut out = vec![0.0; xs.len()];
        parallel::chunks(&mut out, BLOCK * width, |block, out| {
            let xs = &xs[block * BLOCK * width..][..out.len()];
            for (x, out) in xs.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
                let scale = self.inverse_rms(x);
                for i in 0..width {
                    out[i] = x[i] * scale * ws[i];
                }
            }
        });
        (tensor(out, [rows, width]), (x, weight))
    }

    fn backward(&self, (x, weight): Self::Saved, grad: FlexTensor, _: [bool; 2]) -> [Option<FlexTensor>; 2] {
        let grad = contiguous(grad);
        let [rows, width] = matrix_dims(&x);
        let (xs, ws, grads) = (values(&x), values(&weight), values(&grad));
        // Every block of the output holds its rows of dx, then its own partial dw.
        let blocks = rows.div_ceil(BLOCK);
        let stride = (BLOCK + 1) * width;
        let mut scratch = vec![0.0; blocks * stride];
        parallel::chunks(&mut scratch, stride, |block, out| {
            let (d_x, d_weight) = out.split_at_mut(BLOCK * width);
            let first = block * BLOCK;
            for row in 0..BLOCK.min(rows - first) {
                let at = (first + row) * width;
                let (x, dy) = (&xs[at..][..width], &grads[at..][..width]);
                let d_x = &mut d_x[row * width..][..width];
                let r = self.inverse_rms(x);
                for i in 0..width {
                    d_x[i] = dy[i] * ws[i];
                }
                let c = dot(d_x, x) * r * r * r / width as f32;
                for i in 0..width {
                    d_x[i] = d_x[i] * r - x[i] * c;
                    d_weight[i] += dy[i] * x[i] * r;
                }
            }
        });
        let mut d_x = Vec::with_capacity(rows * width);
        let mut d_weight = vec![0.0; width];
        for (block, chunk) in scratch.chunks_exact(stride).enumerate() {
            let count = BLOCK.min(rows - block * BLOCK);
            d_x.extend_from_slice(&chunk[..count * width]);
            add_scaled(&mut d_weight, 1.0, &chunk[BLOCK * width..]);
        }
        [Some(tensor(d_x, [rows, width])), Some(tensor(d_weight, [width]))]
    }
}
