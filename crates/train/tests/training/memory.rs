//! What a run says that it holds is what it holds, and a mask's share of full AdamW's state is small.

use crate::common::{fresh, fresh_bf16, losses, mixture, model_config, settings, share};
use maec_model::Decoder;
use maec_train::{KeyNeurons, StateMemory, Trainer};

/// The memory by plan, checked against the state after a step.
fn measured(model: Decoder, neurons: Option<KeyNeurons>) -> StateMemory {
    let mut trainer = Trainer::new(model, settings(), mixture(), neurons).unwrap();
    let memory = trainer.memory();
    losses(&mut trainer, 1);
    assert_eq!(trainer.memory(), memory);
    assert_eq!(memory.moments, 4 * trainer.optimizer().state_len() as u64);
    assert_eq!(memory.masters, 4 * trainer.optimizer().masters_len() as u64);
    memory
}

#[test]
fn one_mask_is_at_most_8_percent_and_two_are_16() {
    for make in [fresh, fresh_bf16] {
        let model = make(model_config());
        let full = measured(model.clone(), None);
        assert_eq!((full.trained, full.state()), (full.parameters, full.full_adam));
        let masks = [share(&model, 0.05, 1), share(&model, 0.05, 2)];
        let one = measured(model.clone(), Some(masks[0].clone()));
        assert_eq!(one.trained, (one.parameters as f64 * 0.05).round() as u64);
        assert!(one.ratio() <= 0.08, "{}", one.ratio());
        let two = measured(model, Some(masks[0].union(&masks[1])));
        assert_eq!(two.full_adam, full.full_adam);
        assert!(two.trained > one.trained * 19 / 10 - 40, "the masks are nearly disjoint");
        assert!(two.ratio() <= 0.16, "{}", two.ratio());
        assert_eq!(two.positions, 4 * two.trained);
    }
}

#[test]
fn weights_in_bf16_take_half_and_have_masters() {
    let (wide, narrow) = (measured(fresh(model_config()), None), measured(fresh_bf16(model_config()), None));
    // Vectors stay f32: four norms of 16 in two layers, and the last.
    let vectors = 5 * 16;
    assert_eq!(wide.weights, 4 * wide.parameters);
    assert_eq!(narrow.weights, 2 * narrow.parameters + 2 * vectors);
    assert_eq!((wide.masters, narrow.masters), (0, 4 * (narrow.parameters - vectors)));
}
