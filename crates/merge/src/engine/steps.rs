//! A merge in steps, for hosts that cannot wait: a wave of tiles, or some tiles of a tensor's statistics, at a time.

use std::collections::VecDeque;
use std::ops::Range;

use maec_checkpoint::{ModelHasher, TensorInfo, dtype};

use super::pipeline::Cutter;
use super::{Event, Job, Pool, Shard, TILE, TILES_PER_THREAD, TensorMerge, ranges};
use crate::MergeError;
use crate::methods::Totals;

/// A job being merged, after [`Job::prepare`] has nothing left to do. What it answers is written by whoever asks.
pub struct Run<'j> {
    merging: Merging<'j>,
    cutter: Cutter<'j>,
}

impl<'j> Run<'j> {
    /// Begins with the first tensor.
    pub fn new(job: &'j dyn Job, shards: &'j [Shard]) -> Self {
        let cutter = Cutter::new(job.outputs(), 0, shards, ModelHasher::new());
        Self { merging: Merging::new(job, 0), cutter }
    }

    /// What is to be written next, in order: nothing after a step that read statistics, of at most so many tiles for each
    /// thread, and `None` when all is merged.
    ///
    /// # Errors
    ///
    /// As the job and its inputs have them.
    pub fn step(&mut self, pool: &Pool, most_tiles: usize) -> Result<Option<Vec<Event>>, MergeError> {
        let Some(merged) = self.merging.step(pool, most_tiles)? else { return Ok(None) };
        let mut events = Vec::new();
        for tile in merged {
            self.cutter.take(tile.index, tile.bytes, &mut |event| {
                events.push(event);
                Ok(())
            })?;
        }
        Ok(Some(events))
    }

    /// The model hash of what was merged, 64 hex digits.
    pub fn finish(self) -> String {
        self.cutter.finish()
    }
}

/// A tile that is merged.
pub(super) struct MergedTile {
    /// The tensor's place in the output.
    pub index: usize,
    pub elements: usize,
    /// As they are stored.
    pub bytes: Vec<u8>,
}

/// The tensors of a job, surveyed and merged in the output's order.
pub(super) struct Merging<'j> {
    job: &'j dyn Job,
    /// The tensor that comes next.
    next: usize,
    /// Those of which tiles wait to be merged; the last may have more to come.
    open: Vec<Open<'j>>,
    /// Place in `open`, and the elements.
    wave: Vec<(usize, Range<usize>)>,
    /// Of all tiles in the wave.
    elements: usize,
}

/// A tensor at work.
struct Open<'j> {
    index: usize,
    info: &'j TensorInfo,
    tensor: Box<dyn TensorMerge + 'j>,
    /// The round of statistics that is under way.
    totals: Option<Totals>,
    /// The tiles that the round, or the merge, has yet to come to.
    left: VecDeque<Range<usize>>,
    is_ready: bool,
}

impl<'j> Merging<'j> {
    /// Begins with the tensor of a place.
    pub fn new(job: &'j dyn Job, next: usize) -> Self {
        Self { job, next, open: Vec::new(), wave: Vec::new(), elements: 0 }
    }

    /// Merges the next wave, or reads statistics of a tensor; `None` when all is done.
    pub fn step(&mut self, pool: &Pool, most_tiles: usize) -> Result<Option<Vec<MergedTile>>, MergeError> {
        while self.elements < pool.threads() * TILES_PER_THREAD * TILE {
            let unfinished = self.open.last_mut().filter(|open| !open.is_whole());
            let Some(open) = unfinished else {
                let Some(info) = self.job.outputs().get(self.next) else { break };
                self.open.push(Open::new(self.next, info, self.job.tensor(self.next)?));
                self.next += 1;
                continue;
            };
            if open.survey(pool, most_tiles)? {
                return Ok(Some(Vec::new()));
            }
            if let Some(range) = open.left.pop_front() {
                self.elements += range.len();
                self.wave.push((self.open.len() - 1, range));
            }
        }
        if self.wave.is_empty() {
            return Ok(None);
        }
        self.elements = 0;
        let open = &self.open;
        let merged = pool.map(std::mem::take(&mut self.wave), |scratch, (place, range)| {
            let Open { index, info, tensor, .. } = &open[place];
            let elements = range.len();
            let mut bytes = Vec::with_capacity(elements * dtype::bytes_per_element(info.dtype));
            if elements > 0 {
                tensor.merge(range, scratch, &mut bytes)?;
            }
            Ok(MergedTile { index: *index, elements, bytes })
        })?;
        self.open.retain(|open| !open.is_whole());
        Ok(Some(merged))
    }
}

impl<'j> Open<'j> {
    fn new(index: usize, info: &'j TensorInfo, tensor: Box<dyn TensorMerge + 'j>) -> Self {
        let left = work(info, tensor.as_ref());
        Self { index, info, tensor, totals: None, left, is_ready: false }
    }

    /// Whether all its tiles have been handed out.
    fn is_whole(&self) -> bool {
        self.is_ready && self.left.is_empty()
    }

    /// Goes on with the statistics; `false` where there are none to take.
    fn survey(&mut self, pool: &Pool, most_tiles: usize) -> Result<bool, MergeError> {
        let sizes = match (self.is_ready, self.tensor.next()) {
            (false, Some(sizes)) => sizes,
            _ => {
                self.is_ready = true;
                return Ok(false);
            }
        };
        let totals = self.totals.get_or_insert_with(|| Totals::new(sizes));
        let most = most_tiles.saturating_mul(pool.threads());
        let some: Vec<_> = self.left.drain(..most.clamp(1, self.left.len())).collect();
        let tensor = &self.tensor;
        pool.gather(totals, some, |scratch, range, totals| tensor.look(range, scratch, totals))?;
        if self.left.is_empty() {
            self.tensor.learn(totals);
            self.totals = None;
            self.left = work(self.info, self.tensor.as_ref());
        }
        Ok(true)
    }
}

/// The ranges that are looked at next, or merged; of a tensor without elements, one without elements.
fn work(info: &TensorInfo, tensor: &dyn TensorMerge) -> VecDeque<Range<usize>> {
    match info.elements() {
        0 => std::iter::once(0..0).collect(),
        elements => ranges(tensor, elements).into(),
    }
}
