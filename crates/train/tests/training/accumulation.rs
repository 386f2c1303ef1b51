//! A step in parts is the step at once, and what is frozen keeps its bits whatever else is set.

use std::collections::BTreeMap;

use crate::common::{
    device, distance, every, fresh, frozen_hash, losses, mixture, model_config, settings, values,
};
use maec_train::{TrainConfig, Trainer};

/// The gradient of the first step, by tensor.
fn gradients(config: TrainConfig) -> BTreeMap<String, Vec<f32>> {
    let mut trainer = Trainer::new(fresh(model_config()), config, mixture(), None).unwrap();
    let mut seen = BTreeMap::new();
    let see = &mut |gradients: &maec_train::Gradients| {
        for (name, gradient) in gradients.iter() {
            seen.insert(name.to_owned(), gradient.clone().into_data().try_into_vec::<f32>().unwrap());
        }
    };
    trainer.step_seeing(see).unwrap();
    seen
}

#[test]
fn one_of_eight_four_of_two_and_eight_of_one_are_the_same_step() {
    // A large ε keeps Adam from turning rounding errors of tiny gradients into whole steps.
    let with = |micro| TrainConfig { micro_sequences: micro, epsilon: 1e-3, ..settings() };
    let whole = gradients(with(None));
    let mut trainer = Trainer::new(fresh(model_config()), with(None), mixture(), None).unwrap();
    let expected = losses(&mut trainer, 6);
    for micro in [8, 4, 2, 1, 3] {
        let parts = gradients(with(Some(micro)));
        assert_eq!(parts.len(), whole.len());
        for (name, whole) in &whole {
            assert!(distance(&parts[name], whole) < 1e-6, "{name} in parts of {micro}");
        }
        let mut trainer = Trainer::new(fresh(model_config()), with(Some(micro)), mixture(), None).unwrap();
        let found = losses(&mut trainer, 6);
        assert!(distance(&found, &expected) < 2e-5, "parts of {micro}: {found:?} against {expected:?}");
    }
}

#[test]
fn a_large_batch_is_one_step_on_any_number_of_threads() {
    // Some 1,400 tokens go through the model in parts side by side; 20 sequences at a time are too few for that.
    let with = |micro| TrainConfig { sequences_per_step: 200, micro_sequences: micro, ..settings() };
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| gradients(with(None)))
    };
    let one = on(1);
    assert_eq!(on(3), one);
    for (name, apart) in gradients(with(Some(20))) {
        assert!(distance(&apart, &one[&name]) < 1e-6, "{name}");
    }
}

/// Sequences differ in length, so a mean of the parts' means would be off.
#[test]
fn parts_weigh_as_many_tokens_as_they_have() {
    let config = TrainConfig { micro_sequences: Some(1), ..settings() };
    let mut trainer = Trainer::new(fresh(model_config()), config, mixture(), None).unwrap();
    let report = trainer.step().unwrap();
    let mut data = mixture();
    let sequences: Vec<Vec<u32>> = (0..8).map(|_| data.next_sequence().to_vec()).collect();
    let model = fresh(model_config()).untracked();
    let (mut sum, mut count) = (0.0, 0);
    for sequence in &sequences {
        let batch = maec_model::Batch::packed(&[&sequence[..sequence.len() - 1]]);
        let loss = maec_model::kernels::cross_entropy(model.forward(&batch), &sequence[1..]);
        sum += loss.into_data().try_into_vec::<f32>().unwrap()[0] * (sequence.len() - 1) as f32;
        count += sequence.len() - 1;
    }
    assert_eq!(report.tokens, count);
    assert!((report.loss - sum / count as f32).abs() < 1e-5);
}

#[test]
fn a_step_has_at_least_the_tokens_asked_for() {
    let config = TrainConfig { tokens_per_step: Some(100), micro_sequences: Some(4), ..settings() };
    let mut trainer = Trainer::new(fresh(model_config()), config, mixture(), None).unwrap();
    for _ in 0..3 {
        let tokens = trainer.step().unwrap().tokens;
        // The longest sequence predicts ten.
        assert!((100..110).contains(&tokens), "{tokens}");
    }
}

#[test]
fn frozen_parameters_keep_their_bits_with_parts_decay_and_checkpointing() {
    let model = fresh(model_config());
    let neurons = every(&model, 20, 3);
    let before = frozen_hash(&values(&model), &neurons);
    for (micro_sequences, activation_checkpointing) in [(None, false), (Some(3), false), (Some(2), true)] {
        let config =
            TrainConfig { weight_decay: 0.3, micro_sequences, activation_checkpointing, ..settings() };
        let mut trainer = Trainer::new(model.clone(), config, mixture(), Some(neurons.clone())).unwrap();
        losses(&mut trainer, 5);
        let after = values(&trainer.model());
        assert_eq!(frozen_hash(&after, &neurons), before);
        let moved = |name: &str| {
            let start = &values(&model)[name].1;
            neurons.of(name).iter().any(|&at| after[name].1[at as usize] != start[at as usize])
        };
        assert!(moved("model.embed_tokens.weight") && moved("model.layers.1.mlp.down_proj.weight"));
    }
}

/// A tensor without key neurons asks for no gradient.
#[test]
fn a_mask_of_one_tensor_trains_that_tensor() {
    let model = fresh(model_config());
    let name = "model.layers.0.self_attn.v_proj.weight";
    let neurons = maec_train::KeyNeurons::from_positions([(name.to_owned(), vec![1, 5, 9])]);
    let mut trainer = Trainer::new(model.clone(), settings(), mixture(), Some(neurons.clone())).unwrap();
    losses(&mut trainer, 2);
    let (before, after) = (values(&model), values(&trainer.model()));
    assert_eq!(frozen_hash(&before, &neurons), frozen_hash(&after, &neurons));
    let moved = |at: usize| before[name].1[at] != after[name].1[at];
    assert!(moved(1) && moved(5) && moved(9));
    assert_eq!(trainer.device().without_autodiff(), device().without_autodiff());
}
