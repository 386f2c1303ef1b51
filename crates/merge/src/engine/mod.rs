//! The streaming engine: any model in bounded memory, the same bytes on every host and for every number of threads.
//!
//! A [`Job`] knows its output's tensors from headers alone, so every file's header is written first. Then come tiles, in the
//! output's order: they are merged on all threads while those before them are hashed and written. A method that needs
//! statistics of a tensor looks at its tiles once more for each round, or at a sample; some tiles are kept from one round to the
//! next. What it needs of the whole model is read before the first byte is written.

#[cfg(not(target_arch = "wasm32"))]
mod behind;
#[cfg(not(target_arch = "wasm32"))]
mod crew;
#[cfg(not(target_arch = "wasm32"))]
mod files;
mod kept;
mod output;
mod pipeline;
mod pool;
mod round;
mod sample;
mod schedule;
mod shards;
mod source;
mod steps;
mod tensor;

use std::ops::{ControlFlow, Range};

use maec_checkpoint::{ModelHasher, TensorInfo};

#[cfg(not(target_arch = "wasm32"))]
pub use files::{FilesOutput, remove_journal};
pub use kept::Shelf;
pub use output::{Event, MemoryOutput, Output};
pub use pool::Pool;
pub use shards::{Shard, index, shards};
pub use source::Source;
pub use steps::Run;
pub use tensor::{Copied, Merged, Scratch, TensorMerge};
pub(crate) use tensor::{PART, with_tile};

/// Tiles that may wait to be written.
const WAITING: usize = 16;

pub(crate) use sample::SAMPLED;

use pipeline::Cutter;
use schedule::{MergedTile, Schedule};

use crate::methods::Totals;
use crate::progress::Meter;
use crate::{MergeError, Progress, Stage};

/// Elements of a tile, where its granule allows. Sums of statistics are added tile by tile, so it never changes.
pub const TILE: usize = 64 * 1024;

/// Tiles for every thread that are merged and wait for their turn, or that a step merges.
pub(crate) const TILES_PER_THREAD: usize = 8;

/// What is to be merged.
pub trait Job: Sync {
    /// The output's tensors, sorted by name.
    fn outputs(&self) -> &[TensorInfo];

    /// Learns something more of the whole model from at most so many tiles for each thread, or so: what it read, and `None`
    /// when it knows all that it needs.
    fn prepare(&mut self, pool: &Pool, most_tiles: usize) -> Result<Option<Learned>, MergeError>;

    /// The tensor of a place in [`outputs`](Self::outputs), ready for its own statistics.
    fn tensor(&self, index: usize) -> Result<Box<dyn TensorMerge + '_>, MergeError>;
}

/// What a step of [`Job::prepare`] read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Learned {
    /// The tensor, or the last of several: its place in the output.
    pub tensor: usize,
    /// Elements of the output.
    pub elements: usize,
}

/// Is told how far a merge has come; answers whether to go on.
pub type ProgressFn<'p> = dyn FnMut(Progress<'_>) -> ControlFlow<()> + 'p;

/// Runs a job into an output, whose files it leaves unfinished: on an error the caller drops them. Returns the model hash,
/// 64 hex digits.
///
/// # Errors
///
/// As the job, the output and the inputs have them, and [`MergeError::Cancelled`].
pub fn run(
    job: &mut dyn Job,
    shards: &[Shard],
    output: &mut dyn Output,
    pool: &Pool,
    progress: &mut ProgressFn<'_>,
) -> Result<String, MergeError> {
    prepare(job, pool, progress)?;
    let job = &*job;
    let outputs = job.outputs();
    let mut hasher = ModelHasher::new();
    let mut open = None;
    let done = output.resume(shards, &mut |index, bytes| {
        if open.replace(index) != Some(index) {
            hasher.begin(&outputs[index]);
        }
        hasher.update(bytes);
    })?;
    let mut meter = Meter::new(Stage::Merge, outputs, progress);
    for info in &outputs[..done] {
        meter.advance(&info.name, info.elements())?;
    }
    let mut cutter = Cutter::new(outputs, done, shards, hasher);
    let mut put = |event| {
        match event {
            Event::Begin(shard) => output.begin(&shards[shard]),
            Event::Bytes(bytes) => output.write(bytes),
            Event::Wrote(tensor) => output.wrote(tensor),
            Event::End => output.end(),
        }
        .map_err(MergeError::from)
    };
    pipeline::run(Schedule::new(job, done), pool, &mut |MergedTile { index, elements, bytes }| {
        cutter.take(index, bytes, &mut put)?;
        meter.advance(&outputs[index].name, elements)
    })?;
    Ok(cutter.finish())
}

/// Has a job learn all that it needs of the whole model.
pub(crate) fn prepare(
    job: &mut dyn Job,
    pool: &Pool,
    progress: &mut ProgressFn<'_>,
) -> Result<(), MergeError> {
    let total = job.outputs().iter().map(|info| info.elements() as u64).sum();
    let mut done = 0;
    while let Some(learned) = job.prepare(pool, usize::MAX)? {
        // Another round begins anew.
        done = if done >= total { 0 } else { done } + learned.elements as u64;
        let tensor = &job.outputs()[learned.tensor].name;
        if progress(Progress { stage: Stage::Statistics, tensor, done, total }).is_break() {
            return Err(MergeError::Cancelled);
        }
    }
    Ok(())
}

/// The ranges of flat indices that tile a tensor, in order.
pub(crate) fn tiles(elements: usize, granule: usize) -> impl Iterator<Item = Range<usize>> {
    let tile = (TILE / granule.max(1)).max(1) * granule.max(1);
    (0..elements).step_by(tile).map(move |start| start..elements.min(start + tile))
}

/// The ranges of a tensor of so many elements that are looked at next, or merged: those of a sample where that is enough, else
/// its tiles.
pub fn ranges(tensor: &dyn TensorMerge, elements: usize) -> Vec<Range<usize>> {
    match tensor.next().map_or(0, |sizes| sizes.sample) {
        0 => tiles(elements, tensor.granule()).collect(),
        sample => sample::ranges(elements, tensor.granule(), sample).collect(),
    }
}

/// Most bytes that the buffers of a merge take, for so many threads, inputs of a tensor, and elements that must stand in one
/// tile together.
pub fn memory_bytes(threads: usize, inputs: usize, granule: usize) -> u64 {
    let tile = tiles(usize::MAX, granule).next().map_or(TILE, |range| range.len());
    // Each thread reads a tile of every input, and may widen it and the merged one to f32.
    let buffers = threads * (inputs + 2) * tile * size_of::<f32>();
    // Merged tiles wait to be hashed and to be written.
    let waves = (threads * TILES_PER_THREAD + WAITING + 2) * tile * size_of::<f32>();
    // A survey's lists on each thread, which take as much as 2¹⁶ counts, and all together.
    let lists = inputs * (threads * Totals::LISTED + Totals::LISTED_IN_ALL) * size_of::<u32>();
    (buffers + waves + lists + kept::KEPT_BYTES) as u64
}

/// A tensor's rounds of statistics.
pub(crate) fn survey(tensor: &mut dyn TensorMerge, elements: usize, pool: &Pool) -> Result<(), MergeError> {
    while let Some(sizes) = tensor.next() {
        let (of, mut totals) = (&*tensor, Totals::new(sizes));
        pool.gather(&mut totals, ranges(of, elements), |scratch, range, totals| {
            of.look(range, scratch, totals)
        })?;
        tensor.learn(&totals);
    }
    Ok(())
}
