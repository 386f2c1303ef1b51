//! What a merge will read, write and hold, before it does.

use serde::Serialize;

use super::ConfigJob;
use crate::engine::{self, Job, Shard};

/// A merge before a weight is read.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConfigPlan {
    /// The method's name.
    pub method: &'static str,
    /// What it computes.
    pub formula: &'static str,
    /// Tensors of the output.
    pub tensors: usize,
    /// Layers of the output.
    pub layers: usize,
    /// Parameters of the output.
    pub parameters: u64,
    /// Bytes of the inputs' tensors, each counted as often as it is read.
    pub bytes_read: u64,
    /// How often that is: once to merge, and once for each round of statistics.
    pub passes: usize,
    /// Bytes of the output's files.
    pub bytes_written: u64,
    /// The output's files, with their lengths in bytes.
    pub files: Vec<(String, u64)>,
    /// Most bytes of buffers, beside the program itself.
    pub memory_bytes: u64,
    /// Threads that this counts with.
    pub threads: usize,
}

impl ConfigJob<'_> {
    /// The plan of this job, for an output in these files and so many threads.
    pub fn plan(&self, shards: &[Shard], threads: usize) -> ConfigPlan {
        let about = self.method().about();
        let passes = 1 + self.rounds();
        ConfigPlan {
            method: about.name,
            formula: about.formula,
            tensors: self.outputs().len(),
            layers: self.layers(),
            parameters: self.outputs().iter().map(|info| info.elements() as u64).sum(),
            bytes_read: passes as u64 * self.bytes_per_pass(),
            passes,
            bytes_written: shards.iter().map(|shard| shard.bytes).sum(),
            files: shards.iter().map(|shard| (shard.file.clone(), shard.bytes)).collect(),
            memory_bytes: self.memory_bytes(threads),
            threads,
        }
    }

    /// Most bytes of buffers that the merge takes with so many threads.
    pub fn memory_bytes(&self, threads: usize) -> u64 {
        let inputs =
            self.tensors.iter().map(|tensor| tensor.inputs.len() + usize::from(tensor.base.is_some()));
        engine::memory_bytes(threads, inputs.max().unwrap_or(0), self.granule())
    }

    /// The most elements that must stand in one tile together.
    fn granule(&self) -> usize {
        let of = |index: usize| {
            self.with_settings(index, |settings| {
                self.method.kernel(settings).map_or(1, |kernel| kernel.granule())
            })
        };
        (0..self.tensors.len()).filter(|&index| !self.is_copied(index)).map(of).max().unwrap_or(1)
    }

    /// The most rounds of statistics that a tensor needs.
    fn rounds(&self) -> usize {
        let of = |index: usize| {
            self.with_settings(index, |settings| {
                let whole = self.method.whole(settings).ok().flatten().map_or(0, |survey| survey.rounds());
                whole + self.method.kernel(settings).map_or(0, |kernel| kernel.rounds())
            })
        };
        (0..self.tensors.len()).filter(|&index| !self.is_copied(index)).map(of).max().unwrap_or(0)
    }
}
