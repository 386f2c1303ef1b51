//! Where bytes come from.

use std::sync::Arc;

use crate::Error;

/// Random access to a fixed run of bytes: a file, memory, or a part of a download.
pub trait ByteSource: Send + Sync {
    /// Length in bytes.
    fn len(&self) -> u64;

    /// Fills `buf` with the bytes at `offset`, or fails with [`Error::Truncated`].
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), Error>;

    /// What messages call it: a path or a title.
    fn name(&self) -> &str;

    /// Whether there are no bytes at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Bytes in memory.
#[derive(Debug, Clone)]
pub struct MemorySource {
    name: String,
    bytes: Arc<[u8]>,
}

impl MemorySource {
    /// Bytes that messages call `name`.
    pub fn new(name: impl Into<String>, bytes: impl Into<Arc<[u8]>>) -> Self {
        Self { name: name.into(), bytes: bytes.into() }
    }
}

impl ByteSource for MemorySource {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), Error> {
        let part = usize::try_from(offset)
            .ok()
            .and_then(|start| self.bytes.get(start..start.checked_add(buf.len())?))
            .ok_or_else(|| Error::Truncated { name: self.name.clone(), len: self.len() })?;
        buf.copy_from_slice(part);
        Ok(())
    }

    fn name(&self) -> &str {
        &self.name
    }
}
