//! The loop around the steps: when a run is measured, saved and seen.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Instant;

use crate::error::TrainError;
use crate::metrics::{MetricsFile, Record};
use crate::trainer::Trainer;

/// Steps between evaluations and between checkpoints; 0 is never.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cadence {
    /// Steps between evaluations; the last step is evaluated too.
    pub evaluate_every: u32,
    /// Steps between checkpoints; none is asked for after the last step, whose model is the result.
    pub checkpoint_every: u32,
}

/// Who sees a run, measures it and keeps its checkpoints.
pub trait Observer<E> {
    /// Sees a step; [`ControlFlow::Break`] ends the run after a checkpoint.
    ///
    /// # Errors
    /// Ends the run.
    fn step(&mut self, trainer: &Trainer, record: &Record) -> Result<ControlFlow<()>, E>;

    /// Measures the model, by name.
    ///
    /// # Errors
    /// Ends the run.
    fn evaluate(&mut self, trainer: &Trainer) -> Result<BTreeMap<String, f64>, E>;

    /// Keeps [`Trainer::snapshot`] in place of the last.
    ///
    /// # Errors
    /// Ends the run.
    fn checkpoint(&mut self, trainer: &Trainer) -> Result<(), E>;
}

/// How a run came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// All steps are done.
    Finished,
    /// The observer stopped it; there is a checkpoint.
    Stopped,
}

impl Trainer {
    /// Trains to the end. Every step is a line of `metrics`, which was opened after [`steps_done`](Self::steps_done).
    /// `seconds` is what the run has taken before (the last record's).
    ///
    /// A lost rank leaves a checkpoint of the last whole step. Divergence leaves the last one that there is.
    ///
    /// # Errors
    /// As [`Trainer::step`], and as the observer.
    pub fn run<E: From<TrainError>>(
        &mut self,
        cadence: Cadence,
        mut metrics: Option<&mut MetricsFile>,
        seconds: f64,
        observer: &mut dyn Observer<E>,
    ) -> Result<End, E> {
        let due = |every: u32, step: u32| every > 0 && step.is_multiple_of(every);
        let mut seconds = seconds;
        while !self.finished() {
            let start = Instant::now();
            let step = match self.step() {
                Ok(step) => step,
                Err(error @ TrainError::RankLost { .. }) => {
                    observer.checkpoint(self)?;
                    return Err(error.into());
                }
                Err(error) => return Err(error.into()),
            };
            let took = start.elapsed().as_secs_f64();
            seconds += took;
            let evaluation = match due(cadence.evaluate_every, step.step)
                || (cadence.evaluate_every > 0 && self.finished())
            {
                true => observer.evaluate(self)?,
                false => BTreeMap::new(),
            };
            let record = Record {
                step: step.step,
                loss: step.loss,
                learning_rate: step.learning_rate,
                gradient_norm: step.gradient_norm,
                tokens: self.tokens(),
                tokens_per_second: step.tokens as f64 / took.max(1e-9),
                seconds,
                evaluation,
            };
            if let Some(metrics) = metrics.as_deref_mut() {
                metrics.write(&record)?;
            }
            let stop = observer.step(self, &record)?.is_break() && !self.finished();
            if stop || (due(cadence.checkpoint_every, step.step) && !self.finished()) {
                observer.checkpoint(self)?;
            }
            if stop {
                return Ok(End::Stopped);
            }
        }
        Ok(End::Finished)
    }
}
