//! The loop: its cadence, its metrics over a kill, and what stops it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crate::common::{device, fresh, mixture, model_config, settings, values};
use maec_train::{Cadence, End, MetricsFile, Observer, Record, Snapshot, TrainConfig, TrainError, Trainer};

/// Keeps what it sees; stops the run at a step.
#[derive(Default)]
struct Seen {
    steps: Vec<u32>,
    evaluations: Vec<u32>,
    checkpoints: Vec<(u32, Snapshot)>,
    stop_at: Option<u32>,
    fail_at: Option<u32>,
}

impl Observer<TrainError> for Seen {
    fn step(&mut self, _: &Trainer, record: &Record) -> Result<ControlFlow<()>, TrainError> {
        self.steps.push(record.step);
        if self.fail_at == Some(record.step) {
            return Err(TrainError::Device("killed".into()));
        }
        Ok(match self.stop_at == Some(record.step) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        })
    }

    fn evaluate(&mut self, trainer: &Trainer) -> Result<BTreeMap<String, f64>, TrainError> {
        self.evaluations.push(trainer.steps_done());
        Ok([("held out".to_owned(), 1.0 / f64::from(trainer.steps_done()))].into())
    }

    fn checkpoint(&mut self, trainer: &Trainer) -> Result<(), TrainError> {
        self.checkpoints.push((trainer.steps_done(), trainer.snapshot()?));
        Ok(())
    }
}

fn start() -> Trainer {
    Trainer::new(fresh(model_config()), settings(), mixture(), None).unwrap()
}

const CADENCE: Cadence = Cadence { evaluate_every: 5, checkpoint_every: 4 };

#[test]
fn evaluations_and_checkpoints_come_when_due() {
    let mut seen = Seen::default();
    assert_eq!(start().run(CADENCE, None, 0.0, &mut seen).unwrap(), End::Finished);
    assert_eq!(seen.steps, (1..=12).collect::<Vec<_>>());
    assert_eq!(seen.evaluations, [5, 10, 12]);
    assert_eq!(seen.checkpoints.iter().map(|(step, _)| *step).collect::<Vec<_>>(), [4, 8]);
    let mut seen = Seen::default();
    start().run(Cadence::default(), None, 0.0, &mut seen).unwrap();
    assert!(seen.evaluations.is_empty() && seen.checkpoints.is_empty());
    let mut seen = Seen { stop_at: Some(6), ..Seen::default() };
    assert_eq!(start().run(CADENCE, None, 0.0, &mut seen).unwrap(), End::Stopped);
    assert_eq!(seen.checkpoints.last().unwrap().0, 6);
}

#[test]
fn a_killed_run_has_the_metrics_and_bits_of_a_whole_one() {
    let folder = tempfile::tempdir().unwrap();
    let run = |name: &str, fail_at| {
        let path = folder.path().join(name);
        let (mut metrics, _) = MetricsFile::open(&path, 0).unwrap();
        let (mut trainer, mut seen) = (start(), Seen { fail_at, ..Seen::default() });
        let end = trainer.run(CADENCE, Some(&mut metrics), 0.0, &mut seen);
        (path, end.is_ok(), trainer, seen)
    };
    let (whole, finished, expected, _) = run("whole.jsonl", None);
    assert!(finished);
    // Killed after step 7; the last checkpoint is of step 4.
    let (path, finished, _, mut seen) = run("cut.jsonl", Some(7));
    assert!(!finished && MetricsFile::read(&path).unwrap().len() == 7);
    let (step, snapshot) = seen.checkpoints.pop().unwrap();
    let mut trainer = Trainer::resume(snapshot, model_config(), settings(), mixture(), &device()).unwrap();
    let (mut metrics, before) = MetricsFile::open(&path, step).unwrap();
    let seconds = before.last().unwrap().seconds;
    trainer.run(CADENCE, Some(&mut metrics), seconds, &mut Seen::default()).unwrap();
    assert!(values(&trainer.model()) == values(&expected.model()));
    let timeless = |path: &std::path::Path| -> Vec<Record> {
        let without = |record| Record { tokens_per_second: 0.0, seconds: 0.0, ..record };
        MetricsFile::read(path).unwrap().into_iter().map(without).collect()
    };
    assert_eq!(timeless(&path), timeless(&whole));
    let records = MetricsFile::read(&path).unwrap();
    assert!(records.is_sorted_by(|a, b| a.seconds < b.seconds && a.tokens < b.tokens));
}

#[test]
fn divergence_keeps_the_last_good_checkpoint_and_names_the_tensor() {
    let config = TrainConfig { learning_rate: 1e30, warmup_steps: 0, clip_norm: None, ..settings() };
    let mut trainer = Trainer::new(fresh(model_config()), config, mixture(), None).unwrap();
    let mut seen = Seen::default();
    let cadence = Cadence { evaluate_every: 0, checkpoint_every: 1 };
    let error = trainer.run(cadence, None, 0.0, &mut seen).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("step") && text.contains('`') && !text.contains('\n'), "{text}");
    let good = |(_, snapshot): &(u32, Snapshot)| {
        snapshot.weights.values().all(|(_, values)| values.iter().all(|value| value.is_finite()))
    };
    assert!(seen.checkpoints.iter().all(good));
    assert!(trainer.steps_done() < 12);
}
