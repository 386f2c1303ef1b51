//! A store in memory: for tests, and for a page that may keep nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{BlockFile, Store, StoreError};

/// Keeps everything in memory for as long as it lives. Clones share what they hold.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore(Arc<Mutex<BTreeMap<String, MemoryFile>>>);

/// A file of a [`MemoryStore`].
#[derive(Debug, Clone, Default)]
pub struct MemoryFile(Arc<Mutex<Parts>>);

#[derive(Debug, Default)]
struct Parts {
    bytes: Vec<u8>,
    journal: Vec<u8>,
}

impl MemoryFile {
    fn parts(&self) -> MutexGuard<'_, Parts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    type File = MemoryFile;

    async fn open(&self, folder: &str, name: &str) -> Result<MemoryFile, StoreError> {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(files.entry(format!("{folder}/{name}")).or_default().clone())
    }
}

impl BlockFile for MemoryFile {
    fn len(&self) -> Result<u64, StoreError> {
        Ok(self.parts().bytes.len() as u64)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), StoreError> {
        let parts = self.parts();
        let part =
            usize::try_from(offset).ok().and_then(|at| parts.bytes.get(at..at.checked_add(buf.len())?));
        let ends = || StoreError::Io { name: "memory".into(), reason: "it ends before".into() };
        buf.copy_from_slice(part.ok_or_else(ends)?);
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), StoreError> {
        let full = || StoreError::Full { name: "memory".into() };
        let start = usize::try_from(offset).map_err(|_| full())?;
        let end = start.checked_add(bytes.len()).ok_or_else(full)?;
        let mut parts = self.parts();
        if parts.bytes.len() < end {
            let more = end - parts.bytes.len();
            parts.bytes.try_reserve(more).map_err(|_| full())?;
            parts.bytes.resize(end, 0);
        }
        parts.bytes[start..end].copy_from_slice(bytes);
        Ok(())
    }

    fn journal(&self) -> Result<Vec<u8>, StoreError> {
        Ok(self.parts().journal.clone())
    }

    fn append(&self, lines: &[u8]) -> Result<(), StoreError> {
        self.parts().journal.extend_from_slice(lines);
        Ok(())
    }

    fn clear(&self) -> Result<(), StoreError> {
        *self.parts() = Parts::default();
        Ok(())
    }

    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn finish(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
