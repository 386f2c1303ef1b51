//! Rotary position embedding in the Hugging Face layout: dimension i of a head turns with dimension i + head_dim/2.

use std::sync::Arc;

use burn::tensor::{Tensor, TensorData};

use super::flex::{FlexOp, FlexTensor, apply, contiguous, is_flex, matrix_dims, tensor, values};
use super::parallel;

/// Cosines and sines of a model's rotary angles, one row a position.
#[derive(Debug, Clone)]
pub struct RopeTable {
    cos: Arc<[f32]>,
    sin: Arc<[f32]>,
    half: usize,
}

impl RopeTable {
    /// For heads of `head_dim` (even) at positions below `positions`: angle(p, i) = p · θ^(−2i / head_dim).
    pub fn new(theta: f64, head_dim: usize, positions: usize) -> Self {
        let half = head_dim / 2;
        // Frequencies are rounded to f32 first, as the reference implementations do.
        let frequencies: Vec<f32> =
            (0..half).map(|i| (1.0 / theta.powf(2.0 * i as f64 / head_dim as f64)) as f32).collect();
        let angles = (0..positions).flat_map(|p| frequencies.iter().map(move |f| f64::from(p as f32 * f)));
        let (cos, sin): (Vec<f32>, Vec<f32>) = angles.map(|a| (a.cos() as f32, a.sin() as f32)).unzip();
        Self { cos: cos.into(), sin: sin.into(), half }
    }

    /// Positions the table holds.
    pub fn positions(&self) -> usize {
        self.cos.len() / self.half.max(1)
    }

    fn row(&self, position: u32) -> (&[f32], &[f32]) {
        let at = position as usize * self.half;
        (&self.cos[at..][..self.half], &self.sin[at..][..self.half])
    }
}

/// Turns every head of `[tokens, heads · head_dim]` by its token's position.
///
/// # Panics
/// If a position is outside the table.
pub fn rope(x: Tensor<2>, table: &RopeTable, positions: &Arc<[u32]>) -> Tensor<2> {
    if is_flex(&x.device()) {
        apply(Rope { table: table.clone(), positions: positions.clone() }, [x.into()])
    } else {
        composed(x, table, positions)
    }
}

/// [`rope`] in burn's operations.
pub fn composed(x: Tensor<2>, table: &RopeTable, positions: &Arc<[u32]>) -> Tensor<2> {
    let [tokens, width] = x.dims();
    let half = table.half;
    let heads = width / (2 * half);
    let device = x.device();
    let rows = |pick: fn(&RopeTable, u32) -> &[f32]| {
        let values: Vec<f32> = positions.iter().flat_map(|&p| pick(table, p)).copied().collect();
        Tensor::<3>::from_data(TensorData::new(values, [tokens, 1, half]), &device)
    };
    let (cos, sin) = (rows(|t, p| t.row(p).0), rows(|t, p| t.row(p).1));
    let x = x.reshape([tokens, heads, 2 * half]);
    let first = x.clone().narrow(2, 0, half);
    let second = x.narrow(2, half, half);
    let turned_first = first.clone() * cos.clone() - second.clone() * sin.clone();
    let turned_second = second * cos + first * sin;
    Tensor::cat(vec![turned_first, turned_second], 2).reshape([tokens, width])
}

#[derive(Debug, Clone)]
struct Rope {
    table: RopeTable,
    positions: Arc<[u32]>,
}

impl Rope {
    /// Turns by the angle, or back by it.
    fn turn(&self, x: FlexTensor, back: bool) -> FlexTensor {
        let x = contiguous(x);
        let [tokens, width] = matrix_dims(&x);
        let half = self.table.half;
        let xs = values(&x);
        let sign = if back { -1.0 } else { 1.0 };
        let mut out = vec![0.0; xs.len()];
        parallel::chunks(&mut out, width, |token, out| {
            let (cos, sin) = self.table.row(self.positions[token]);
            let heads = xs[token * width..][..width].chunks_exact(2 * half);
            for (x, out) in heads.zip(out.chunks_exact_mut(2 * half)) {
                let (x1, x2) = x.split_at(half);
                let (o1, o2) = out.split_at_mut(half);
                for i in 0..half {
                    o1[i] = x1[i] * cos[i] - x2[i] * (sign * sin[i]);
                    o2[i] = x2[i] * cos[i] + x1[i] * (sign * sin[i]);
                }
            }
        });
        tensor(out, [tokens, width])
    }
}

impl FlexOp<1> for Rope {
    type Saved = ();

    fn forward(&self, [x]: [FlexTensor; 1]) -> (FlexTensor, ()) {
        (self.turn(x, false), ())
    }

    fn backward(&self, (): (), grad: FlexTensor, _: [bool; 1]) -> [Option<FlexTensor>; 1] {
        [Some(self.turn(grad, true))]
    }
}
