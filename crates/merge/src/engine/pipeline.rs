//! Hashing beside merging: natively on a thread of its own, which hands on what is written.

use maec_checkpoint::{ModelHasher, TensorInfo};

use super::{Event, Output, Send, Shard};
use crate::MergeError;

/// Merged tiles that may wait to be hashed.
pub(super) const WAITING: usize = 16;

/// Runs `merge`, which sends tiles in the output's order, and writes and hashes them. Returns the model hash.
pub(super) fn run(
    mut cutter: Cutter<'_>,
    shards: &[Shard],
    output: &mut dyn Output,
    merge: impl FnOnce(&mut Send<'_>) -> Result<(), MergeError>,
) -> Result<String, MergeError> {
    let mut put = |event| {
        match event {
            Event::Begin(shard) => output.begin(&shards[shard]),
            Event::Bytes(bytes) => output.write(bytes),
            Event::Wrote(tensor) => output.wrote(tensor),
            Event::End => output.end(),
        }
        .map_err(MergeError::from)
    };
    #[cfg(target_arch = "wasm32")]
    merge(&mut |index, bytes| cutter.take(index, bytes, &mut put))?;
    #[cfg(not(target_arch = "wasm32"))]
    {
        let (sender, receiver) = std::sync::mpsc::sync_channel::<(usize, Vec<u8>)>(WAITING);
        cutter = std::thread::scope(|scope| {
            let writing = scope.spawn(move || {
                for (index, bytes) in receiver {
                    cutter.take(index, bytes, &mut put)?;
                }
                Ok(cutter)
            });
            // A writer that failed hangs up; its own error is the one to tell.
            let merged =
                merge(&mut |index, bytes| sender.send((index, bytes)).map_err(|_| MergeError::Cancelled));
            drop(sender);
            let written = writing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            match (written, merged) {
                (Err(error), _) | (Ok(_), Err(error)) => Err(error),
                (Ok(cutter), Ok(())) => Ok(cutter),
            }
        })?;
    }
    Ok(cutter.finish())
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
