//! The streaming engine: any model in bounded memory, the same bytes on every host and for every number of threads.
//!
//! A [`Job`] knows its output's tensors from headers alone, so every file's header is written first. Then come tiles, in the
//! output's order: a wave of them is merged on all threads while the one before is hashed and written. A method that needs
//! statistics of a tensor reads its tiles once more for each round; what it needs of the whole model is read before the first
//! byte is written.

#[cfg(not(target_arch = "wasm32"))]
mod behind;
#[cfg(not(target_arch = "wasm32"))]
mod files;
mod output;
mod pipeline;
mod pool;
mod shards;
mod source;
mod tensor;

use std::ops::ControlFlow;

use maec_checkpoint::{ModelHasher, TensorInfo};

#[cfg(not(target_arch = "wasm32"))]
pub use files::{FilesOutput, remove_journal};
pub use output::{MemoryOutput, Output};
pub use pool::Pool;
pub use shards::{Shard, index, shards};
pub use source::Source;
pub(crate) use tensor::with_tile;
pub use tensor::{Copied, Merged, Scratch, TensorMerge};

use crate::methods::Totals;
use crate::progress::Meter;
use crate::{MergeError, Progress, Stage};

/// Elements of a tile, where its granule allows. Sums of statistics are added tile by tile, so it never changes.
pub const TILE: usize = 64 * 1024;

/// Tiles of a wave for every thread.
pub(crate) const TILES_PER_THREAD: usize = 8;

/// What is to be merged.
pub trait Job: Sync {
    /// The output's tensors, sorted by name.
    fn outputs(&self) -> &[TensorInfo];

    /// Learns what it needs of the whole model.
    fn prepare(&mut self, pool: &Pool, progress: &mut ProgressFn<'_>) -> Result<(), MergeError>;

    /// The tensor of a place in [`outputs`](Self::outputs), ready for its own statistics.
    fn tensor(&self, index: usize) -> Result<Box<dyn TensorMerge + '_>, MergeError>;
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
    job.prepare(pool, progress)?;
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
    pipeline::run(outputs, done, shards, hasher, output, |send| {
        let mut wave = Wave::new(pool);
        for (index, info) in outputs.iter().enumerate().skip(done) {
            let mut tensor = job.tensor(index)?;
            survey(tensor.as_mut(), info.elements(), pool)?;
            wave.push(index, info, tensor, send, &mut meter)?;
        }
        wave.flush(send, &mut meter)
    })
}

/// The ranges of flat indices that tile a tensor, in order.
pub(crate) fn tiles(elements: usize, granule: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    let tile = (TILE / granule.max(1)).max(1) * granule.max(1);
    (0..elements).step_by(tile).map(move |start| start..elements.min(start + tile))
}

/// Most bytes that the buffers of a merge take, for so many threads, inputs of a tensor, and elements that must stand in one
/// tile together.
pub fn memory_bytes(threads: usize, inputs: usize, granule: usize) -> u64 {
    let tile = tiles(usize::MAX, granule).next().map_or(TILE, |range| range.len());
    // Each thread widens every input's tile and the merged one to f32, and reads a stored one.
    let buffers = threads * (inputs + 2) * tile * size_of::<f32>();
    // A wave is merged while the ones before it wait to be hashed and, as many again, to be written.
    let waves = (threads * TILES_PER_THREAD * TILE + (2 * pipeline::WAITING + 2) * tile) * size_of::<f32>();
    // Counts of a survey: 2¹⁶ for each model in each run of tiles.
    let counts = 2 * threads * inputs * (1 << 16) * size_of::<u64>();
    (buffers + waves + counts) as u64
}

/// A tensor's rounds of statistics.
pub(crate) fn survey(tensor: &mut dyn TensorMerge, elements: usize, pool: &Pool) -> Result<(), MergeError> {
    while let Some(sizes) = tensor.next() {
        let of = &*tensor;
        let totals =
            pool.totals(sizes, tiles(elements, of.granule()), |scratch, range, totals: &mut Totals| {
                of.look(range, scratch, totals)
            })?;
        tensor.learn(&totals);
    }
    Ok(())
}

/// Tiles of one or more tensors that are merged at once.
struct Wave<'j, 'p> {
    pool: &'p Pool,
    tensors: Vec<(usize, &'j TensorInfo, Box<dyn TensorMerge + 'j>)>,
    /// Place in `tensors`, and the elements.
    tiles: Vec<(usize, std::ops::Range<usize>)>,
    /// Of all its tiles.
    elements: usize,
}

/// Takes the merged bytes of a tensor's next tile.
type Send<'s> = dyn FnMut(usize, Vec<u8>) -> Result<(), MergeError> + 's;

impl<'j, 'p> Wave<'j, 'p> {
    fn new(pool: &'p Pool) -> Self {
        Self { pool, tensors: Vec::new(), tiles: Vec::new(), elements: 0 }
    }

    fn push(
        &mut self,
        index: usize,
        info: &'j TensorInfo,
        tensor: Box<dyn TensorMerge + 'j>,
        send: &mut Send<'_>,
        meter: &mut Meter<'_>,
    ) -> Result<(), MergeError> {
        let granule = tensor.granule();
        self.tensors.push((index, info, tensor));
        if info.elements() == 0 {
            self.flush(send, meter)?;
            return send(index, Vec::new());
        }
        for range in tiles(info.elements(), granule) {
            self.elements += range.len();
            self.tiles.push((self.tensors.len() - 1, range));
            if self.elements >= self.pool.threads() * TILES_PER_THREAD * TILE {
                self.run(send, meter)?;
            }
        }
        Ok(())
    }

    /// Merges what has gathered; tensors stay for tiles still to come.
    fn run(&mut self, send: &mut Send<'_>, meter: &mut Meter<'_>) -> Result<(), MergeError> {
        self.elements = 0;
        let tensors = &self.tensors;
        let merged = self.pool.map(std::mem::take(&mut self.tiles), |scratch, (place, range)| {
            let (_, info, tensor) = &tensors[place];
            let mut bytes =
                Vec::with_capacity(range.len() * maec_checkpoint::dtype::bytes_per_element(info.dtype));
            tensor.merge(range.clone(), scratch, &mut bytes)?;
            Ok((place, range.len(), bytes))
        })?;
        for (place, elements, bytes) in merged {
            let (index, info, _) = &self.tensors[place];
            send(*index, bytes)?;
            meter.advance(&info.name, elements)?;
        }
        let last = self.tensors.len() - 1;
        self.tensors.drain(..last);
        Ok(())
    }

    fn flush(&mut self, send: &mut Send<'_>, meter: &mut Meter<'_>) -> Result<(), MergeError> {
        if !self.tiles.is_empty() {
            self.run(send, meter)?;
        }
        self.tensors.clear();
        Ok(())
    }
}
