//! The training loop, one step at a time.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};
use maec_checkpoint::{Dtype, MemoryWeights, Weights, convert};
use maec_model::kernels::cross_entropy;
use maec_model::{Batch, Decoder, ModelConfig};

use crate::config::TrainConfig;
use crate::corpus::Mixture;
use crate::error::TrainError;
use crate::neurons::KeyNeurons;
use crate::optimizer::{AdamW, Moments};
use crate::snapshot::{Progress, Snapshot};

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepReport {
    /// Its number, from 1.
    pub step: u32,
    /// Mean negative log-likelihood of the batch before the step.
    pub loss: f32,
    /// Tokens predicted in the batch.
    pub tokens: usize,
    /// L2 norm of the (masked) gradient before clipping.
    pub gradient_norm: f64,
}

/// A model in training.
pub struct Trainer {
    model: Option<Decoder>,
    optimizer: AdamW,
    config: TrainConfig,
    mixture: Mixture,
    step: u32,
    tokens: u64,
}

impl Trainer {
    /// Starts from a model; with `neurons`, only those are trained and have optimizer state.
    ///
    /// # Errors
    /// When the settings make no sense or the mask belongs to another model.
    pub fn new(
        model: Decoder,
        config: TrainConfig,
        mixture: Mixture,
        neurons: Option<KeyNeurons>,
    ) -> Result<Self, TrainError> {
        config.check()?;
        if let Some(neurons) = &neurons {
            let mut sizes = BTreeMap::new();
            model.for_each_parameter(&mut |name, shape, _| {
                sizes.insert(name.to_owned(), shape.iter().product());
            });
            neurons.check(&sizes)?;
        }
        let optimizer = AdamW::new(&config, neurons);
        Ok(Self { model: Some(model.trainable()), optimizer, config, mixture, step: 0, tokens: 0 })
    }

    /// Goes on from a snapshot of a run with the same settings, model and data: the same bits follow as if it had
    /// never stopped (same binary, CPU and thread count).
    ///
    /// # Errors
    /// When the settings differ (they are named) or the snapshot is of another model.
    pub fn resume(
        snapshot: Snapshot,
        model: ModelConfig,
        config: TrainConfig,
        mixture: Mixture,
        device: &Device,
    ) -> Result<Self, TrainError> {
        if let Some(difference) = snapshot.progress.config.difference(&config) {
            return Err(TrainError::OtherSettings { difference });
        }
        let Snapshot { progress, mut weights, moments, neurons } = snapshot;
        let model = Decoder::build(model, device, |name, shape| match weights.remove(name) {
            Some((found, values)) if found == shape => Ok(values),
            _ => Err(TrainError::Mismatch {
                tensor: name.to_owned(),
                problem: "missing or misshapen in the checkpoint; it was made with another model".into(),
            }),
        })?;
        let mut trainer = Self::new(model, config, mixture, neurons)?;
        let tensor = |values: Vec<f32>| {
            let count = values.len();
            Tensor::<1>::from_data(TensorData::new(values, [count]), device)
        };
        let moments = moments
            .into_iter()
            .map(|(name, (first, second))| (name, Moments { first: tensor(first), second: tensor(second) }))
            .collect();
        trainer.optimizer.restore(moments, progress.step);
        trainer.mixture.restore(progress.mixture);
        trainer.step = progress.step;
        trainer.tokens = progress.tokens;
        Ok(trainer)
    }

    /// Steps done.
    pub fn steps_done(&self) -> u32 {
        self.step
    }

    /// Whether all steps are done.
    pub fn finished(&self) -> bool {
        self.step >= self.config.steps
    }

    /// Tokens trained on so far.
    pub fn tokens(&self) -> u64 {
        self.tokens
    }

    /// The optimizer.
    pub fn optimizer(&self) -> &AdamW {
        &self.optimizer
    }

    /// One optimizer step on the next sequences of the mixture.
    ///
    /// # Errors
    /// When the loss or its gradient is not finite (the model is left as it was) or the device is lost.
    pub fn step(&mut self) -> Result<StepReport, TrainError> {
        let mut batch = Batch::default();
        let mut targets = Vec::new();
        for _ in 0..self.config.sequences_per_step {
            let sequence = self.mixture.next_sequence();
            batch.push(&sequence[..sequence.len() - 1], sequence.len() - 1);
            targets.extend_from_slice(&sequence[1..]);
        }
        self.step_on(&batch, &targets)
    }

    /// One optimizer step on a given batch: `targets[i]` is what should follow row `i`.
    ///
    /// # Errors
    /// As [`Trainer::step`].
    pub fn step_on(&mut self, batch: &Batch, targets: &[u32]) -> Result<StepReport, TrainError> {
        let model = self.model.take().expect("the model is put back after every step");
        let loss = cross_entropy(model.forward(batch), targets);
        let value = loss.clone().without_autodiff().into_data().try_to_vec::<f32>();
        let value = value.map_err(|e| TrainError::Device(format!("{e:?}")))?[0];
        if !value.is_finite() {
            self.model = Some(model);
            return Err(TrainError::Diverged { step: self.step + 1, loss: value });
        }
        let mut gradients = loss.backward();
        drop(loss);
        let taken = model.take_gradients(&mut gradients);
        drop(gradients);
        let gradients = self.optimizer.gather(taken)?;
        let gradient_norm = gradients.norm();
        if !gradient_norm.is_finite() {
            self.model = Some(model);
            return Err(TrainError::Diverged { step: self.step + 1, loss: value });
        }
        self.model = Some(self.optimizer.step(model, gradients)?);
        self.step += 1;
        self.tokens += targets.len() as u64;
        Ok(StepReport { step: self.step, loss: value, tokens: targets.len(), gradient_norm })
    }

    /// The model as it is now, without gradients.
    pub fn model(&self) -> Decoder {
        self.model.clone().expect("the model is put back after every step").untracked()
    }

    /// The weights as they are now, rounded to a dtype.
    ///
    /// # Errors
    /// When one is not finite, as after a step at far too high a rate, or the device is lost.
    pub fn weights(&self, name: &str, dtype: Dtype) -> Result<MemoryWeights, TrainError> {
        let weights = pollster::block_on(self.model().to_weights(name, dtype))?;
        for info in weights.tensors() {
            if convert::first_non_finite(info.dtype, &weights.read_bytes(&info.name)?).is_some() {
                return Err(TrainError::NotFinite { step: self.step, tensor: info.name.clone() });
            }
        }
        Ok(weights)
    }

    /// Everything needed to go on later.
    ///
    /// # Errors
    /// When a weight is not finite or the device is lost.
    pub fn snapshot(&self) -> Result<Snapshot, TrainError> {
        let host = |tensor: &Tensor<1>| {
            tensor.clone().into_data().try_to_vec::<f32>().map_err(|e| TrainError::Device(format!("{e:?}")))
        };
        let mut moments = BTreeMap::new();
        for (name, state) in self.optimizer.moments() {
            moments.insert(name.clone(), (host(&state.first)?, host(&state.second)?));
        }
        let weights = pollster::block_on(self.model().values())?;
        let broken = weights.iter().find(|(_, (_, values))| values.iter().any(|value| !value.is_finite()));
        if let Some((tensor, _)) = broken {
            return Err(TrainError::NotFinite { step: self.step, tensor: tensor.clone() });
        }
        let neurons = self.optimizer.neurons().cloned();
        let progress = Progress {
            config: self.config.clone(),
            step: self.step,
            tokens: self.tokens,
            mixture: self.mixture.state().clone(),
            masked: neurons.is_some(),
        };
        Ok(Snapshot { progress, weights, moments, neurons })
    }
}
