//! The loop as it is seen: its bar, Ctrl-C, and what is kept of it.

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;
use std::time::Instant;

use anyhow::{Error, Result, bail};
use indicatif::ProgressBar;
use maec_lab::{Advice, Need, free_memory};
use maec_train::{Cadence, End, MetricsFile, Observer, Record, StateMemory, Trainer};

use crate::{interrupt, progress, size, table};

/// Steps that the loss shown is the mean of.
const SHOWN_STEPS: usize = 20;

/// What a run came to.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    /// Mean loss of the last steps; none where none was done.
    pub loss: Option<f32>,
    /// Seconds it took.
    pub seconds: f64,
    /// Tokens trained on in them.
    pub tokens: u64,
}

/// What is kept and measured of a run.
pub trait Keeper {
    /// Writes a checkpoint.
    fn save(&mut self, trainer: &Trainer) -> Result<()>;

    /// Measures the model, by name.
    fn measure(&mut self, trainer: &Trainer) -> Result<BTreeMap<String, f64>>;
}

/// Keeps and measures nothing.
pub struct Alone;

impl Keeper for Alone {
    fn save(&mut self, _: &Trainer) -> Result<()> {
        Ok(())
    }

    fn measure(&mut self, _: &Trainer) -> Result<BTreeMap<String, f64>> {
        Ok(BTreeMap::new())
    }
}

/// Trains to the end, with a bar, a checkpoint when it is due and one when it is interrupted, which is an error. `metrics` are
/// the file that every step is written to and the seconds of the run before.
pub fn run(
    trainer: &mut Trainer,
    bar: &ProgressBar,
    cadence: Cadence,
    metrics: Option<(&mut MetricsFile, f64)>,
    keeper: &mut dyn Keeper,
) -> Result<Outcome> {
    if let Some(free) = free_memory().filter(|_| super::is_cpu(&trainer.device()) && !trainer.finished()) {
        Need::of(trainer)?.check(free, &Advice::FLAGS)?.iter().for_each(|warning| progress::note(warning));
    }
    let begun_with = trainer.tokens();
    let mut watch = Watch { bar, begun_with, start: Instant::now(), losses: VecDeque::new(), keeper };
    bar.println(said(&trainer.memory()));
    bar.set_position(trainer.steps_done().into());
    bar.reset_eta();
    let (file, seconds) = metrics.unzip();
    let end = trainer.run(cadence, file, seconds.unwrap_or_default(), &mut watch)?;
    if end == End::Stopped {
        bar.abandon();
        bail!("interrupted after {} of {} steps", trainer.steps_done(), trainer.config().steps);
    }
    bar.finish_and_clear();
    let (loss, seconds) = (watch.loss(), watch.start.elapsed().as_secs_f64());
    Ok(Outcome { loss, seconds, tokens: trainer.tokens() - begun_with })
}

/// A bar for a run of so many steps.
pub fn bar(label: &str, steps: u32) -> ProgressBar {
    progress::bar(label, steps.into())
}

/// What a run holds, on one line.
pub fn said(memory: &StateMemory) -> String {
    format!(
        "weights {}, optimizer state {} ({} % of full AdamW's)",
        size::shown(memory.weights),
        size::shown(memory.state()),
        table::percent(memory.ratio())
    )
}

struct Watch<'a> {
    bar: &'a ProgressBar,
    /// Tokens trained on before.
    begun_with: u64,
    start: Instant,
    /// Of the last steps.
    losses: VecDeque<f32>,
    keeper: &'a mut dyn Keeper,
}

impl Watch<'_> {
    fn loss(&self) -> Option<f32> {
        let count = self.losses.len();
        (count > 0).then(|| self.losses.iter().sum::<f32>() / count as f32)
    }
}

impl Observer<Error> for Watch<'_> {
    fn step(&mut self, trainer: &Trainer, record: &Record) -> Result<ControlFlow<()>> {
        if self.losses.len() == SHOWN_STEPS {
            self.losses.pop_front();
        }
        self.losses.push_back(record.loss);
        let rate = (trainer.tokens() - self.begun_with) as f64 / self.start.elapsed().as_secs_f64();
        self.bar.set_message(format!(
            "loss {:.3} · {} tokens/s · rate {:.2e}",
            self.loss().unwrap_or(record.loss),
            table::count(rate as u64),
            record.learning_rate
        ));
        self.bar.set_position(record.step.into());
        if !record.evaluation.is_empty() {
            let losses = record.evaluation.iter().map(|(name, loss)| format!("{name} {loss:.3}"));
            let losses: Vec<String> = losses.collect();
            self.bar.println(format!("step {}: held-out loss {}", record.step, losses.join(", ")));
        }
        Ok(interrupt::flow())
    }

    fn evaluate(&mut self, trainer: &Trainer) -> Result<BTreeMap<String, f64>> {
        self.keeper.measure(trainer)
    }

    fn checkpoint(&mut self, trainer: &Trainer) -> Result<()> {
        self.keeper.save(trainer)
    }
}
