//! Where fetched blocks are kept.

use std::future::Future;

/// Files of fetched blocks, by folder and name.
pub trait Store {
    /// An open file.
    type File: BlockFile + 'static;

    /// Opens a file for this program alone, making it where it is new. `folder` and `name` are relative paths with `/`
    /// between plain parts. Fails with [`StoreError::Busy`] where another program or tab has it.
    fn open(&self, folder: &str, name: &str) -> impl Future<Output = Result<Self::File, StoreError>>;
}

/// A file's bytes and its journal: lines that say which of them are whole.
///
/// The journal is only appended to, so that being killed costs its last line at most.
pub trait BlockFile: Send + Sync {
    /// Length of the bytes.
    fn len(&self) -> Result<u64, StoreError>;

    /// Whether there are no bytes.
    fn is_empty(&self) -> Result<bool, StoreError> {
        Ok(self.len()? == 0)
    }

    /// Fills `buf` from `offset`; fails where the bytes end before.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), StoreError>;

    /// Writes at `offset`, lengthening the file as needed.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), StoreError>;

    /// The whole journal.
    fn journal(&self) -> Result<Vec<u8>, StoreError>;

    /// Appends to the journal.
    fn append(&self, lines: &[u8]) -> Result<(), StoreError>;

    /// Empties bytes and journal.
    fn clear(&self) -> Result<(), StoreError>;

    /// Brings the bytes to the disk.
    fn sync(&self) -> Result<(), StoreError>;

    /// The journal calls the bytes complete: gives them their final name, where the store has such.
    fn finish(&self) -> Result<(), StoreError>;
}

/// Why the cache can't be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another program, or another tab, has the file.
    #[error("`{name}` is being fetched by another program or tab; wait for it or close it")]
    Busy {
        /// The file.
        name: String,
    },
    /// No space is left.
    #[error("there is no space left to keep `{name}`; free some and try again, what was fetched is kept")]
    Full {
        /// The file.
        name: String,
    },
    /// Anything else that the system says.
    #[error("the cache file `{name}` can't be used: {reason}; check the cache's folder and its permissions")]
    Io {
        /// The file.
        name: String,
        /// What the system said.
        reason: String,
    },
}
