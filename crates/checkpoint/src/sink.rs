//! Where bytes go.

use std::sync::{Arc, Mutex, PoisonError};

use crate::Error;

/// A run of bytes being written. What is dropped before [`ByteSink::finish`] leaves nothing behind.
pub trait ByteSink {
    /// Appends bytes.
    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Error>;

    /// Makes the whole visible under its final name.
    fn finish(self: Box<Self>) -> Result<(), Error>;
}

/// A sink in memory; clones share their bytes, so that one can be kept while the other is written and finished.
#[derive(Debug, Clone, Default)]
pub struct MemorySink(Arc<Mutex<Vec<u8>>>);

impl MemorySink {
    /// An empty sink.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what has been written so far, leaving the sink empty.
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ByteSink for MemorySink {
    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), Error> {
        Ok(())
    }
}
