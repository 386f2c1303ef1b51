//! Tokens a second of full and masked training steps of the workshop's model on random tokens.
//!
//! `cargo run --release -p maec-train --example steps -- SEQUENCES LENGTH STEPS` prints one JSON object;
//! `cargo xtask bench train` runs it beside PyTorch.
#![allow(clippy::print_stdout)]

use std::time::Instant;

use burn::tensor::Device;
use maec_model::{Batch, Decoder, ModelConfig};
use maec_train::{KeyNeurons, Mixture, Random, Source, TrainConfig, Trainer};

const VOCAB: u32 = 235;

fn main() {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let [sequences, length, steps] = numbers.as_slice() else { panic!("give SEQUENCES LENGTH STEPS") };
    let rates = [false, true].map(|masked| measure(*sequences, *length, *steps as u32, masked));
    println!("{{\"full\": {:.0}, \"masked\": {:.0}}}", rates[0], rates[1]);
}

fn measure(sequences: usize, length: usize, steps: u32, masked: bool) -> f64 {
    let config = ModelConfig {
        vocab_size: VOCAB as usize,
        hidden_size: 128,
        intermediate_size: 344,
        num_hidden_layers: 4,
        num_attention_heads: 4,
        num_key_value_heads: 4,
        head_dim: 32,
        rms_norm_eps: 1e-5,
        rope_theta: 1e4,
        max_position_embeddings: 256,
        tie_word_embeddings: true,
        bos_token_id: None,
        eos_token_ids: Vec::new(),
        rope_scaling: None,
        family: Default::default(),
        variant: Default::default(),
        pad_token_id: None,
    };
    let mut random = Random::new(1, 0);
    let (mut batch, mut targets) = (Batch::default(), Vec::new());
    for _ in 0..sequences {
        let ids: Vec<u32> = (0..=length).map(|_| random.below(VOCAB)).collect();
        batch.push(&ids[..length], length);
        targets.extend_from_slice(&ids[1..]);
    }
    let model = Decoder::init(config, &Device::flex().autodiff(), 0.02, &mut || random.normal());
    let neurons = masked.then(|| {
        let mut positions = Vec::new();
        model.for_each_parameter(&mut |name, shape, _| {
            let size: usize = shape.iter().product();
            positions.push((name.to_owned(), (0..size as u32).step_by(20).collect()));
        });
        KeyNeurons::from_positions(positions)
    });
    let unused = Source { name: "unused".into(), sequences: vec![vec![1, 2]], weight: 1.0 };
    let mixture = Mixture::new(vec![unused], 0, VOCAB as usize, 256).expect("one valid source");
    let settings = TrainConfig { steps: steps + 5, ..TrainConfig::default() };
    let mut trainer = Trainer::new(model, settings, mixture, neurons).expect("valid settings");
    let mut step = || {
        trainer.step_on(&batch, &targets).expect("a step");
    };
    for _ in 0..5 {
        step();
    }
    let start = Instant::now();
    for _ in 0..steps {
        step();
    }
    (targets.len() * steps as usize) as f64 / start.elapsed().as_secs_f64()
}
