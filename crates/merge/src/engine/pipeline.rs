//! A schedule on all threads, and its tiles in order to whoever writes and hashes them.

use maec_checkpoint::{ModelHasher, TensorInfo};

use super::schedule::{MergedTile, Schedule};
use super::{Event, Pool, Shard};
use crate::MergeError;

/// Takes the tiles in the output's order.
type Take<'t> = dyn FnMut(MergedTile) -> Result<(), MergeError> + 't;

/// Does all work of a schedule on the pool's threads and hands every tile on, in order, on this one.
#[cfg(not(target_arch = "wasm32"))]
pub(super) fn run(schedule: Schedule<'_>, pool: &Pool, take: &mut Take<'_>) -> Result<(), MergeError> {
    super::crew::Crew::new(schedule, pool).run(pool, take)
}

/// Does all work of a schedule and hands every tile on.
#[cfg(target_arch = "wasm32")]
pub(super) fn run(mut schedule: Schedule<'_>, pool: &Pool, take: &mut Take<'_>) -> Result<(), MergeError> {
    pool.alone(|scratch| {
        while let Some(task) = schedule.take(true)? {
            if let Some((_, tile)) = schedule.give(task.run(scratch)?) {
                take(tile)?;
            }
        }
        Ok(())
    })
}

/// Puts headers, tiles and ends of files in order, and hashes.
pub(super) struct Cutter<'a> {
    outputs: &'a [TensorInfo],
    shards: &'a [Shard],
    /// The tensor that comes next, or is being written.
    next: usize,
    /// Bytes still due of it; 0 before it begins.
    due: usize,
    hasher: ModelHasher,
}

/// Is told what to do next with the files.
type Put<'p> = dyn FnMut(Event) -> Result<(), MergeError> + 'p;

impl<'a> Cutter<'a> {
    /// The first tensor to come has this place; `hasher` has seen those before it.
    pub fn new(outputs: &'a [TensorInfo], next: usize, shards: &'a [Shard], hasher: ModelHasher) -> Self {
        Self { outputs, shards, next, due: 0, hasher }
    }

    /// Takes the next bytes of a tensor.
    pub fn take(&mut self, index: usize, bytes: Vec<u8>, put: &mut Put<'_>) -> Result<(), MergeError> {
        debug_assert_eq!(index, self.next, "tiles come in the output's order");
        if self.due == 0 {
            if let Some(shard) = self.shards.iter().position(|shard| shard.tensors.start == index) {
                put(Event::Begin(shard))?;
                put(Event::Bytes(self.shards[shard].header.clone()))?;
            }
            self.hasher.begin(&self.outputs[index]);
            self.due = self.outputs[index].bytes();
        }
        self.hasher.update(&bytes);
        self.due -= bytes.len();
        put(Event::Bytes(bytes))?;
        if self.due == 0 {
            put(Event::Wrote(index))?;
            self.next = index + 1;
            if self.shards.iter().any(|shard| shard.tensors.end == self.next) {
                put(Event::End)?;
            }
        }
        Ok(())
    }

    /// The model hash of everything taken.
    pub fn finish(self) -> String {
        self.hasher.finish()
    }
}
