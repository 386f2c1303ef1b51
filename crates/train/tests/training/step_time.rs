//! A masked step takes no longer than a full one.

use std::time::{Duration, Instant};

use crate::common::{fresh, mixture, model_config, settings, share};
use maec_model::ModelConfig;
use maec_train::Trainer;

/// The fastest of alternating steps: whatever else the machine does meets both kinds.
#[test]
fn a_masked_step_is_at_most_a_tenth_slower_than_a_full_one() {
    let config = ModelConfig {
        hidden_size: 64,
        intermediate_size: 192,
        num_attention_heads: 4,
        num_key_value_heads: 2,
        head_dim: 16,
        ..model_config()
    };
    let model = fresh(config);
    let masks = share(&model, 0.05, 1).union(&share(&model, 0.05, 2));
    let start = |neurons| Trainer::new(model.clone(), settings(), mixture(), neurons).unwrap();
    let mut trainers = [start(None), start(Some(masks))];
    let mut fastest = [Duration::MAX; 2];
    for _ in 0..40 {
        for (trainer, fastest) in trainers.iter_mut().zip(&mut fastest) {
            let start = Instant::now();
            trainer.step().unwrap();
            *fastest = start.elapsed().min(*fastest);
        }
    }
    let [full, masked] = fastest.map(|time| time.as_secs_f64());
    assert!(masked <= 1.1 * full, "{masked} s against {full} s");
}
