//! Activation checkpointing gives the gradients of one graph, bit for bit on the CPU.

use std::collections::BTreeMap;

use crate::common::{fresh, fresh_bf16, losses, mixture, model_config, settings};
use maec_model::{Activation, Activations, Batch, Decoder, ModelConfig, Variant};
use maec_train::{LoraConfig, TrainConfig, Trainer};

/// The loss's bits, and each gradient's.
fn gradients(model: &Decoder, scale: f32, activations: Activations) -> (u32, BTreeMap<String, Vec<u32>>) {
    let sequences: [&[u32]; 3] = [&[1, 2, 3, 4, 5, 6], &[7, 8, 9], &[3, 1, 4, 1, 5, 9, 2, 6]];
    let targets: Vec<u32> = sequences.concat().iter().map(|id| (id * 7 + 3) % 32).collect();
    let mut seen = BTreeMap::new();
    let take = &mut |name: &str, gradient: burn::tensor::Tensor<1>| {
        let values = gradient.into_data().try_into_vec::<f32>().unwrap();
        let bits = values.into_iter().map(f32::to_bits).collect();
        assert!(seen.insert(name.to_owned(), bits).is_none(), "{name} was given twice");
    };
    let loss = model.gradients(&Batch::packed(&sequences), &targets, scale, activations, take).unwrap();
    (loss.to_bits(), seen)
}

fn same(model: Decoder, parameters: usize) {
    for scale in [1.0, 0.3] {
        let kept = gradients(&model, scale, Activations::Kept);
        let recomputed = gradients(&model, scale, Activations::Recomputed);
        assert_eq!(kept.1.len(), parameters);
        assert!(kept.1.values().flatten().any(|&bits| f32::from_bits(bits).abs() > 1e-4));
        assert!(kept == recomputed);
    }
}

#[test]
fn gradients_are_the_same_bits() {
    let config = model_config();
    same(fresh(config.clone()).trainable(), 2 * 9 + 2);
    same(fresh_bf16(config.clone()).trainable(), 2 * 9 + 2);
    let untied = ModelConfig { tie_word_embeddings: false, ..config.clone() };
    same(fresh(untied).trainable(), 2 * 9 + 3);
    let variant = Variant {
        qkv_bias: true,
        activation: Activation::GeluTanh,
        attention_softcap: Some(50.0),
        logit_softcap: Some(30.0),
        sliding_window: 3,
        sliding_layers: vec![true, false],
        scaled_embeddings: true,
        unit_offset_norms: true,
        sandwich_norms: true,
        ..Variant::default()
    };
    same(fresh(ModelConfig { variant, ..config }).trainable(), 2 * (9 + 3 + 2) + 2);
}

#[test]
fn parts_that_are_not_trained_get_no_gradient() {
    let lora = LoraConfig { rank: 2, ..LoraConfig::default() };
    let model = lora.attach(fresh(model_config()), 3).unwrap();
    // B = 0 leaves A without a gradient that is not 0, so everything's size is given by B's.
    same(model.trainable_where(&mut |name| name.contains(".lora.")), 2 * 2 * 2);
    same(fresh(model_config()).trainable_where(&mut |name| name == "model.layers.0.mlp.up_proj.weight"), 1);
    same(fresh(model_config()).trainable_where(&mut |name| name == "model.embed_tokens.weight"), 1);
}

#[test]
fn a_run_with_it_is_the_run_without_it() {
    for micro_sequences in [None, Some(3)] {
        let with = |activation_checkpointing| {
            let config = TrainConfig { activation_checkpointing, micro_sequences, ..settings() };
            let mut trainer = Trainer::new(fresh(model_config()), config, mixture(), None).unwrap();
            (losses(&mut trainer, 6), trainer.snapshot().unwrap().weights)
        };
        assert!(with(true) == with(false));
    }
}
