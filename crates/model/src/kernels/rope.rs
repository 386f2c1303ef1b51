//! Rotary position embedding in the Hugging Face layout: dimension i of a head turns with dimension i + head_dim/2.

use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use pulp::Simd;

use super::flex::{FlexOp, FlexTensor, apply, contiguous, is_flex, matrix_dims, tensor, values};
use super::parallel::{self, Work};

/// Cosines and sines of the tokens of one batch, the same in every layer: angle(p, i) = p · frequency(i).
#[derive(Debug, Clone)]
pub struct Angles {
    /// `[tokens, half]`, flat.
    cos: Arc<[f32]>,
    /// `[tokens, half]`, flat.
    sin: Arc<[f32]>,
    half: usize,
    /// The same as `[tokens, 1, half]` where the device is not the CPU.
    on_device: Option<[Tensor<3>; 2]>,
}

impl Angles {
    /// For tokens at these positions; `frequencies` are `[head_dim / 2]`.
    pub fn new(frequencies: &[f32], positions: &[u32], device: &Device) -> Self {
        let (half, tokens) = (frequencies.len(), positions.len());
        let angles = positions.iter().flat_map(|&p| frequencies.iter().map(move |f| f64::from(p as f32 * f)));
        let (cos, sin): (Vec<f32>, Vec<f32>) = angles.map(|a| (a.cos() as f32, a.sin() as f32)).unzip();
        let upload = |values: &[f32]| {
            Tensor::<3>::from_data(TensorData::new(values.to_vec(), [tokens, 1, half]), device)
        };
        let on_device = (!is_flex(device)).then(|| [upload(&cos), upload(&sin)]);
        Self { cos: cos.into(), sin: sin.into(), half, on_device }
    }

    fn row(&self, token: usize) -> (&[f32], &[f32]) {
        let at = token * self.half;
        (&self.cos[at..][..self.half], &self.sin[at..][..self.half])
    }
}

/// Turns every head of `[tokens, heads · head_dim]` by its token's angles.
///
/// # Panics
/// If the angles are of another number of tokens.
pub fn rope(x: Tensor<2>, angles: &Angles) -> Tensor<2> {
    if is_flex(&x.device()) {
        apply(Rope { angles: angles.clone() }, [x.into()])
    } else {
        composed(x, angles)
    }
}

/// [`rope`] in burn's operations.
pub fn composed(x: Tensor<2>, angles: &Angles) -> Tensor<2> {
    let [tokens, width] = x.dims();
    let half = angles.half;
    let heads = width / (2 * half);
    let device = x.device();
    let upload =
        |values: &[f32]| Tensor::from_data(TensorData::new(values.to_vec(), [tokens, 1, half]), &device);
    let [cos, sin] = angles.on_device.clone().unwrap_or_else(|| [upload(&angles.cos), upload(&angles.sin)]);
    let x = x.reshape([tokens, heads, 2 * half]);
    let first = x.clone().narrow(2, 0, half);
    let second = x.narrow(2, half, half);
    let turned_first = first.clone() * cos.clone() - second.clone() * sin.clone();
    let turned_second = second * cos + first * sin;
    Tensor::cat(vec![turned_first, turned_second], 2).reshape([tokens, width])
}

#[derive(Debug, Clone)]
struct Rope {
    angles: Angles,
}

impl Rope {
    /// Turns by the angle, or back by it.
    fn turn(&self, x: FlexTensor, back: bool) -> FlexTensor {
        let x = contiguous(x);
        let [tokens, width] = matrix_dims(&x);
        let xs = values(&x);
        let sign = if back { -1.0 } else { 1.0 };
        let mut out = vec![0.0; xs.len()];
        parallel::chunks(&mut out, width, &Turn { x: xs, angles: &self.angles, sign });
        tensor(out, [tokens, width])
    }
}

/// All heads of one token.
struct Turn<'a> {
    x: &'a [f32],
    angles: &'a Angles,
    sign: f32,
}

impl<'o> Work<(usize, &'o mut [f32])> for Turn<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, _: S, (token, out): (usize, &'o mut [f32])) {
        let (half, width) = (self.angles.half, out.len());
        let (cos, sin) = self.angles.row(token);
        let heads = self.x[token * width..][..width].chunks_exact(2 * half);
        for (x, out) in heads.zip(out.chunks_exact_mut(2 * half)) {
            let (x1, x2) = x.split_at(half);
            let (o1, o2) = out.split_at_mut(half);
            for i in 0..half {
                o1[i] = x1[i] * cos[i] - x2[i] * (self.sign * sin[i]);
                o2[i] = x2[i] * cos[i] + x1[i] * (self.sign * sin[i]);
            }
        }
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
