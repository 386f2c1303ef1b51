//! AdamW whose state covers the key neurons only.
//!
//! A parameter outside the mask is never written. Where the model's matrices are in bf16, every trained element has an
//! f32 master beside its moments, and the matrix holds the master rounded; frozen elements are there once, as stored.

use std::collections::BTreeMap;

use burn::tensor::{DType, FloatDType, Tensor, TensorData};
use maec_model::{Decoder, kernels};
use rayon::prelude::*;

use crate::config::TrainConfig;
use crate::error::TrainError;
use crate::neurons::KeyNeurons;
use crate::update::{Rates, host_values, index_tensor, on_device, on_host};

/// The optimizer's state of one tensor's trained elements, in the order of its positions.
#[derive(Debug, Clone)]
pub struct Moments {
    /// m: decayed mean of the gradient, `[trained]`.
    pub first: Tensor<1>,
    /// v: decayed mean of its square, `[trained]`.
    pub second: Tensor<1>,
    /// The elements in f32, `[trained]`, where the tensor itself is narrower.
    pub master: Option<Tensor<1>>,
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
    /// With their norm.
    ///
    /// # Errors
    /// When the device is lost.
    pub fn new(of: BTreeMap<String, Tensor<1>>) -> Result<Self, TrainError> {
        let (mut read, mut total) = (BTreeMap::new(), 0.0);
        for (name, gradient) in of {
            let (gradient, squares) = squares(gradient)?;
            total += squares;
            read.insert(name, gradient);
        }
        Ok(Self { of: read, norm: total.sqrt() })
    }

    /// L2 norm before clipping.
    pub fn norm(&self) -> f64 {
        self.norm
    }

    /// Each trained tensor's gradient, `[trained]`, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor<1>)> {
        self.of.iter().map(|(name, gradient)| (name.as_str(), gradient))
    }
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

    /// State by tensor name; a tensor has none before its first step.
    pub fn moments(&self) -> &BTreeMap<String, Moments> {
        &self.moments
    }

    /// Goes on from saved state after `step` steps.
    pub fn restore(&mut self, moments: BTreeMap<String, Moments>, step: u32) {
        self.moments = moments;
        self.step = step;
    }

    /// Moments held: two for each trained element.
    pub fn state_len(&self) -> usize {
        self.moments.values().map(|m| m.first.dims()[0] + m.second.dims()[0]).sum()
    }

    /// Masters held: one for each trained element that is stored in fewer than 32 bits.
    pub fn masters_len(&self) -> usize {
        self.moments.values().filter_map(|m| m.master.as_ref()).map(|master| master.dims()[0]).sum()
    }

    /// The part of a tensor's flat gradient that is trained, in f32; `None` where nothing of it is.
    ///
    /// # Errors
    /// When the device is lost.
    pub fn trained(&self, name: &str, gradient: Tensor<1>) -> Result<Option<Tensor<1>>, TrainError> {
        let gradient = match gradient.dtype() {
            DType::F32 => gradient,
            _ => gradient.cast(FloatDType::F32),
        };
        let Some(neurons) = &self.neurons else { return Ok(Some(gradient)) };
        let positions = neurons.of(name);
        if positions.is_empty() {
            return Ok(None);
        }
        if !kernels::runs_on_flex(&gradient.device()) {
            let index = index_tensor(positions, &gradient);
            return Ok(Some(gradient.select(0, index)));
        }
        let device = gradient.device();
        let all = host_values(gradient)?;
        let kept: Vec<f32> = positions.iter().map(|&position| all[position as usize]).collect();
        Ok(Some(Tensor::from_data(kept.as_slice(), &device)))
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
                Moments { first: zeros.clone(), second: zeros, master: None }
            });
            let (device, count) = (value.device(), value.dims()[0]);
            // The host's loop works in place where nobody else holds the values.
            let update = if kernels::runs_on_flex(&device) { on_host } else { on_device };
            match update(value, gradient, state, positions, &rates) {
                Ok((new, state)) => {
                    moments.insert(name.to_owned(), state);
                    new
                }
                Err(error) => {
                    failed = Some(error);
                    Tensor::zeros([count], &device)
                }
            }
        });
        failed.map_or(Ok(model), Err)
    }
}

/// Σ g², and the gradient again: on the host it is read in place.
fn squares(gradient: Tensor<1>) -> Result<(Tensor<1>, f64), TrainError> {
    let device = gradient.device();
    if !kernels::runs_on_flex(&device) {
        let sums = host_values(gradient.clone().square().sum())?;
        return Ok((gradient, sums.iter().map(|&sum| f64::from(sum)).sum()));
    }
    let values = host_values(gradient)?;
    // Fixed blocks, summed in order: the result does not depend on the threads.
    let of_block = |block: &[f32]| block.iter().map(|&g| f64::from(g) * f64::from(g)).sum::<f64>();
    let total = values.par_chunks(16 * 1024).map(of_block).collect::<Vec<f64>>().iter().sum();
    let count = values.len();
    Ok((Tensor::from_data(TensorData::new(values, [count]), &device), total))
}
