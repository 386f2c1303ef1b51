//! A merge in steps, for hosts that cannot wait: a few tiles at a time, of statistics or to write.

use maec_checkpoint::ModelHasher;

use super::pipeline::Cutter;
use super::schedule::Schedule;
use super::{Event, Job, Pool, Shard, TILE, TILES_PER_THREAD};
use crate::MergeError;

/// A job being merged, after [`Job::prepare`] has nothing left to do. What it answers is written by whoever asks.
pub struct Run<'j> {
    schedule: Schedule<'j>,
    cutter: Cutter<'j>,
}

impl<'j> Run<'j> {
    /// Begins with the first tensor.
    pub fn new(job: &'j dyn Job, shards: &'j [Shard]) -> Self {
        let cutter = Cutter::new(job.outputs(), 0, shards, ModelHasher::new());
        Self { schedule: Schedule::new(job, 0), cutter }
    }

    /// What is to be written next, in order, and `None` when all is merged. A step looks at no more than about so many tiles for
    /// statistics, merges no more than a few, and may have nothing to write.
    ///
    /// # Errors
    ///
    /// As the job and its inputs have them.
    pub fn step(&mut self, pool: &Pool, most_tiles: usize) -> Result<Option<Vec<Event>>, MergeError> {
        if self.schedule.is_done() {
            return Ok(None);
        }
        let Self { schedule, cutter } = self;
        let mut events = Vec::new();
        pool.alone(|scratch| {
            let (mut looks, mut elements) = (0, 0);
            while looks < most_tiles && elements < TILES_PER_THREAD * TILE {
                let Some(task) = schedule.take(true)? else { break };
                looks += usize::from(task.is_look());
                let Some((_, tile)) = schedule.give(task.run(scratch)?) else { continue };
                elements += tile.elements;
                cutter.take(tile.index, tile.bytes, &mut |event| {
                    events.push(event);
                    Ok(())
                })?;
            }
            Ok(Some(events))
        })
    }

    /// The model hash of what was merged, 64 hex digits.
    pub fn finish(self) -> String {
        self.cutter.finish()
    }
}
