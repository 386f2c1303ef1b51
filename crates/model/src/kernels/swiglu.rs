//! silu(gate) · up, the Llama MLP's activation.

use burn::tensor::{Tensor, activation::silu};

use super::flex::{FlexOp, FlexTensor, apply, contiguous, is_flex, matrix_dims, tensor, values};
use super::math::sigmoid;
use super::parallel;

/// Values that one task works on.
const BLOCK: usize = 16 * 1024;

/// `[tokens, width]` twice → `[tokens, width]`.
pub fn swiglu(gate: Tensor<2>, up: Tensor<2>) -> Tensor<2> {
    if is_flex(&gate.device()) { apply(SwiGlu, [gate.into(), up.into()]) } else { composed(gate, up) }
}

/// [`swiglu`] in burn's operations.
pub fn composed(gate: Tensor<2>, up: Tensor<2>) -> Tensor<2> {
    silu(gate) * up
}

#[derive(Debug, Clone)]
struct SwiGlu;

impl FlexOp<2> for SwiGlu {
    type Saved = (FlexTensor, FlexTensor);

    fn forward(&self, [gate, up]: [FlexTensor; 2]) -> (FlexTensor, Self::Saved) {
        let (gate, up) = (contiguous(gate), contiguous(up));
        let (g, u) = (values(&gate), values(&up));
        let mut out = vec![0.0; g.len()];
        parallel::chunks(&mut out, BLOCK, |block, out| {
            let (g, u) = (&g[block * BLOCK..][..out.len()], &u[block * BLOCK..][..out.len()]);
            for i in 0..out.len() {
                out[i] = g[i] * sigmoid(g[i]) * u[i];
            }
        });
        (tensor(out, matrix_dims(&gate)), (gate, up))
    }

    fn backward(&self, (gate, up): Self::Saved, grad: FlexTensor, _: [bool; 2]) -> [Option<FlexTensor>; 2] {
        let grad = contiguous(grad);
        let (g, u, dy) = (values(&gate), values(&up), values(&grad));
        let mut d_gate = vec![0.0; g.len()];
        let mut d_up = vec![0.0; g.len()];
        let tasks = d_gate.chunks_mut(BLOCK).zip(d_up.chunks_mut(BLOCK)).enumerate().collect();
        parallel::items(tasks, |(block, (d_gate, d_up)): (usize, (&mut [f32], &mut [f32]))| {
            let range = block * BLOCK..block * BLOCK + d_gate.len();
            let (g, u, dy) = (&g[range.clone()], &u[range.clone()], &dy[range]);
            let d_up = &mut d_up[..g.len()];
            for i in 0..d_gate.len() {
                let s = sigmoid(g[i]);
                d_up[i] = dy[i] * g[i] * s;
                d_gate[i] = dy[i] * u[i] * s * (1.0 + g[i] * (1.0 - s));
            }
        });
        let dims = matrix_dims(&gate);
        [Some(tensor(d_gate, dims)), Some(tensor(d_up, dims))]
    }
}
