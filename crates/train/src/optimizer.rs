//! AdamW whose state covers the key neurons only.
//!
//! On the flex CPU device the update is one loop over the values; on other devices it is made of tensor operations,
//! so that nothing is read back. A parameter outside the mask is never written.

use std::collections::BTreeMap;

use burn::tensor::{IndexingUpdateOp, Int, Tensor, TensorData};
use maec_model::{Decoder, kernels};
use rayon::prelude::*;

use crate::config::TrainConfig;
use crate::error::TrainError;
use crate::neurons::KeyNeurons;

/// First and second moments of one tensor's trained elements, in the order of its positions.
#[derive(Debug, Clone)]
pub struct Moments {
    /// m: decayed mean of the gradient, `[trained]`.
    pub first: Tensor<1>,
    /// v: decayed mean of its square, `[trained]`.
    pub second: Tensor<1>,
}

/// The optimizer.
#[derive(Debug)]
pub struct AdamW {
    config: TrainConfig,
    neurons: Option<KeyNeurons>,
    moments: BTreeMap<String, Moments>,
    step: u32,
}

/// One step's gradients of what is trained.
#[derive(Debug)]
pub struct Gradients {
    of: BTreeMap<String, Tensor<1>>,
    norm: f64,
}

impl Gradients {
    /// L2 norm before clipping.
    pub fn norm(&self) -> f64 {
        self.norm
    }
}

/// Constants of one step.
struct Rates {
    learning_rate: f64,
    beta1: f64,
    beta2: f64,
    correction1: f64,
    correction2_sqrt: f64,
    epsilon: f64,
    weight_decay: f64,
    clip: f64,
}

impl AdamW {
    /// Trains everything, or only the key neurons.
    pub fn new(config: &TrainConfig, neurons: Option<KeyNeurons>) -> Self {
        Self { config: config.clone(), neurons, moments: BTreeMap::new(), step: 0 }
    }

    /// The mask, if there is one.
    pub fn neurons(&self) -> Option<&KeyNeurons> {
        self.neurons.as_ref()
    }

    /// Moments by tensor name.
    pub fn moments(&self) -> &BTreeMap<String, Moments> {
        &self.moments
    }

    /// Goes on from saved moments after `step` steps.
    pub fn restore(&mut self, moments: BTreeMap<String, Moments>, step: u32) {
        self.moments = moments;
        self.step = step;
    }

    /// Values of state held: two for each trained element.
    pub fn state_len(&self) -> usize {
        self.moments.values().map(|m| m.first.dims()[0] + m.second.dims()[0]).sum()
    }

    /// The gradients of what is trained, from `(name, flat gradient)` pairs, with their L2 norm.
    ///
    /// # Errors
    /// When the device is lost.
    pub fn gather(&self, gradients: Vec<(String, Tensor<1>)>) -> Result<Gradients, TrainError> {
        let mut gradients: BTreeMap<String, Tensor<1>> = gradients.into_iter().collect();
        if let Some(neurons) = &self.neurons {
            // From here on, gradients are those of the key neurons only.
            gradients = gradients
                .into_iter()
                .filter(|(name, _)| !neurons.of(name).is_empty())
                .map(|(name, gradient)| {
                    let index = index_tensor(neurons.of(&name), &gradient);
                    (name, gradient.select(0, index))
                })
                .collect();
        }
        let norm = norm(&gradients)?;
        Ok(Gradients { of: gradients, norm })
    }

    /// Updates the model.
    ///
    /// # Errors
    /// When the device is lost.
    pub fn step(&mut self, model: Decoder, gradients: Gradients) -> Result<Decoder, TrainError> {
        self.step += 1;
        let Gradients { of: mut gradients, norm } = gradients;
        let clip = match self.config.clip_norm {
            Some(limit) if norm > limit => limit / norm,
            _ => 1.0,
        };
        let rates = Rates {
            learning_rate: self.config.learning_rate_at(self.step),
            beta1: self.config.beta1,
            beta2: self.config.beta2,
            correction1: 1.0 - self.config.beta1.powi(self.step as i32),
            correction2_sqrt: (1.0 - self.config.beta2.powi(self.step as i32)).sqrt(),
            epsilon: self.config.epsilon,
            weight_decay: self.config.weight_decay,
            clip,
        };
        let neurons = self.neurons.as_ref();
        let moments = &mut self.moments;
        let mut failed = None;
        let model = model.map_parameters(&mut |name, value| {
            let Some(gradient) = gradients.remove(name) else { return value };
            let positions = neurons.map(|neurons| neurons.of(name));
            let state = moments.remove(name).unwrap_or_else(|| {
                let zeros = gradient.zeros_like();
                Moments { first: zeros.clone(), second: zeros }
            });
            let on_flex = kernels::runs_on_flex(&value.device());
            let update = if on_flex { update_values } else { update_tensors };
            match update(value.clone(), gradient, state, positions, &rates) {
                Ok((new, state)) => {
                    moments.insert(name.to_owned(), state);
                    new
                }
                Err(error) => {
                    failed = Some(error);
                    value
                }
            }
        });
        failed.map_or(Ok(model), Err)
    }
}

fn index_tensor(positions: &[u32], like: &Tensor<1>) -> Tensor<1, Int> {
    let index: Vec<i32> = positions.iter().map(|&position| position as i32).collect();
    let count = index.len();
    Tensor::from_data(TensorData::new(index, [count]), &like.device())
}

fn host_values(tensor: Tensor<1>) -> Result<Vec<f32>, TrainError> {
    tensor.into_data().try_into_vec::<f32>().map_err(|e| TrainError::Device(format!("{e:?}")))
}

fn norm(gradients: &BTreeMap<String, Tensor<1>>) -> Result<f64, TrainError> {
    let mut total = 0.0;
    for gradient in gradients.values() {
        if kernels::runs_on_flex(&gradient.device()) {
            let values = host_values(gradient.clone())?;
            // Fixed blocks, summed in order: the result does not depend on the threads.
            let squares = |block: &[f32]| block.iter().map(|&g| f64::from(g) * f64::from(g)).sum::<f64>();
            total += values.par_chunks(16 * 1024).map(squares).collect::<Vec<f64>>().iter().sum::<f64>();
        } else {
            total += host_values(gradient.clone().square().sum())?.iter().map(|&s| f64::from(s)).sum::<f64>();
        }
    }
    Ok(total.sqrt())
}

/// The update on the host: one pass, in f32 as PyTorch's AdamW computes it.
fn update_values(
    value: Tensor<1>,
    gradient: Tensor<1>,
    state: Moments,
    positions: Option<&[u32]>,
    rates: &Rates,
) -> Result<(Tensor<1>, Moments), TrainError> {
    let device = value.device();
    let mut values = host_values(value)?;
    let gradients = host_values(gradient)?;
    let (mut first, mut second) = (host_values(state.first)?, host_values(state.second)?);
    let (b1, b2) = (rates.beta1 as f32, rates.beta2 as f32);
    let (c1, c2) = ((1.0 - rates.beta1) as f32, (1.0 - rates.beta2) as f32);
    let keep = (1.0 - rates.learning_rate * rates.weight_decay) as f32;
    let size = (rates.learning_rate / rates.correction1) as f32;
    let (root, epsilon, clip) = (rates.correction2_sqrt as f32, rates.epsilon as f32, rates.clip as f32);
    let one = |value: &mut f32, gradient: f32, m: &mut f32, v: &mut f32| {
        let g = gradient * clip;
        *m = b1 * *m + c1 * g;
        *v = b2 * *v + c2 * g * g;
        *value = *value * keep - size * (*m / (v.sqrt() / root + epsilon));
    };
    match positions {
        None => {
            const BLOCK: usize = 16 * 1024;
            values
                .par_chunks_mut(BLOCK)
                .zip(gradients.par_chunks(BLOCK))
                .zip(first.par_chunks_mut(BLOCK).zip(second.par_chunks_mut(BLOCK)))
                .for_each(|((values, gradients), (first, second))| {
                    for i in 0..values.len() {
                        one(&mut values[i], gradients[i], &mut first[i], &mut second[i]);
                    }
                });
        }
        Some(positions) => {
            for (i, &position) in positions.iter().enumerate() {
                one(&mut values[position as usize], gradients[i], &mut first[i], &mut second[i]);
            }
        }
    }
    let tensor = |values: Vec<f32>| {
        let count = values.len();
        Tensor::<1>::from_data(TensorData::new(values, [count]), &device)
    };
    Ok((tensor(values), Moments { first: tensor(first), second: tensor(second) }))
}

/// The update in tensor operations, without reading anything back.
fn update_tensors(
    value: Tensor<1>,
    gradient: Tensor<1>,
    state: Moments,
    positions: Option<&[u32]>,
    rates: &Rates,
) -> Result<(Tensor<1>, Moments), TrainError> {
    let index = positions.map(|positions| index_tensor(positions, &value));
    let old = match &index {
        Some(index) => value.clone().select(0, index.clone()),
        None => value.clone(),
    };
    let g = gradient.mul_scalar(rates.clip);
    let first = state.first.mul_scalar(rates.beta1) + g.clone().mul_scalar(1.0 - rates.beta1);
    let second = state.second.mul_scalar(rates.beta2) + g.square().mul_scalar(1.0 - rates.beta2);
    let size = rates.learning_rate / rates.correction1;
    let root = second.clone().sqrt().div_scalar(rates.correction2_sqrt).add_scalar(rates.epsilon);
    let change =
        (first.clone() / root).mul_scalar(-size) - old.mul_scalar(rates.learning_rate * rates.weight_decay);
    let new = match index {
        Some(index) => value.select_assign(0, index, change, IndexingUpdateOp::Add),
        None => value + change,
    };
    Ok((new, Moments { first, second }))
}
