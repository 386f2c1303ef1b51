//! activation(gate) · up, the MLP's gate. Both activations are x · sigmoid(a(x)): a(x) = x for SiLU, and
//! a(x) = √(8/π) · (x + 0.044715 x³) for GELU by tanh, since (1 + tanh u) / 2 = sigmoid(2u).

use std::marker::PhantomData;

use burn::tensor::{Tensor, activation::sigmoid as burn_sigmoid, activation::silu};
use pulp::Simd;

use super::flex::{FlexOp, FlexTensor, apply, contiguous, is_flex, matrix_dims, tensor, values};
use super::math::sigmoid;
use super::parallel::{self, Work};
use crate::family::Activation;

/// Values that one task works on.
const BLOCK: usize = 16 * 1024;
/// √(8/π).
const ROOT: f32 = 1.595_769_2;
const CUBIC: f32 = 0.044_715;

/// `[tokens, width]` twice → `[tokens, width]`.
pub fn gated(gate: Tensor<2>, up: Tensor<2>, activation: Activation) -> Tensor<2> {
    if !is_flex(&gate.device()) {
        return composed(gate, up, activation);
    }
    let inputs = [gate.into(), up.into()];
    match activation {
        Activation::Silu => apply(Gated(Silu), inputs),
        Activation::GeluTanh => apply(Gated(GeluTanh), inputs),
    }
}

/// [`gated`] in burn's operations.
pub fn composed(gate: Tensor<2>, up: Tensor<2>, activation: Activation) -> Tensor<2> {
    match activation {
        Activation::Silu => silu(gate) * up,
        Activation::GeluTanh => {
            let cube = gate.clone() * gate.clone().square();
            let inner = (gate.clone() + cube.mul_scalar(CUBIC)).mul_scalar(ROOT);
            gate * burn_sigmoid(inner) * up
        }
    }
}

/// a(x) and a'(x).
pub(super) trait Inner: Clone + std::fmt::Debug + Send + Sync + 'static {
    fn value(x: f32) -> f32;
    fn slope(x: f32) -> f32;
}

/// SiLU's.
#[derive(Debug, Clone)]
pub(super) struct Silu;

impl Inner for Silu {
    #[inline(always)]
    fn value(x: f32) -> f32 {
        x
    }

    #[inline(always)]
    fn slope(_: f32) -> f32 {
        1.0
    }
}

/// GELU's, by tanh.
#[derive(Debug, Clone)]
pub(super) struct GeluTanh;

impl Inner for GeluTanh {
    #[inline(always)]
    fn value(x: f32) -> f32 {
        ROOT * (x + CUBIC * (x * x * x))
    }

    #[inline(always)]
    fn slope(x: f32) -> f32 {
        ROOT * (1.0 + 3.0 * CUBIC * (x * x))
    }
}

#[derive(Debug, Clone)]
struct Gated<A>(A);

/// A block of values.
struct Forward<'a, A> {
    gate: &'a [f32],
    up: &'a [f32],
    activation: PhantomData<A>,
}

impl<'o, A: Inner> Work<(usize, &'o mut [f32])> for Forward<'_, A> {
    #[inline(always)]
    fn run<S: Simd>(&self, _: S, (block, out): (usize, &'o mut [f32])) {
        let range = block * BLOCK..block * BLOCK + out.len();
        let (g, u) = (&self.gate[range.clone()], &self.up[range]);
        for i in 0..out.len() {
            out[i] = g[i] * sigmoid(A::value(g[i])) * u[i];
        }
    }
}

/// A block of values' gradients.
struct Backward<'a, A> {
    gate: &'a [f32],
    up: &'a [f32],
    grad: &'a [f32],
    activation: PhantomData<A>,
}

impl<A: Inner> Work<(usize, (&mut [f32], &mut [f32]))> for Backward<'_, A> {
    #[inline(always)]
    fn run<S: Simd>(&self, _: S, (block, (d_gate, d_up)): (usize, (&mut [f32], &mut [f32]))) {
        let range = block * BLOCK..block * BLOCK + d_gate.len();
        let (g, u, dy) = (&self.gate[range.clone()], &self.up[range.clone()], &self.grad[range]);
        let d_up = &mut d_up[..g.len()];
        for i in 0..d_gate.len() {
            let s = sigmoid(A::value(g[i]));
            d_up[i] = dy[i] * g[i] * s;
            d_gate[i] = dy[i] * u[i] * s * (1.0 + A::slope(g[i]) * g[i] * (1.0 - s));
        }
    }
}

impl<A: Inner> FlexOp<2> for Gated<A> {
    type Saved = (FlexTensor, FlexTensor);

    fn forward(&self, [gate, up]: [FlexTensor; 2]) -> (FlexTensor, Self::Saved) {
        let (gate, up) = (contiguous(gate), contiguous(up));
        let (g, u) = (values(&gate), values(&up));
        let mut out = vec![0.0; g.len()];
        parallel::chunks(&mut out, BLOCK, &Forward::<A> { gate: g, up: u, activation: PhantomData });
        (tensor(out, matrix_dims(&gate)), (gate, up))
    }

    fn backward(&self, (gate, up): Self::Saved, grad: FlexTensor, _: [bool; 2]) -> [Option<FlexTensor>; 2] {
        let grad = contiguous(grad);
        let (g, u, dy) = (values(&gate), values(&up), values(&grad));
        let mut d_gate = vec![0.0; g.len()];
        let mut d_up = vec![0.0; g.len()];
        let tasks = d_gate.chunks_mut(BLOCK).zip(d_up.chunks_mut(BLOCK)).enumerate().collect();
        parallel::items(tasks, &Backward::<A> { gate: g, up: u, grad: dy, activation: PhantomData });
        let dims = matrix_dims(&gate);
        [Some(tensor(d_gate, dims)), Some(tensor(d_up, dims))]
    }
}
