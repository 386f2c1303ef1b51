//! Who hears of a training while it goes on.

use std::ops::ControlFlow;

/// What a run says of itself after a step.
#[derive(Debug, Clone, Copy)]
pub struct News<'a> {
    /// Which run.
    pub name: &'a str,
    /// Steps done.
    pub step: u32,
    /// Steps in all.
    pub steps: u32,
    /// The step's loss.
    pub loss: f32,
    /// Tokens a second since the run began here.
    pub tokens_per_second: f64,
}

/// Hears of runs.
pub trait Watch {
    /// A step was done; may break the run off, which keeps nothing of it but its last checkpoint.
    fn step(&self, news: News<'_>) -> ControlFlow<()>;

    /// Asked between the batches of an exam; may break it off, which keeps the answers so far.
    fn go_on(&self) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// A training likely takes more memory than there is; the message says what to lower.
    fn warn(&self, _message: &str) {}

    /// An outcome of so many steps was found in the store.
    fn found(&self, _name: &str, _steps: u32) {}
}

/// Hears nothing.
pub struct Silent;

impl Watch for Silent {
    fn step(&self, _: News<'_>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}
