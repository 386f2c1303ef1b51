//! Files of the origin's private file system, written and read by name.

use std::io;

use maec_checkpoint::{ByteSink, ByteSource, Error};
use maec_hub::StoreError;
use wasm_bindgen_futures::spawn_local;

use super::file::Handle;
use super::folder::{Folder, remove};

/// Opens a file by its path below the origin's root.
async fn open(path: &str) -> Result<Handle, StoreError> {
    let (parent, last) = path.rsplit_once('/').unwrap_or(("", path));
    Handle::open(&Folder::open(parent).await?, last, path).await
}

/// A file being written; dropped before it is finished, it is removed.
#[derive(Debug)]
pub struct OpfsSink {
    /// Absent once finished or dropped.
    handle: Option<Handle>,
    at: u64,
}

impl OpfsSink {
    /// Begins a file, replacing one of this path. Fails with [`StoreError::Busy`] where it is open elsewhere.
    pub async fn create(path: &str) -> Result<Self, StoreError> {
        let handle = open(path).await?;
        handle.truncate()?;
        Ok(Self { handle: Some(handle), at: 0 })
    }
}

fn write(name: &str, error: &StoreError) -> Error {
    let source = match error {
        StoreError::Full { .. } => io::ErrorKind::StorageFull.into(),
        _ => io::Error::other(error.to_string()),
    };
    Error::Write { path: name.into(), source }
}

impl ByteSink for OpfsSink {
    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if let Some(handle) = &self.handle {
            handle.write_at(self.at, bytes).map_err(|e| write(handle.name(), &e))?;
            self.at += bytes.len() as u64;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), Error> {
        match self.handle.take() {
            Some(handle) => handle.flush().map_err(|e| write(handle.name(), &e)),
            None => Ok(()),
        }
    }
}

impl Drop for OpfsSink {
    fn drop(&mut self) {
        if let Some(handle) = self.handle.take() {
            let path = handle.name().to_owned();
            // Closes it, without which it can't be removed.
            drop(handle);
            spawn_local(async move {
                // Nobody is left to be told.
                let _ = remove(&path).await;
            });
        }
    }
}

/// A file being read; other tabs are kept away until it is dropped.
#[derive(Debug)]
pub struct OpfsSource {
    handle: Handle,
    len: u64,
}

impl OpfsSource {
    /// Opens a file by its path. Fails with [`StoreError::Busy`] where it is open elsewhere; a file that does not exist is made, empty.
    pub async fn open(path: &str) -> Result<Self, StoreError> {
        let handle = open(path).await?;
        Ok(Self { len: handle.len()?, handle })
    }
}

impl ByteSource for OpfsSource {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), Error> {
        if offset.checked_add(buf.len() as u64).is_none_or(|end| end > self.len) {
            return Err(Error::Truncated { name: self.handle.name().into(), len: self.len });
        }
        self.handle.read_at(offset, buf).map_err(|e| Error::Io {
            path: self.handle.name().into(),
            source: io::Error::other(e.to_string()),
        })
    }

    fn name(&self) -> &str {
        self.handle.name()
    }
}
