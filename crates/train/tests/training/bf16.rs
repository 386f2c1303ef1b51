//! Matrices in bf16 with f32 masters: rounding is that of the masters, and small updates are not lost.

use crate::common::{
    device, distance, every, fresh, fresh_bf16, frozen_hash, losses, mixture, model_config, settings, values,
};
use maec_checkpoint::{Dtype, Weights};
use maec_model::{Decoder, ModelConfig};
use maec_train::{Snapshot, TrainConfig, Trainer};

fn trainer(neurons: bool, config: TrainConfig) -> Trainer {
    let model = fresh_bf16(model_config());
    let neurons = neurons.then(|| every(&model, 9, 2));
    Trainer::new(model, config, mixture(), neurons).unwrap()
}

#[test]
fn losses_are_those_of_f32_within_bf16s_rounding() {
    let narrow = losses(&mut trainer(false, settings()), 12);
    // f32 training from the same rounded start.
    let start = pollster::block_on(fresh_bf16(model_config()).to_weights("start", Dtype::F32)).unwrap();
    let model = Decoder::load(model_config(), &start, &device()).unwrap();
    let wide = losses(&mut Trainer::new(model, settings(), mixture(), None).unwrap(), 12);
    // bf16 values are exact in f32; the products are summed in other orders.
    assert!((narrow[0] - wide[0]).abs() < 2e-6);
    assert!(distance(&narrow, &wide) < 5e-3, "{narrow:?} {wide:?}");
}

#[test]
fn stored_values_are_the_masters_rounded_and_frozen_ones_keep_their_bits() {
    for masked in [false, true] {
        let mut trainer = trainer(masked, TrainConfig { weight_decay: 0.1, ..settings() });
        let before = values(&trainer.model());
        losses(&mut trainer, 5);
        let stored = values(&trainer.model());
        let (wide, narrow) =
            (trainer.weights("f32", Dtype::F32).unwrap(), trainer.weights("bf16", Dtype::BF16).unwrap());
        let mut differing = 0;
        for (name, (shape, stored)) in &stored {
            let (wide, rounded) = (wide.read_f32(name).unwrap(), narrow.read_f32(name).unwrap());
            differing += wide.iter().zip(stored).filter(|(wide, stored)| wide != stored).count();
            if shape.len() == 2 {
                assert_eq!(&rounded, stored, "{name}");
            }
        }
        assert!(differing > 100, "masters are finer than what is stored");
        if let Some(neurons) = trainer.optimizer().neurons() {
            assert_eq!(frozen_hash(&before, neurons), frozen_hash(&stored, neurons));
        }
    }
}

/// Far below half a unit in bf16's last place, each step alone would round to nothing.
#[test]
fn small_steps_add_up_in_the_masters() {
    let config = TrainConfig { learning_rate: 1e-6, warmup_steps: 0, ..settings() };
    let mut trainer = trainer(false, config);
    let name = "model.layers.0.mlp.up_proj.weight";
    let start = values(&trainer.model())[name].1.clone();
    losses(&mut trainer, 12);
    let master = trainer.weights("m", Dtype::F32).unwrap().read_f32(name).unwrap();
    let moved = master.iter().zip(&start).filter(|(master, start)| master != start).count();
    assert!(moved > start.len() / 2, "{moved} of {} moved", start.len());
}

#[test]
fn a_cut_run_in_bf16_ends_with_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.safetensors");
    for masked in [false, true] {
        let mut whole = trainer(masked, settings());
        losses(&mut whole, 12);
        let mut first = trainer(masked, settings());
        losses(&mut first, 5);
        first.snapshot().unwrap().save(&path).unwrap();
        let snapshot = Snapshot::load(&path).unwrap();
        assert!(snapshot.progress.bf16);
        let mut second = Trainer::resume(snapshot, model_config(), settings(), mixture(), &device()).unwrap();
        losses(&mut second, 7);
        assert!(second.snapshot().unwrap() == whole.snapshot().unwrap());
    }
}

/// Untied heads and odd widths take other paths through the kernels.
#[test]
fn odd_shapes_train_in_bf16() {
    let config = ModelConfig {
        tie_word_embeddings: false,
        hidden_size: 16,
        intermediate_size: 23,
        vocab_size: 33,
        ..model_config()
    };
    let narrow =
        losses(&mut Trainer::new(fresh_bf16(config.clone()), settings(), mixture(), None).unwrap(), 12);
    let wide = losses(&mut Trainer::new(fresh(config), settings(), mixture(), None).unwrap(), 12);
    assert!(distance(&narrow, &wide) < 2e-2, "{narrow:?} {wide:?}");
    assert!(narrow[11] < narrow[0]);
}
