//! A small model, its data, and trainers of it.

use std::collections::BTreeMap;

use burn::tensor::Device;
use maec_checkpoint::sha256_hex;
use maec_model::{Decoder, ModelConfig, Precision, Storage};
use maec_train::{KeyNeurons, Mixture, Random, Source, TrainConfig, Trainer};

/// Two layers, grouped heads, a tied head.
pub fn model_config() -> ModelConfig {
    ModelConfig {
        vocab_size: 32,
        hidden_size: 16,
        intermediate_size: 24,
        num_hidden_layers: 2,
        num_attention_heads: 2,
        num_key_value_heads: 1,
        head_dim: 8,
        rms_norm_eps: 1e-5,
        rope_theta: 1e4,
        max_position_embeddings: 16,
        tie_word_embeddings: true,
        bos_token_id: None,
        eos_token_ids: Vec::new(),
        rope_scaling: None,
        family: Default::default(),
        variant: Default::default(),
        pad_token_id: None,
    }
}

pub fn settings() -> TrainConfig {
    TrainConfig { steps: 12, sequences_per_step: 8, warmup_steps: 3, ..TrainConfig::default() }
}

/// Two sources of sequences of 3 to 11 tokens.
pub fn mixture() -> Mixture {
    let mut random = Random::new(5, 0);
    let mut source = |name: &str, weight| Source {
        name: name.into(),
        sequences: (0..40).map(|i| (0..3 + i % 9).map(|_| random.below(32)).collect()).collect(),
        weight,
    };
    Mixture::new(vec![source("a", 1.0), source("b", 2.0)], 1, 32, 16).unwrap()
}

/// The device that models are trained on here.
pub fn device() -> Device {
    Device::flex().autodiff()
}

pub fn fresh(config: ModelConfig) -> Decoder {
    let mut random = Random::new(11, 0);
    Decoder::init(config, &device(), 0.05, &mut || random.normal())
}

/// The same model with its matrices in bf16.
pub fn fresh_bf16(config: ModelConfig) -> Decoder {
    let full =
        pollster::block_on(fresh(config.clone()).to_weights("m", maec_checkpoint::Dtype::BF16)).unwrap();
    let storage = Storage { matrices: Precision::Bf16, ..Storage::default() };
    Decoder::load_as(config, &full, &device(), storage).unwrap()
}

/// Every so-manieth parameter of every tensor, from `first` on.
pub fn every(model: &Decoder, step: usize, first: u32) -> KeyNeurons {
    let mut positions = Vec::new();
    model.for_each_parameter(&mut |name, shape, _| {
        let size: usize = shape.iter().product();
        positions.push((name.to_owned(), (first..size as u32).step_by(step).collect::<Vec<u32>>()));
    });
    KeyNeurons::from_positions(positions)
}

/// A random share of all parameters, in the way of Eq. 1.
pub fn share(model: &Decoder, fraction: f64, seed: u64) -> KeyNeurons {
    let mut random = Random::new(seed, 0);
    let mut importance = BTreeMap::new();
    model.for_each_parameter(&mut |name, shape, _| {
        let scores = (0..shape.iter().product::<usize>()).map(|_| random.unit()).collect();
        importance.insert(name.to_owned(), scores);
    });
    KeyNeurons::select(&importance, fraction).unwrap()
}

pub type Values = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

pub fn values(model: &Decoder) -> Values {
    pollster::block_on(model.values()).unwrap()
}

/// SHA-256 over the bits of all values outside a mask.
pub fn frozen_hash(values: &Values, neurons: &KeyNeurons) -> String {
    let mut bytes = Vec::new();
    for (name, (_, values)) in values {
        for (index, value) in values.iter().enumerate() {
            if neurons.of(name).binary_search(&(index as u32)).is_err() {
                bytes.extend(value.to_le_bytes());
            }
        }
    }
    sha256_hex(&bytes)
}

/// Losses of the next steps.
pub fn losses(trainer: &mut Trainer, steps: usize) -> Vec<f32> {
    (0..steps).map(|_| trainer.step().unwrap().loss).collect()
}

/// Largest distance of two equally long lists.
pub fn distance(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}
