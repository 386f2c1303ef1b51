//! The gradient of a whole step, added up over micro-batches and ranks.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};
use maec_model::Batch;

use crate::error::TrainError;
use crate::optimizer::AdamW;
use crate::parallel::Exchange;
use crate::update::host_values;

/// What one forward and backward pass works on.
#[derive(Debug, Clone, Default)]
pub(crate) struct MicroBatch {
    /// The tokens read.
    pub batch: Batch,
    /// What should follow each, `[tokens]`.
    pub targets: Vec<u32>,
}

impl MicroBatch {
    /// From sequences, each predicting its own next tokens.
    pub fn of(sequences: &[&[u32]]) -> Self {
        let mut micro = Self::default();
        for sequence in sequences {
            micro.batch.push(&sequence[..sequence.len() - 1], sequence.len() - 1);
            micro.targets.extend_from_slice(&sequence[1..]);
        }
        micro
    }

    /// Tokens that are predicted.
    pub fn predicted(&self) -> u64 {
        self.targets.iter().filter(|&&target| target != maec_model::kernels::IGNORE).count() as u64
    }
}

/// Σ of a step's gradients, of what is trained alone.
#[derive(Debug, Default)]
pub(crate) struct GradientSum {
    of: BTreeMap<String, Tensor<1>>,
    failed: Option<TrainError>,
}

impl GradientSum {
    /// Adds a tensor's flat gradient.
    pub fn add(&mut self, optimizer: &AdamW, name: &str, gradient: Tensor<1>) {
        match optimizer.trained(name, gradient) {
            Ok(Some(part)) => self.put(name.to_owned(), part),
            Ok(None) => (),
            Err(error) => self.failed = Some(error),
        }
    }

    fn put(&mut self, name: String, part: Tensor<1>) {
        let sum = match self.of.remove(&name) {
            Some(sum) => sum + part,
            None => part,
        };
        self.of.insert(name, sum);
    }

    /// Adds what comes after it in the batch.
    pub fn join(&mut self, after: Self) {
        for (name, part) in after.of {
            self.put(name, part);
        }
        self.failed = self.failed.take().or(after.failed);
    }

    /// The sums by name.
    pub fn finish(self) -> Result<BTreeMap<String, Tensor<1>>, TrainError> {
        self.failed.map_or(Ok(self.of), Err)
    }
}

/// Sums the loss and the gradients over all ranks, in one message: the loss, then the trained elements of every tensor in
/// the order of the names. `sizes` says how many each has, so that a rank without a share sends zeros.
pub(crate) fn over_ranks(
    exchange: &mut dyn Exchange,
    loss: f32,
    mut gradients: BTreeMap<String, Tensor<1>>,
    sizes: &BTreeMap<String, usize>,
    device: &Device,
) -> Result<(f32, BTreeMap<String, Tensor<1>>), TrainError> {
    let mut all = Vec::with_capacity(1 + sizes.values().sum::<usize>());
    all.push(loss);
    for (name, &size) in sizes {
        match gradients.remove(name) {
            Some(gradient) => all.extend(host_values(gradient)?),
            None => all.resize(all.len() + size, 0.0),
        }
    }
    exchange.all_reduce_sum(&mut all)?;
    let mut rest = &all[1..];
    let mut summed = BTreeMap::new();
    for (name, &size) in sizes {
        let (values, after) = rest.split_at(size);
        let data = TensorData::new(values.to_vec(), [size]);
        summed.insert(name.clone(), Tensor::from_data(data, device));
        rest = after;
    }
    Ok((all[0], summed))
}
