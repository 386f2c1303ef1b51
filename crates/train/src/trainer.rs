//! The training loop, one step at a time.

use std::collections::BTreeMap;

use burn::tensor::Device;
use maec_checkpoint::{Dtype, MemoryWeights, Weights, convert};
use maec_model::{Activations, Batch, Decoder};

use crate::accumulate::{GradientSum, MicroBatch, over_ranks};
use crate::config::TrainConfig;
use crate::corpus::Sequences;
use crate::diverged::{first_gradient, first_tensor};
use crate::error::TrainError;
use crate::lora::LoraConfig;
use crate::memory::{ActivationMemory, StateMemory};
use crate::neurons::KeyNeurons;
use crate::optimizer::{AdamW, Gradients};
use crate::parallel::Exchange;
use crate::parts::Passes;
use crate::update::host_values;

/// Why there is always a model.
const MODEL_LEFT: &str = "only a lost device takes the model away, and ends the run";

/// What names of layers' parameters begin with.
const LAYERS: &str = "model.layers.";

/// Shape and flat values by name.
pub(crate) type Values = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepReport {
    /// Its number, from 1.
    pub step: u32,
    /// Mean negative log-likelihood of the whole batch before the step.
    pub loss: f32,
    /// Tokens predicted in the batch, on all ranks.
    pub tokens: usize,
    /// L2 norm of the (masked) gradient before clipping.
    pub gradient_norm: f64,
    /// The rate that the step was done with.
    pub learning_rate: f64,
}

/// A model in training.
pub struct Trainer {
    pub(crate) model: Option<Decoder>,
    pub(crate) optimizer: AdamW,
    pub(crate) config: TrainConfig,
    pub(crate) sequences: Box<dyn Sequences>,
    pub(crate) lora: Option<LoraConfig>,
    /// Trained elements of every tensor that has any.
    trained: BTreeMap<String, usize>,
    exchange: Option<Box<dyn Exchange>>,
    pub(crate) step: u32,
    pub(crate) tokens: u64,
}

impl Trainer {
    /// Starts from a model; with `neurons`, only those are trained and have optimizer state.
    ///
    /// Matrices in bf16 stay so: their trained elements get f32 masters.
    ///
    /// # Errors
    /// When the settings make no sense or the mask belongs to another model.
    pub fn new(
        model: Decoder,
        config: TrainConfig,
        sequences: impl Sequences + 'static,
        neurons: Option<KeyNeurons>,
    ) -> Result<Self, TrainError> {
        Self::start(model, config, Box::new(sequences), neurons, None)
    }

    /// Starts from a model with fresh low-rank factors, and trains these alone.
    ///
    /// # Errors
    /// When the settings make no sense or no layer of the model is meant.
    pub fn with_lora(
        model: Decoder,
        config: TrainConfig,
        sequences: impl Sequences + 'static,
        lora: LoraConfig,
    ) -> Result<Self, TrainError> {
        let model = lora.attach(model, config.seed)?;
        Self::start(model, config, Box::new(sequences), None, Some(lora))
    }

    pub(crate) fn start(
        model: Decoder,
        config: TrainConfig,
        sequences: Box<dyn Sequences>,
        neurons: Option<KeyNeurons>,
        lora: Option<LoraConfig>,
    ) -> Result<Self, TrainError> {
        config.check()?;
        let mut sizes = BTreeMap::new();
        model.for_each_parameter(&mut |name, shape, _| {
            sizes.insert(name.to_owned(), shape.iter().product::<usize>());
        });
        if let Some(neurons) = &neurons {
            neurons.check(&sizes)?;
            sizes.iter_mut().for_each(|(name, size)| *size = neurons.of(name).len());
        }
        if lora.is_some() {
            sizes.retain(|name, _| crate::lora::is_factor(name));
        }
        sizes.retain(|_, size| *size > 0);
        // What is not trained asks for no gradient, and none is computed.
        let model = model.trainable_where(&mut |name| sizes.contains_key(name));
        let optimizer = AdamW::new(&config, neurons);
        Ok(Self {
            model: Some(model),
            optimizer,
            config,
            sequences,
            lora,
            trained: sizes,
            exchange: None,
            step: 0,
            tokens: 0,
        })
    }

    /// Shares every step's batch with the other ranks of an exchange: each takes its part of the sequences, and the
    /// gradients of what is trained are summed over all. Every rank must be made alike: model, settings, data, mask.
    pub fn share(mut self, exchange: impl Exchange + 'static) -> Self {
        self.exchange = Some(Box::new(exchange));
        self
    }

    /// The exchange, if the run is one rank of several.
    pub fn exchange(&self) -> Option<&dyn Exchange> {
        self.exchange.as_deref()
    }

    /// The settings.
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// The adapter's settings, if factors alone are trained.
    pub fn lora(&self) -> Option<&LoraConfig> {
        self.lora.as_ref()
    }

    /// Steps done.
    pub fn steps_done(&self) -> u32 {
        self.step
    }

    /// Whether all steps are done.
    pub fn finished(&self) -> bool {
        self.step >= self.config.steps
    }

    /// Tokens trained on so far, on all ranks.
    pub fn tokens(&self) -> u64 {
        self.tokens
    }

    /// The optimizer.
    pub fn optimizer(&self) -> &AdamW {
        &self.optimizer
    }

    /// What weights and optimizer state take.
    pub fn memory(&self) -> StateMemory {
        StateMemory::of(self.current(), &self.trained, self.optimizer.neurons())
    }

    /// What activations of this rank's largest micro-batch in the next step take, with the gradients of whole tensors beside them.
    /// Model and data stay as they are.
    ///
    /// # Errors
    /// When data can't be read.
    pub fn activations(&mut self) -> Result<ActivationMemory, TrainError> {
        let before = self.sequences.position();
        let drawn = self.draw();
        self.sequences.seek(&before)?;
        let micros = self.share_of(&drawn?);
        let (config, kept) = (self.current().config(), self.kept());
        let first = self.trained.keys().map(|name| layer_of(name, config.num_hidden_layers)).min();
        let of = |micro: &MicroBatch| {
            let lengths: Vec<usize> =
                micro.batch.segments.iter().map(|segment| segment.queries.len()).collect();
            ActivationMemory::of(config, &lengths, kept, first.unwrap_or(config.num_hidden_layers))
        };
        let mut memory = micros.iter().map(of).max_by_key(|memory| memory.likely).unwrap_or_default();
        memory.likely += self.whole_gradients();
        memory.micro_batches = micros.len() as u64;
        Ok(memory)
    }

    /// Bytes of the gradients of whole tensors that a pass has at once: all, or with activation checkpointing those of a layer.
    fn whole_gradients(&self) -> u64 {
        let layers = self.current().config().num_hidden_layers;
        let mut by_layer: BTreeMap<Option<usize>, u64> = BTreeMap::new();
        self.current().for_each_parameter(&mut |name, shape, _| {
            if self.trained.contains_key(name) {
                let layer = Some(layer_of(name, layers)).filter(|_| name.starts_with(LAYERS));
                *by_layer.entry(layer).or_default() += 4 * shape.iter().product::<usize>() as u64;
            }
        });
        match self.kept() {
            Activations::Kept => by_layer.values().sum(),
            Activations::Recomputed => by_layer.values().max().copied().unwrap_or_default(),
        }
    }

    fn kept(&self) -> Activations {
        match self.config.activation_checkpointing {
            true => Activations::Recomputed,
            false => Activations::Kept,
        }
    }

    /// One optimizer step on the next sequences.
    ///
    /// # Errors
    /// When the loss or its gradient is not finite, a rank is lost, or data can't be read, all of which leave model and data
    /// as they were before the step; or when the device is lost.
    pub fn step(&mut self) -> Result<StepReport, TrainError> {
        self.step_seeing(&mut |_| {})
    }

    /// As [`step`](Self::step); `see` is shown the step's gradients of what is trained, before clipping.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn step_seeing(&mut self, see: &mut dyn FnMut(&Gradients)) -> Result<StepReport, TrainError> {
        let before = self.sequences.position();
        let done = self.draw().and_then(|sequences| {
            let predicted = sequences.iter().map(|sequence| sequence.len() as u64 - 1).sum();
            let micros = self.share_of(&sequences);
            self.step_over(micros, predicted, see)
        });
        if done.is_err() {
            self.sequences.seek(&before)?;
        }
        done
    }

    /// One optimizer step on a given batch, in one part and on this rank alone: `targets[i]` is what should follow row `i`.
    ///
    /// # Errors
    /// As [`Trainer::step`].
    pub fn step_on(&mut self, batch: &Batch, targets: &[u32]) -> Result<StepReport, TrainError> {
        let micro = MicroBatch { batch: batch.clone(), targets: targets.to_vec() };
        let predicted = micro.predicted();
        let exchange = self.exchange.take();
        let done = self.step_over(vec![micro], predicted, &mut |_| {});
        self.exchange = exchange;
        done
    }

    /// The sequences of the next step, the same on every rank.
    fn draw(&mut self) -> Result<Vec<Vec<u32>>, TrainError> {
        let mut sequences = Vec::new();
        let mut predicted = 0;
        let enough = |count: usize, predicted: u64| match self.config.tokens_per_step {
            Some(tokens) => predicted >= tokens,
            None => count as u64 >= u64::from(self.config.sequences_per_step),
        };
        while !enough(sequences.len(), predicted) {
            let sequence = self.sequences.next_sequence()?;
            predicted += sequence.len() as u64 - 1;
            sequences.push(sequence);
        }
        Ok(sequences)
    }

    /// This rank's sequences, one of every so many as there are ranks, in micro-batches.
    fn share_of(&self, sequences: &[Vec<u32>]) -> Vec<MicroBatch> {
        let (rank, ranks) =
            self.exchange.as_ref().map_or((0, 1), |exchange| (exchange.rank(), exchange.ranks()));
        let own: Vec<&[u32]> = sequences.iter().skip(rank).step_by(ranks).map(Vec::as_slice).collect();
        let size = self.config.micro_sequences.map_or(own.len(), |count| count as usize).max(1);
        own.chunks(size).map(MicroBatch::of).collect()
    }

    /// One step over micro-batches: the loss is the mean over all `predicted` tokens of the whole step, so that each part
    /// weighs as many of them as it has.
    fn step_over(
        &mut self,
        micros: Vec<MicroBatch>,
        predicted: u64,
        see: &mut dyn FnMut(&Gradients),
    ) -> Result<StepReport, TrainError> {
        // Of the fields, so that the exchange can be borrowed beside it.
        let model = self.model.as_ref().expect(MODEL_LEFT);
        let device = model.device().without_autodiff();
        let activations = self.kept();
        if let Some(exchange) = &mut self.exchange {
            let own = micros.iter().map(MicroBatch::predicted).sum();
            let (step, trained) = (u64::from(self.step), self.trained.values().sum::<usize>() as u64);
            agree(exchange.as_mut(), [own, step, trained], predicted)?;
        }
        let passes = Passes { model, optimizer: &self.optimizer, activations, predicted };
        let mut sum = GradientSum::default();
        let mut loss = 0.0;
        for micro in &micros {
            loss += passes.add(micro, &mut sum)?;
            if !loss.is_finite() {
                break;
            }
        }
        let (mut loss, mut gradients) = (loss as f32, sum.finish()?);
        if let Some(exchange) = &mut self.exchange {
            // A loss that is not finite is sent all the same: every rank then stops at the same step.
            (loss, gradients) = over_ranks(exchange.as_mut(), loss, gradients, &self.trained, &device)?;
        }
        let step = self.step + 1;
        if !loss.is_finite() {
            return Err(TrainError::Diverged { step, loss, tensor: first_tensor(model, &micros)? });
        }
        let gradients = Gradients::new(gradients)?;
        let gradient_norm = gradients.norm();
        if !gradient_norm.is_finite() {
            return Err(TrainError::Diverged { step, loss, tensor: first_gradient(&gradients)? });
        }
        see(&gradients);
        let model = self.model.take().expect(MODEL_LEFT);
        self.model = Some(self.optimizer.step(model, gradients)?);
        self.step = step;
        self.tokens += predicted;
        let learning_rate = self.config.learning_rate_at(step);
        Ok(StepReport { step, loss, tokens: predicted as usize, gradient_norm, learning_rate })
    }

    fn current(&self) -> &Decoder {
        self.model.as_ref().expect(MODEL_LEFT)
    }

    /// The model as it is now, without gradients; low-rank factors stand beside their layers.
    pub fn model(&self) -> Decoder {
        self.current().clone().untracked()
    }

    /// All values by name, masters where there are some; low-rank factors are there under their own names.
    ///
    /// # Errors
    /// When a value is not finite, as after a step at far too high a rate, or the device is lost.
    pub(crate) fn values(&self) -> Result<Values, TrainError> {
        let mut values = pollster::block_on(self.model().values())?;
        for (name, state) in self.optimizer.moments() {
            let (Some(master), Some((_, values))) = (&state.master, values.get_mut(name)) else { continue };
            let master = host_values(master.clone())?;
            match self.optimizer.neurons() {
                None => *values = master,
                Some(neurons) => {
                    for (&position, master) in neurons.of(name).iter().zip(master) {
                        values[position as usize] = master;
                    }
                }
            }
        }
        let broken = values.iter().find(|(_, (_, values))| values.iter().any(|value| !value.is_finite()));
        match broken {
            Some((tensor, _)) => Err(TrainError::NotFinite { step: self.step, tensor: tensor.clone() }),
            None => Ok(values),
        }
    }

    /// The weights as they are now, rounded to a dtype: trained elements from their masters where there are some, and
    /// with low-rank factors added to the layers that they stand beside.
    ///
    /// # Errors
    /// When one is not finite, as after a step at far too high a rate, or the device is lost.
    pub fn weights(&self, name: &str, dtype: Dtype) -> Result<MemoryWeights, TrainError> {
        let weights = if self.lora.is_some() {
            pollster::block_on(self.model().merged().to_weights(name, dtype))?
        } else {
            let mut tensors = Vec::new();
            for (tensor, (shape, values)) in self.values()? {
                let wide: Vec<f64> = values.into_iter().map(f64::from).collect();
                let mut bytes = Vec::new();
                convert::narrow(dtype, &wide, &mut bytes)?;
                tensors.push((maec_checkpoint::TensorInfo { name: tensor, dtype, shape }, bytes));
            }
            MemoryWeights::new(name, tensors)?
        };
        for info in weights.tensors() {
            if convert::first_non_finite(info.dtype, &weights.read_bytes(&info.name)?).is_some() {
                return Err(TrainError::NotFinite { step: self.step, tensor: info.name.clone() });
            }
        }
        Ok(weights)
    }

    /// Where the model is.
    pub fn device(&self) -> Device {
        self.current().device()
    }
}

/// The layer (from 0) whose graph a parameter begins: its own, the first for the embedding, none (the count of layers) for what follows.
fn layer_of(name: &str, layers: usize) -> usize {
    match name.strip_prefix(LAYERS) {
        Some(rest) => rest.split('.').next().and_then(|index| index.parse().ok()).unwrap_or(0),
        None if name.starts_with("model.embed_tokens.") => 0,
        None => layers,
    }
}

/// Makes sure that all ranks are at the same step of the same run, and have shared out its tokens.
fn agree(
    exchange: &mut dyn Exchange,
    [own, step, trained]: [u64; 3],
    predicted: u64,
) -> Result<(), TrainError> {
    let ranks = exchange.ranks() as u64;
    let [tokens, steps, all_trained] = exchange.sum_counts([own, step, trained])?;
    let disagree = |what| Err(TrainError::RanksDisagree { step: step as u32 + 1, what });
    if steps != step * ranks {
        return disagree("the step");
    }
    if all_trained != trained * ranks {
        return disagree("what is trained");
    }
    if tokens != predicted {
        return disagree("the batch");
    }
    Ok(())
}
