//! Forward and backward passes on all cores: a micro-batch in parts, each with a gradient graph of its own.

use maec_model::{Activations, Decoder, kernels};
use rayon::prelude::*;

use crate::accumulate::{GradientSum, MicroBatch};
use crate::error::TrainError;
use crate::optimizer::AdamW;

/// Fewer tokens than these are no part of their own.
const TOKENS: usize = 192;
/// Most parts of a micro-batch.
const PARTS: usize = 16;

/// What the passes over a micro-batch need beside it.
#[derive(Clone, Copy)]
pub(crate) struct Passes<'a> {
    /// With gradients for what is trained.
    pub model: &'a Decoder,
    /// Whose mask says which gradients are kept.
    pub optimizer: &'a AdamW,
    pub activations: Activations,
    /// Tokens of the whole step.
    pub predicted: u64,
}

impl Passes<'_> {
    /// Adds a micro-batch's gradients, in order; its share of the step's loss.
    pub fn add(&self, micro: &MicroBatch, sum: &mut GradientSum) -> Result<f64, TrainError> {
        let parts = match kernels::runs_on_flex(&self.model.device()) {
            true => micro.parts(),
            false => Vec::new(),
        };
        if parts.len() < 2 {
            return self.pass(self.model, micro, sum);
        }
        // One graph is one lock: parts wait for each other unless each has parameters of its own, over the same values.
        let tasks: Vec<_> = parts.into_iter().map(|part| (part, self.model.with_own_graph())).collect();
        let pass = |(part, model): (MicroBatch, Decoder)| {
            let mut sum = GradientSum::default();
            self.pass(&model, &part, &mut sum).map(|loss| (loss, sum))
        };
        let done: Vec<_> = tasks.into_par_iter().map(pass).collect::<Result<_, _>>()?;
        let mut loss = 0.0;
        for (share, part) in done {
            loss += share;
            sum.join(part);
        }
        Ok(loss)
    }

    /// One pass: the loss and gradients weigh as many of the step's tokens as there are here.
    fn pass(&self, model: &Decoder, micro: &MicroBatch, sum: &mut GradientSum) -> Result<f64, TrainError> {
        let weight = micro.predicted() as f64 / self.predicted as f64;
        let take = &mut |name: &str, gradient| sum.add(self.optimizer, name, gradient);
        let loss = model.gradients(&micro.batch, &micro.targets, weight as f32, self.activations, take)?;
        Ok(weight * f64::from(loss))
    }
}

impl MicroBatch {
    /// Its sequences in parts of about as many tokens each. How many depends on the tokens alone, so that no bit of a
    /// step depends on the cores that it is computed on.
    fn parts(&self) -> Vec<Self> {
        let (tokens, sequences) = (self.batch.len(), &self.batch.segments);
        let most = (tokens / TOKENS).clamp(1, PARTS);
        // A power of two is shared evenly by most machines' cores.
        let count = 1 << most.ilog2();
        let mut parts = Vec::with_capacity(count);
        let mut first = 0;
        for part in 1..=count {
            let until = tokens * part / count;
            let end = sequences.partition_point(|sequence| sequence.queries.end <= until);
            if end > first {
                let rows = sequences[first].queries.start..sequences[end - 1].queries.end;
                let batch = self.batch.sequences(first..end);
                parts.push(Self { batch, targets: self.targets[rows].to_vec() });
                first = end;
            }
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn parts_are_the_batch_in_order(lengths in prop::collection::vec(2..300usize, 1..40)) {
            let sequences: Vec<Vec<u32>> =
                lengths.iter().map(|&length| (0..length as u32).collect()).collect();
            let whole = MicroBatch::of(&sequences.iter().map(Vec::as_slice).collect::<Vec<_>>());
            let parts = whole.parts();
            prop_assert!(parts.len() <= PARTS);
            let mut again = MicroBatch::default();
            for part in &parts {
                prop_assert!(!part.batch.is_empty());
                for sequence in &part.batch.segments {
                    prop_assert_eq!(&sequence.queries, &sequence.keys);
                    again.batch.push(&part.batch.ids[sequence.queries.clone()], sequence.hidden.start);
                }
                again.targets.extend_from_slice(&part.targets);
            }
            prop_assert_eq!(again.batch, whole.batch);
            prop_assert_eq!(again.targets, whole.targets);
        }
    }
}
