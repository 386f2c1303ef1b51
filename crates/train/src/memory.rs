//! What a run holds in memory, beside what full AdamW would.

use std::collections::BTreeMap;

use burn::tensor::DType;
use maec_model::{Activations, Decoder, ModelConfig};
use serde::Serialize;

use crate::neurons::KeyNeurons;

/// Bytes of a run's weights and optimizer state.
///
/// Full AdamW holds two f32 moments for every parameter, and an f32 master for every one that is stored in 16 bits:
/// 8·n, or 12·n. A masked run holds the same of its t trained elements, and their positions as u32: 12·t, or 16·t. A mask of
/// 5 % is 7.5 % or 6.7 % of the full state, the union of two disjoint ones 15 % or 13.3 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct StateMemory {
    /// Parameters of the model, factors of an adapter included.
    pub parameters: u64,
    /// Of these, trained.
    pub trained: u64,
    /// Bytes of the weights, as they are stored on the device.
    pub weights: u64,
    /// Bytes of first and second moments.
    pub moments: u64,
    /// Bytes of f32 masters of trained elements that are stored in 16 bits.
    pub masters: u64,
    /// Bytes of the key neurons' positions.
    pub positions: u64,
    /// Bytes of moments and masters if everything were trained.
    pub full_adam: u64,
}

impl StateMemory {
    /// What a run that trains `trained` (elements by tensor name) of a model holds once it has done a step.
    pub fn of(model: &Decoder, trained: &BTreeMap<String, usize>, neurons: Option<&KeyNeurons>) -> Self {
        let mut memory = Self {
            parameters: 0,
            trained: 0,
            weights: 0,
            moments: 0,
            masters: 0,
            positions: neurons.map_or(0, |neurons| 4 * neurons.len() as u64),
            full_adam: 0,
        };
        model.for_each_parameter(&mut |name, shape, value| {
            let (all, of) = (
                shape.iter().map(|&n| n as u64).product::<u64>(),
                trained.get(name).copied().unwrap_or_default() as u64,
            );
            let (width, master) = if value.dtype() == DType::F32 { (4, 0) } else { (2, 4) };
            memory.parameters += all;
            memory.trained += of;
            memory.weights += width * all;
            memory.moments += 8 * of;
            memory.masters += master * of;
            memory.full_adam += (8 + master) * all;
        });
        memory
    }

    /// Bytes of optimizer state: moments, masters and positions.
    pub fn state(&self) -> u64 {
        self.moments + self.masters + self.positions
    }

    /// The state as a share of full AdamW's.
    pub fn ratio(&self) -> f64 {
        self.state() as f64 / self.full_adam as f64
    }
}

/// Bytes of activations of one forward and backward pass, all f32, beside weights and optimizer state.
///
/// Of each of s tokens of a sequence a layer keeps its input, what its two norms give, the sum between them (d each), queries and
/// the attention's result (q each), keys and values (k each), gate, up and their product (m each), and for every head a probability
/// of every token of the sequence: `4·(4·d + 2·q + 2·k + 3·m + heads·s)` bytes, `8·d` more where norms follow both blocks (Gemma).
/// The head keeps `4·(2·d + 2·v)`: its input before and after the last norm, the v logits and their gradient. With activation
/// checkpointing there are all layers' inputs, `4·d·(layers + 1)`, and either one layer's or the head's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ActivationMemory {
    /// What is there at once as the way back begins: no pass takes less.
    pub least: u64,
    /// The same with what the way back works in: a layer's gradients of its activations, and gradients of whole tensors of which
    /// anything is trained.
    pub likely: u64,
    /// Micro-batches of the step.
    pub micro_batches: u64,
}

impl ActivationMemory {
    /// Of a pass over sequences of so many tokens, through a graph that begins in the layer `first` (from 0; the number of layers
    /// where none is in it): what is below has nothing to train.
    pub fn of(config: &ModelConfig, sequences: &[usize], activations: Activations, first: usize) -> Self {
        let [d, m, v, heads, width, layers] = [
            config.hidden_size,
            config.intermediate_size,
            config.vocab_size,
            config.num_attention_heads,
            config.head_dim,
            config.num_hidden_layers,
        ]
        .map(|n| n as u64);
        let [q, k] = [heads * width, config.num_key_value_heads as u64 * width];
        let tokens: u64 = sequences.iter().map(|&length| length as u64).sum();
        let pairs: u64 = sequences.iter().map(|&length| (length as u64).pow(2)).sum();
        let residual = if config.variant.sandwich_norms { 6 * d } else { 4 * d };
        let layer = 4 * (tokens * (residual + 2 * q + 2 * k + 3 * m) + heads * pairs);
        let head = 4 * tokens * (2 * d + 2 * v);
        let least = match activations {
            Activations::Kept => layer * layers.saturating_sub(first as u64) + head,
            Activations::Recomputed => 4 * tokens * d * layers + layer.max(head),
        };
        Self { least, likely: least + 4 * tokens * (3 * m + 3 * d), micro_batches: 1 }
    }
}
