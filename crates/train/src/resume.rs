//! From a trainer to a snapshot and back.

use std::collections::BTreeMap;

use burn::tensor::{DType, Device, Tensor, TensorData};
use maec_model::{Assembly, Decoder, LoraFactors, ModelConfig, Precision, Storage};

use crate::config::TrainConfig;
use crate::corpus::Sequences;
use crate::error::TrainError;
use crate::lora::{LoraConfig, is_factor};
use crate::optimizer::Moments;
use crate::snapshot::{Progress, Snapshot, State};
use crate::trainer::{Trainer, Values};
use crate::update::host_values;

impl Trainer {
    /// Goes on from a snapshot of a run with the same settings, model and data: the same bits follow as if it had
    /// never stopped (same binary, CPU and thread count).
    ///
    /// # Errors
    /// When the settings differ (they are named) or the snapshot is of another model or other data.
    pub fn resume(
        snapshot: Snapshot,
        model: ModelConfig,
        config: TrainConfig,
        sequences: impl Sequences + 'static,
        device: &Device,
    ) -> Result<Self, TrainError> {
        if let Some(difference) = snapshot.progress.config.difference(&config) {
            return Err(TrainError::OtherSettings { difference });
        }
        let Snapshot { progress, mut weights, state, neurons, sums: _ } = snapshot;
        let matrices = if progress.bf16 { Precision::Bf16 } else { Precision::F32 };
        let mut assembly = Assembly::new(model.clone(), device, Storage { matrices, ..Storage::default() });
        for (name, shape) in model.tensors() {
            let values = part_of(&mut weights, &name, &shape)?;
            assembly.put(&name, &shape, |range| Ok::<_, TrainError>(values[range].to_vec()))?;
        }
        let mut model = assembly.finish();
        if let Some(lora) = &progress.lora {
            model = with_factors(model, lora, &mut weights)?;
        }
        let mut trainer = Self::start(model, config, Box::new(sequences), neurons, progress.lora)?;
        let plain = device.clone().without_autodiff();
        let tensor = |values: Vec<f32>| {
            let count = values.len();
            Tensor::<1>::from_data(TensorData::new(values, [count]), &plain)
        };
        let moments = state.into_iter().map(|(name, State { first, second, master })| {
            (name, Moments { first: tensor(first), second: tensor(second), master: master.map(&tensor) })
        });
        trainer.optimizer.restore(moments.collect(), progress.step);
        trainer.sequences.seek(&progress.mixture)?;
        trainer.step = progress.step;
        trainer.tokens = progress.tokens;
        Ok(trainer)
    }

    /// Everything needed to go on later. After an error of [`Trainer::step`] it is the state before that step.
    ///
    /// # Errors
    /// When a weight is not finite or the device is lost.
    pub fn snapshot(&self) -> Result<Snapshot, TrainError> {
        let mut state = BTreeMap::new();
        for (name, moments) in self.optimizer.moments() {
            let host = |tensor: &Tensor<1>| host_values(tensor.clone());
            let master = moments.master.as_ref().map(host).transpose()?;
            state.insert(
                name.clone(),
                State { first: host(&moments.first)?, second: host(&moments.second)?, master },
            );
        }
        // Masters are state; weights are what is stored.
        self.values()?;
        let model = self.model();
        let mut bf16 = false;
        model.for_each_parameter(&mut |_, _, value| bf16 |= value.dtype() == DType::BF16);
        let weights = pollster::block_on(model.values())?;
        let neurons = self.optimizer.neurons().cloned();
        let progress = Progress {
            config: self.config.clone(),
            step: self.step,
            tokens: self.tokens,
            mixture: self.sequences.position(),
            masked: neurons.is_some(),
            bf16,
            lora: self.lora.clone(),
        };
        Ok(Snapshot { progress, weights, state, neurons, sums: BTreeMap::new() })
    }
}

fn part_of(weights: &mut Values, name: &str, shape: &[usize]) -> Result<Vec<f32>, TrainError> {
    match weights.remove(name) {
        Some((found, values)) if found == shape => Ok(values),
        _ => Err(TrainError::Mismatch {
            tensor: name.to_owned(),
            problem: "missing or misshapen in the checkpoint; it was made with another model".into(),
        }),
    }
}

/// Puts the factors among the weights back on their layers.
fn with_factors(model: Decoder, lora: &LoraConfig, weights: &mut Values) -> Result<Decoder, TrainError> {
    let mut failed = None;
    let model = model.with_lora(&mut |module, [out, columns]| {
        let [a, b] = ["a", "b"].map(|factor| format!("{module}.lora.{factor}"));
        let rank = weights.get(&a)?.0.first().copied()?;
        let mut part = |name: &str, shape: [usize; 2]| part_of(weights, name, &shape);
        match part(&a, [rank, columns]).and_then(|a| Ok((a, part(&b, [out, rank])?))) {
            Ok((a, b)) => Some(LoraFactors { rank, a, b, scale: lora.scale() }),
            Err(error) => {
                failed = Some(error);
                None
            }
        }
    });
    match (failed, weights.keys().find(|name| is_factor(name))) {
        (Some(error), _) => Err(error),
        (None, Some(name)) => Err(TrainError::Mismatch {
            tensor: name.clone(),
            problem: "the model has no such layer; the checkpoint was made with another model".into(),
        }),
        (None, None) => Ok(model),
    }
}
