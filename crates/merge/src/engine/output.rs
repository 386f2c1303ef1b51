//! Where a merge's files go.

use maec_checkpoint::{Error, MemoryWeights, TensorInfo};

use super::Shard;

/// What is done next with a merge's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The file of this shard begins.
    Begin(usize),
    /// The next bytes of the file begun last, its header first.
    Bytes(Vec<u8>),
    /// The tensor of this place is whole.
    Wrote(usize),
    /// The file begun last is whole.
    End,
}

/// Files written one after the other. What is dropped unfinished is the implementor's to remove or to keep for a later run.
pub trait Output: Send {
    /// How many tensors are whole from a run that was cut off; their stored bytes go to `seen`, with the tensor's place, in
    /// order. Writing goes on after them.
    fn resume(&mut self, _shards: &[Shard], _seen: &mut dyn FnMut(usize, &[u8])) -> Result<usize, Error> {
        Ok(0)
    }

    /// Begins a file; its header is written next.
    fn begin(&mut self, shard: &Shard) -> Result<(), Error>;

    /// Appends bytes to the file begun last.
    fn write(&mut self, bytes: Vec<u8>) -> Result<(), Error>;

    /// The tensor of this place has been written whole.
    fn wrote(&mut self, _tensor: usize) -> Result<(), Error> {
        Ok(())
    }

    /// The file begun last is whole.
    fn end(&mut self) -> Result<(), Error>;
}

/// An output in memory.
#[derive(Debug, Default)]
pub struct MemoryOutput {
    /// Files by name, each with its header.
    pub files: Vec<(String, Vec<u8>)>,
}

impl Output for MemoryOutput {
    fn begin(&mut self, shard: &Shard) -> Result<(), Error> {
        self.files.push((shard.file.clone(), Vec::new()));
        Ok(())
    }

    fn write(&mut self, bytes: Vec<u8>) -> Result<(), Error> {
        if let Some((_, file)) = self.files.last_mut() {
            file.extend_from_slice(&bytes);
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

impl MemoryOutput {
    /// The tensors of an output of these shards, as a model.
    ///
    /// # Errors
    ///
    /// Where files and tensors disagree.
    pub fn into_weights(self, tensors: &[TensorInfo], shards: &[Shard]) -> Result<MemoryWeights, Error> {
        let mut found = Vec::with_capacity(tensors.len());
        for ((_, file), shard) in self.files.into_iter().zip(shards) {
            let mut data = file.get(shard.header.len()..).unwrap_or_default();
            for info in &tensors[shard.tensors.clone()] {
                let (bytes, rest) = data.split_at(info.bytes().min(data.len()));
                found.push((info.clone(), bytes.to_vec()));
                data = rest;
            }
        }
        MemoryWeights::new("merged", found)
    }
}
