//! How far a merge has come, and whether to go on.

use std::ops::ControlFlow;

use maec_checkpoint::TensorInfo;

use crate::MergeError;

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Eq. 4: reading every model for the similarities and norms.
    Statistics,
    /// Eq. 5: merging and writing.
    Merge,
}

/// Reported after every tile; answer `ControlFlow::Break(())` to cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'a> {
    /// What is being done. A merge has two stages, each counted from 0.
    pub stage: Stage,
    /// The tensor at hand.
    pub tensor: &'a str,
    /// Parameters done in this stage.
    pub done: u64,
    /// Parameters in all.
    pub total: u64,
}

/// Counts one stage.
pub(crate) struct Meter<'a> {
    stage: Stage,
    done: u64,
    total: u64,
    report: &'a mut dyn FnMut(Progress<'_>) -> ControlFlow<()>,
}

impl<'a> Meter<'a> {
    pub fn new(
        stage: Stage,
        tensors: &[TensorInfo],
        report: &'a mut dyn FnMut(Progress<'_>) -> ControlFlow<()>,
    ) -> Self {
        let total = tensors.iter().map(|info| info.elements() as u64).sum();
        Self { stage, done: 0, total, report }
    }

    /// Reports `elements` more, or fails with [`MergeError::Cancelled`].
    pub fn advance(&mut self, tensor: &str, elements: usize) -> Result<(), MergeError> {
        self.done += elements as u64;
        match (self.report)(Progress { stage: self.stage, tensor, done: self.done, total: self.total }) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(MergeError::Cancelled),
        }
    }
}
