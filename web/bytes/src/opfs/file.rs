//! Files of the origin's private file system, read and written synchronously.

use maec_hub::{BlockFile, StoreError};
use send_wrapper::SendWrapper;
use web_sys::{FileSystemReadWriteOptions, FileSystemSyncAccessHandle};

use super::folder::{Folder, fail, wait};

/// A file that this worker alone has open, until it is dropped.
#[derive(Debug)]
pub(super) struct Handle {
    /// What messages call it.
    name: String,
    handle: SendWrapper<FileSystemSyncAccessHandle>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.handle.close();
    }
}

impl Handle {
    /// Opens or makes a file. Fails with [`StoreError::Busy`] where another tab, or another part of this one, has it.
    pub(super) async fn open(folder: &Folder, file: &str, name: &str) -> Result<Self, StoreError> {
        let file = folder.file(file).await?;
        let handle = wait(name, file.create_sync_access_handle()).await?;
        Ok(Self { name: name.into(), handle: SendWrapper::new(handle) })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn len(&self) -> Result<u64, StoreError> {
        // A whole number below 2⁵³.
        self.handle.get_size().map(|size| size as u64).map_err(|e| fail(&self.name, &e))
    }

    pub(super) fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), StoreError> {
        let mut at = 0;
        while at < buf.len() {
            let options = at_byte(offset + at as u64);
            let read = self.handle.read_with_u8_array_and_options(&mut buf[at..], &options);
            match read.map_err(|e| fail(&self.name, &e))? as usize {
                0 => return Err(StoreError::Io { name: self.name.clone(), reason: "it ends before".into() }),
                read => at += read,
            }
        }
        Ok(())
    }

    pub(super) fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), StoreError> {
        let mut at = 0;
        while at < bytes.len() {
            let options = at_byte(offset + at as u64);
            let written = self.handle.write_with_u8_array_and_options(&bytes[at..], &options);
            match written.map_err(|e| fail(&self.name, &e))? as usize {
                0 => return Err(StoreError::Full { name: self.name.clone() }),
                written => at += written,
            }
        }
        Ok(())
    }

    pub(super) fn truncate(&self) -> Result<(), StoreError> {
        self.handle.truncate_with_u32(0).map_err(|e| fail(&self.name, &e))
    }

    pub(super) fn flush(&self) -> Result<(), StoreError> {
        self.handle.flush().map_err(|e| fail(&self.name, &e))
    }
}

fn at_byte(offset: u64) -> FileSystemReadWriteOptions {
    let options = FileSystemReadWriteOptions::new();
    options.set_at_f64(offset as f64);
    options
}

/// Bytes and journal of a file of an [`OpfsStore`](super::OpfsStore).
#[derive(Debug)]
pub struct OpfsFile {
    bytes: Handle,
    journal: Handle,
}

impl OpfsFile {
    pub(super) fn new(bytes: Handle, journal: Handle) -> Self {
        Self { bytes, journal }
    }
}

impl BlockFile for OpfsFile {
    fn len(&self) -> Result<u64, StoreError> {
        self.bytes.len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), StoreError> {
        self.bytes.read_at(offset, buf)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), StoreError> {
        self.bytes.write_at(offset, bytes)
    }

    fn journal(&self) -> Result<Vec<u8>, StoreError> {
        let mut lines = vec![0; usize::try_from(self.journal.len()?).unwrap_or_default()];
        self.journal.read_at(0, &mut lines)?;
        Ok(lines)
    }

    fn append(&self, lines: &[u8]) -> Result<(), StoreError> {
        self.journal.write_at(self.journal.len()?, lines)
    }

    fn clear(&self) -> Result<(), StoreError> {
        self.journal.truncate()?;
        self.bytes.truncate()
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.bytes.flush()
    }

    fn finish(&self) -> Result<(), StoreError> {
        self.journal.flush()
    }
}
