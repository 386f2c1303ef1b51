//! A run that was cut anywhere goes on to the same bits.

use burn::tensor::Device;
use maec_model::{Decoder, ModelConfig};
use maec_train::{KeyNeurons, Mixture, Random, Snapshot, Source, TrainConfig, Trainer};
use proptest::prelude::*;

fn config() -> ModelConfig {
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

fn settings() -> TrainConfig {
    TrainConfig { steps: 12, sequences_per_step: 6, warmup_steps: 3, ..TrainConfig::default() }
}

fn mixture() -> Mixture {
    let mut random = Random::new(5, 0);
    let mut source = |name: &str, weight| Source {
        name: name.into(),
        sequences: (0..40).map(|i| (0..3 + i % 9).map(|_| random.below(32)).collect()).collect(),
        weight,
    };
    Mixture::new(vec![source("a", 1.0), source("b", 2.0)], 1, 32, 16).unwrap()
}

fn start(masked: bool) -> Trainer {
    let mut random = Random::new(11, 0);
    let model = Decoder::init(config(), &Device::flex().autodiff(), 0.05, &mut || random.normal());
    let mut positions = Vec::new();
    model.for_each_parameter(&mut |name, shape, _| {
        let size: usize = shape.iter().product();
        positions.push((name.to_owned(), (0..size as u32).step_by(7).collect::<Vec<u32>>()));
    });
    let neurons = masked.then(|| KeyNeurons::from_positions(positions));
    Trainer::new(model, settings(), mixture(), neurons).unwrap()
}

fn finish(mut trainer: Trainer) -> Snapshot {
    while !trainer.finished() {
        trainer.step().unwrap();
    }
    trainer.snapshot().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn a_cut_run_ends_with_the_same_bits(cut in 0u32..12, masked: bool) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.safetensors");
        let mut first = start(masked);
        for _ in 0..cut {
            first.step().unwrap();
        }
        first.snapshot().unwrap().save(&path).unwrap();
        let snapshot = Snapshot::load(&path).unwrap();
        let second = Trainer::resume(snapshot, config(), settings(), mixture(), &Device::flex().autodiff()).unwrap();
        prop_assert_eq!(second.steps_done(), cut);
        // Comparing snapshots compares every weight and moment; none is NaN, so equal values are equal bits
        // but for the sign of zero.
        prop_assert!(finish(second) == finish(start(masked)));
    }
}

#[test]
fn other_settings_are_refused_with_the_difference() {
    let snapshot = start(false).snapshot().unwrap();
    let other = TrainConfig { learning_rate: 1.0, ..settings() };
    let resumed = Trainer::resume(snapshot, config(), other, mixture(), &Device::flex().autodiff());
    assert!(resumed.err().unwrap().to_string().contains("learning_rate: 0.002 → 1"));
}

#[test]
fn a_damaged_checkpoint_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.safetensors");
    start(true).snapshot().unwrap().save(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert!(Snapshot::load(&path).is_err());
    assert!(Snapshot::load(&folder.path().join("nothing.safetensors")).is_err());
}

#[test]
fn a_diverged_run_stops_and_says_where() {
    let mut trainer = start(false);
    let broken = trainer.model().map_parameters(&mut |_, value| value * f32::NAN);
    trainer = Trainer::new(broken, settings(), mixture(), None).unwrap();
    assert!(trainer.step().unwrap_err().to_string().contains("step 1"));
}
