//! The origin's private file system.

mod file;
mod folder;
mod quota;
mod sink;

use maec_hub::{Store, StoreError};

use file::Handle;
pub use file::OpfsFile;
use folder::Folder;
pub use folder::{opfs_file, remove as opfs_remove};
pub use quota::{Estimate, persist, persisted, storage_estimate};
pub use sink::{OpfsSink, OpfsSource};

/// The hub's blocks, kept between visits: for each file `NAME.bytes` and its journal `NAME.blocks`. While a file is open, the browser
/// keeps other tabs away from it.
#[derive(Debug, Clone)]
pub struct OpfsStore {
    root: String,
}

impl Default for OpfsStore {
    /// The store below the folder `hub`.
    fn default() -> Self {
        Self::new("hub")
    }
}

impl OpfsStore {
    /// A store below a folder of the origin, a relative path.
    pub fn new(root: impl Into<String>) -> Self {
        Self { root: root.into() }
    }

    /// Whether this browser lets this page keep files.
    pub async fn is_usable(&self) -> bool {
        Folder::open(&self.root).await.is_ok()
    }

    /// Removes everything that is kept. Fails with [`StoreError::Busy`] where a file of it is open.
    pub async fn clear(&self) -> Result<(), StoreError> {
        folder::remove(&self.root).await
    }
}

impl Store for OpfsStore {
    type File = OpfsFile;

    async fn open(&self, folder: &str, name: &str) -> Result<OpfsFile, StoreError> {
        let path = format!("{}/{folder}/{name}", self.root);
        let (parent, last) = path.rsplit_once('/').unwrap_or(("", &path));
        let parent = Folder::open(parent).await?;
        let journal = Handle::open(&parent, &format!("{last}.blocks"), name).await?;
        let bytes = Handle::open(&parent, &format!("{last}.bytes"), name).await?;
        Ok(OpfsFile::new(bytes, journal))
    }
}
