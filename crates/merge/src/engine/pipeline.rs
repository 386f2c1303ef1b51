//! Hashing beside merging: natively on a thread of its own, which hands on what is written.

use maec_checkpoint::{ModelHasher, TensorInfo};

use super::{Output, Send, Shard};
use crate::MergeError;

/// Merged tiles that may wait to be hashed.
pub(super) const WAITING: usize = 16;

/// Runs `merge`, which sends tiles in the output's order from tensor `done` on, and writes and hashes them. Returns the
/// model hash.
pub(super) fn run(
    outputs: &[TensorInfo],
    done: usize,
    shards: &[Shard],
    hasher: ModelHasher,
    output: &mut dyn Output,
    merge: impl FnOnce(&mut Send<'_>) -> Result<(), MergeError>,
) -> Result<String, MergeError> {
    let mut writer = Writer { outputs, shards, next: done, due: 0, hasher, output };
    #[cfg(target_arch = "wasm32")]
    merge(&mut |index, bytes| writer.take(index, bytes))?;
    #[cfg(not(target_arch = "wasm32"))]
    {
        let (sender, receiver) = std::sync::mpsc::sync_channel::<(usize, Vec<u8>)>(WAITING);
        writer = std::thread::scope(|scope| {
            let writing = scope.spawn(move || {
                for (index, bytes) in receiver {
                    writer.take(index, bytes)?;
                }
                Ok(writer)
            });
            // A writer that failed hangs up; its own error is the one to tell.
            let merged =
                merge(&mut |index, bytes| sender.send((index, bytes)).map_err(|_| MergeError::Cancelled));
            drop(sender);
            let written = writing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            match (written, merged) {
                (Err(error), _) | (Ok(_), Err(error)) => Err(error),
                (Ok(writer), Ok(())) => Ok(writer),
            }
        })?;
    }
    Ok(writer.hasher.finish())
}

struct Writer<'a> {
    outputs: &'a [TensorInfo],
    shards: &'a [Shard],
    /// The tensor that comes next, or is being written.
    next: usize,
    /// Bytes still due of it; 0 before it begins.
    due: usize,
    hasher: ModelHasher,
    output: &'a mut dyn Output,
}

impl Writer<'_> {
    /// Takes the next bytes of a tensor.
    fn take(&mut self, index: usize, bytes: Vec<u8>) -> Result<(), MergeError> {
        debug_assert_eq!(index, self.next, "tiles come in the output's order");
        if self.due == 0 {
            if let Some(shard) = self.shards.iter().find(|shard| shard.tensors.start == index) {
                self.output.begin(shard)?;
                self.output.write(shard.header.clone())?;
            }
            self.hasher.begin(&self.outputs[index]);
            self.due = self.outputs[index].bytes();
        }
        self.hasher.update(&bytes);
        self.due -= bytes.len();
        self.output.write(bytes)?;
        if self.due == 0 {
            self.output.wrote(index)?;
            self.next = index + 1;
            if self.shards.iter().any(|shard| shard.tensors.end == self.next) {
                self.output.end()?;
            }
        }
        Ok(())
    }
}
