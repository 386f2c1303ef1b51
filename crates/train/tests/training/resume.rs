//! A run that was cut anywhere goes on to the same bits.

use maec_train::{Snapshot, TrainConfig, Trainer};
use proptest::prelude::*;

use crate::common::{device, every, fresh, mixture, model_config, settings};

fn start(masked: bool) -> Trainer {
    let model = fresh(model_config());
    let neurons = masked.then(|| every(&model, 7, 0));
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
        let second = Trainer::resume(snapshot, model_config(), settings(), mixture(), &device()).unwrap();
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
    let resumed = Trainer::resume(snapshot, model_config(), other, mixture(), &device());
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
    // One bit anywhere, in the header or in what follows it.
    for at in (0..bytes.len()).step_by(bytes.len() / 40) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 4;
        std::fs::write(&path, flipped).unwrap();
        assert!(Snapshot::load(&path).is_err(), "byte {at} of {}", bytes.len());
    }
    std::fs::write(&path, bytes).unwrap();
    assert!(Snapshot::load(&path).is_ok());
}

#[test]
fn sums_are_kept_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.safetensors");
    let sums = [("a.weight", vec![0.1, 1e-300, 0.0]), ("b", Vec::new())];
    let sums = sums.map(|(name, values)| (name.to_owned(), values)).into();
    let snapshot = Snapshot { sums, ..start(false).snapshot().unwrap() };
    snapshot.save(&path).unwrap();
    assert_eq!(Snapshot::load(&path).unwrap(), snapshot);
}

#[test]
fn a_diverged_run_stops_and_says_where() {
    let mut trainer = start(false);
    let broken = trainer.model().map_parameters(&mut |_, value| value * f32::NAN);
    trainer = Trainer::new(broken, settings(), mixture(), None).unwrap();
    assert!(trainer.step().unwrap_err().to_string().contains("step 1"));
}
