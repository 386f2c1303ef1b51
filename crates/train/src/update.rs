//! The arithmetic of one AdamW step: a loop on the host, tensor operations elsewhere.
//!
//! m ← β₁·m + (1 − β₁)·g, v ← β₂·v + (1 − β₂)·g², θ ← θ·(1 − η·λ) − η/(1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)
//! (Loshchilov and Hutter, arXiv 1711.05101, in the order in which PyTorch computes it).

use burn::tensor::{DType, FloatDType, IndexingUpdateOp, Int, Tensor, TensorData, bf16};
use rayon::prelude::*;

use crate::error::TrainError;
use crate::optimizer::Moments;

/// Values that one task of a dense loop works on; no result depends on it.
const BLOCK: usize = 16 * 1024;

/// Constants of one step.
pub(crate) struct Rates {
    pub learning_rate: f64,
    pub beta1: f64,
    pub beta2: f64,
    /// 1 − β₁ᵗ.
    pub correction1: f64,
    /// √(1 − β₂ᵗ).
    pub correction2_sqrt: f64,
    pub epsilon: f64,
    pub weight_decay: f64,
    /// What gradients are multiplied with.
    pub clip: f64,
}

/// The constants in f32, as the host's loops read them.
#[derive(Clone, Copy)]
struct Step {
    b1: f32,
    b2: f32,
    c1: f32,
    c2: f32,
    keep: f32,
    size: f32,
    root: f32,
    epsilon: f32,
    clip: f32,
}

impl Step {
    fn new(rates: &Rates) -> Self {
        Self {
            b1: rates.beta1 as f32,
            b2: rates.beta2 as f32,
            c1: (1.0 - rates.beta1) as f32,
            c2: (1.0 - rates.beta2) as f32,
            keep: (1.0 - rates.learning_rate * rates.weight_decay) as f32,
            size: (rates.learning_rate / rates.correction1) as f32,
            root: rates.correction2_sqrt as f32,
            epsilon: rates.epsilon as f32,
            clip: rates.clip as f32,
        }
    }

    /// One element.
    #[inline(always)]
    fn one(&self, value: &mut f32, gradient: f32, m: &mut f32, v: &mut f32) {
        let g = gradient * self.clip;
        *m = self.b1 * *m + self.c1 * g;
        *v = self.b2 * *v + self.c2 * g * g;
        *value = *value * self.keep - self.size * (*m / (v.sqrt() / self.root + self.epsilon));
    }

    /// Elements that stand in the same order in all slices.
    fn dense(&self, values: &mut [f32], gradients: &[f32], first: &mut [f32], second: &mut [f32]) {
        values
            .par_chunks_mut(BLOCK)
            .zip(gradients.par_chunks(BLOCK))
            .zip(first.par_chunks_mut(BLOCK).zip(second.par_chunks_mut(BLOCK)))
            .for_each(|((values, gradients), (first, second))| {
                for i in 0..values.len() {
                    self.one(&mut values[i], gradients[i], &mut first[i], &mut second[i]);
                }
            });
    }
}

/// The values of a tensor, in f32.
pub(crate) fn host_values(tensor: Tensor<1>) -> Result<Vec<f32>, TrainError> {
    let data = tensor.try_into_data().map_err(|error| TrainError::Device(error.to_string()))?;
    let data = if data.dtype() == DType::F32 { data } else { data.convert::<f32>() };
    data.try_into_vec::<f32>().map_err(|error| TrainError::Device(format!("{error:?}")))
}

/// Positions as an index tensor on another's device.
pub(crate) fn index_tensor(positions: &[u32], like: &Tensor<1>) -> Tensor<1, Int> {
    let index: Vec<i32> = positions.iter().map(|&position| position as i32).collect();
    let count = index.len();
    Tensor::from_data(TensorData::new(index, [count]), &like.device())
}

/// The update on the host: one pass, in f32 as PyTorch's AdamW computes it. A value in bf16 is its master, rounded.
pub(crate) fn on_host(
    value: Tensor<1>,
    gradient: Tensor<1>,
    state: Moments,
    positions: Option<&[u32]>,
    rates: &Rates,
) -> Result<(Tensor<1>, Moments), TrainError> {
    let (device, dtype) = (value.device(), value.dtype());
    let step = Step::new(rates);
    let gradients = host_values(gradient)?;
    let (mut first, mut second) = (host_values(state.first)?, host_values(state.second)?);
    let tensor = |values: Vec<f32>| {
        let count = values.len();
        Tensor::<1>::from_data(TensorData::new(values, [count]), &device)
    };
    let (value, master) = if dtype == DType::BF16 {
        let unreadable = |error: String| TrainError::Device(error);
        let mut data = value.try_into_data().map_err(|error| unreadable(error.to_string()))?;
        let values = data.as_mut_slice::<bf16>().map_err(|error| unreadable(format!("{error:?}")))?;
        let mut masters = match state.master {
            Some(master) => host_values(master)?,
            None => masters_of(values, positions),
        };
        step.dense(&mut masters, &gradients, &mut first, &mut second);
        match positions {
            None => {
                values.iter_mut().zip(&masters).for_each(|(value, &master)| *value = bf16::from_f32(master))
            }
            Some(positions) => {
                for (&position, &master) in positions.iter().zip(&masters) {
                    values[position as usize] = bf16::from_f32(master);
                }
            }
        }
        (Tensor::from_data(data, (&device, DType::BF16)), Some(tensor(masters)))
    } else {
        let mut values = host_values(value)?;
        match positions {
            None => step.dense(&mut values, &gradients, &mut first, &mut second),
            Some(positions) => {
                for (i, &position) in positions.iter().enumerate() {
                    step.one(&mut values[position as usize], gradients[i], &mut first[i], &mut second[i]);
                }
            }
        }
        (tensor(values), None)
    };
    Ok((value, Moments { first: tensor(first), second: tensor(second), master }))
}

/// The trained elements of a bf16 tensor, in f32.
fn masters_of(values: &[bf16], positions: Option<&[u32]>) -> Vec<f32> {
    match positions {
        None => values.iter().map(|value| value.to_f32()).collect(),
        Some(positions) => positions.iter().map(|&position| values[position as usize].to_f32()).collect(),
    }
}

/// The update in tensor operations, without reading anything back.
pub(crate) fn on_device(
    value: Tensor<1>,
    gradient: Tensor<1>,
    state: Moments,
    positions: Option<&[u32]>,
    rates: &Rates,
) -> Result<(Tensor<1>, Moments), TrainError> {
    let dtype = value.dtype();
    let narrow = dtype != DType::F32;
    let index = positions.map(|positions| index_tensor(positions, &value));
    let stored = match &index {
        Some(index) => value.clone().select(0, index.clone()),
        None => value.clone(),
    };
    let old = state.master.unwrap_or_else(|| match narrow {
        true => stored.clone().cast(FloatDType::F32),
        false => stored.clone(),
    });
    let g = gradient.mul_scalar(rates.clip);
    let first = state.first.mul_scalar(rates.beta1) + g.clone().mul_scalar(1.0 - rates.beta1);
    let second = state.second.mul_scalar(rates.beta2) + g.square().mul_scalar(1.0 - rates.beta2);
    let size = rates.learning_rate / rates.correction1;
    let root = second.clone().sqrt().div_scalar(rates.correction2_sqrt).add_scalar(rates.epsilon);
    let change = (first.clone() / root).mul_scalar(-size)
        - old.clone().mul_scalar(rates.learning_rate * rates.weight_decay);
    let add = |value: Tensor<1>, index: Tensor<1, Int>, change| {
        value.select_assign(0, index, change, IndexingUpdateOp::Add)
    };
    if !narrow {
        let new = match index {
            Some(index) => add(value, index, change),
            None => value + change,
        };
        return Ok((new, Moments { first, second, master: None }));
    }
    let master = old + change;
    let rounded = master.clone().cast(dtype);
    let new = match index {
        // x − x is exactly 0, and 0 + y exactly y.
        Some(index) => add(add(value, index.clone(), stored.neg()), index, rounded),
        None => rounded,
    };
    Ok((new, Moments { first, second, master: Some(master) }))
}
