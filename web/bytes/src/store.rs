//! The store that this browser allows.

use maec_hub::{BlockFile, MemoryStore, Store, StoreError};

use crate::opfs::{OpfsFile, OpfsStore};

/// The origin's private file system, or memory where the browser gives none, as in some private windows.
#[derive(Debug, Clone)]
pub enum TabStore {
    /// Kept between visits.
    Opfs(OpfsStore),
    /// Kept while the tab is open.
    Memory(MemoryStore),
}

impl TabStore {
    /// Tries the private file system first.
    pub async fn choose() -> Self {
        let opfs = OpfsStore::default();
        if opfs.is_usable().await { Self::Opfs(opfs) } else { Self::Memory(MemoryStore::default()) }
    }

    /// Whether what is fetched is there on the next visit.
    pub fn is_kept(&self) -> bool {
        matches!(self, Self::Opfs(_))
    }
}

/// A file of a [`TabStore`].
pub struct TabFile(Box<dyn BlockFile>);

impl Store for TabStore {
    type File = TabFile;

    async fn open(&self, folder: &str, name: &str) -> Result<TabFile, StoreError> {
        Ok(TabFile(match self {
            Self::Opfs(store) => Box::<OpfsFile>::new(store.open(folder, name).await?),
            Self::Memory(store) => Box::new(store.open(folder, name).await?),
        }))
    }
}

impl std::fmt::Debug for TabFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TabFile").finish_non_exhaustive()
    }
}

impl BlockFile for TabFile {
    fn len(&self) -> Result<u64, StoreError> {
        self.0.len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), StoreError> {
        self.0.read_at(offset, buf)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), StoreError> {
        self.0.write_at(offset, bytes)
    }

    fn journal(&self) -> Result<Vec<u8>, StoreError> {
        self.0.journal()
    }

    fn append(&self, lines: &[u8]) -> Result<(), StoreError> {
        self.0.append(lines)
    }

    fn clear(&self) -> Result<(), StoreError> {
        self.0.clear()
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.0.sync()
    }

    fn finish(&self) -> Result<(), StoreError> {
        self.0.finish()
    }
}
