//! What a run holds in memory, beside what full AdamW would.

use std::collections::BTreeMap;

use burn::tensor::DType;
use maec_model::Decoder;
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
