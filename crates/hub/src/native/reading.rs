//! Files that are fetched as they are read, the thread waiting meanwhile.

use std::collections::BTreeMap;
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use maec_checkpoint::{ByteSource, Error as ReadError, FileSet, FileSource};
use pollster::block_on;

use super::{NativeHub, StoredFile};
use crate::{Error, Fetched, Progress, Remote, RemoteFiles, model_files};

/// The files of something remote, as a set that any reader takes.
///
/// A read fetches the blocks that it touches and no more, so headers cost little. [`fetch`](Self::fetch) brings files whole, with
/// progress and their hashes checked; from then on they are read as the plain files that they are.
pub struct ReadFiles {
    hub: Arc<NativeHub>,
    files: Arc<RemoteFiles<StoredFile>>,
    folder: PathBuf,
    opened: Mutex<BTreeMap<String, Arc<ReadFile>>>,
}

impl ReadFiles {
    /// Pins a name and lists its files, and fetches no more than that. Fails as [`Hub::open`](crate::Hub::open) does.
    pub fn open(hub: &Arc<NativeHub>, remote: &Remote) -> Result<Self, Error> {
        let files = hub.open_blocking(remote)?;
        let folder = hub.store.path(&files.folder);
        Ok(Self { hub: hub.clone(), files, folder, opened: Mutex::default() })
    }

    /// The name that finds the same bytes again; recipes keep it.
    pub fn remote(&self) -> &Remote {
        self.files.remote()
    }

    /// Where the files are, once they are fetched: a folder of the cache, or for a [`Remote::File`] the file.
    pub fn path(&self) -> PathBuf {
        match (self.remote(), self.files.paths().first()) {
            (Remote::File(_), Some(file)) => self.folder.join(file),
            _ => self.folder.clone(),
        }
    }

    /// Paths of the files that a model needs, sorted: see [`model_files`]; for a [`Remote::File`], that file's.
    pub fn needed(&self) -> Vec<String> {
        match self.remote() {
            Remote::File(_) => self.files.paths().into_iter().map(Into::into).collect(),
            _ => model_files(&*self.files),
        }
    }

    /// Paths of the files that were opened so far, sorted.
    pub fn opened(&self) -> Vec<String> {
        self.open_files().keys().cloned().collect()
    }

    /// Fetches files whole; what the cache has does not move again. Fails as [`Hub::fetch`](crate::Hub::fetch) does, and where a file
    /// that was opened before has changed on the server since.
    pub fn fetch(
        &self,
        paths: &[String],
        progress: impl FnMut(&Progress<'_>) -> ControlFlow<()>,
    ) -> Result<Fetched, Error> {
        let fetched = block_on(self.hub.fetch(&self.files, paths, progress))?;
        let stale = fetched.restarted.iter().find(|path| self.open_files().contains_key(*path));
        if let Some(path) = stale {
            let reason = io::Error::other("it changed on the server while it was read; begin again");
            let path = format!("{}/{path}", self.files.name());
            return Err(ReadError::Io { path, source: reason }.into());
        }
        for path in paths {
            let on_disk = FileSource::open(&self.folder.join(path))?;
            // One that is set already is the same file.
            let _ = self.file(path)?.whole.set(on_disk);
        }
        Ok(fetched)
    }

    fn open_files(&self) -> MutexGuard<'_, BTreeMap<String, Arc<ReadFile>>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, path: &str) -> Result<Arc<ReadFile>, ReadError> {
        let mut opened = self.open_files();
        if let Some(file) = opened.get(path) {
            return Ok(file.clone());
        }
        let (hub, files) = (self.hub.clone(), self.files.clone());
        let file = ReadFile { hub, source: files.open(path)?, files, whole: OnceLock::new() };
        Ok(opened.entry(path.to_owned()).or_insert(Arc::new(file)).clone())
    }
}

impl FileSet for ReadFiles {
    fn name(&self) -> &str {
        self.files.name()
    }

    fn files(&self) -> Vec<(String, u64)> {
        self.files.files()
    }

    fn open(&self, file: &str) -> Result<Arc<dyn ByteSource>, ReadError> {
        Ok(self.file(file)?)
    }
}

/// One file of [`ReadFiles`].
struct ReadFile {
    hub: Arc<NativeHub>,
    files: Arc<RemoteFiles<StoredFile>>,
    source: Arc<dyn ByteSource>,
    /// The file itself, once it is there whole.
    whole: OnceLock<FileSource>,
}

impl ByteSource for ReadFile {
    fn len(&self) -> u64 {
        self.source.len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        if let Some(file) = self.whole.get() {
            return file.read_at(offset, buf);
        }
        let read = self.hub.look_blocking(&self.files, || self.source.read_at(offset, buf));
        read.map_err(|error| match error {
            Error::Checkpoint(error) => error,
            error => ReadError::Io { path: self.name().to_owned(), source: io::Error::other(error) },
        })
    }

    fn name(&self) -> &str {
        self.source.name()
    }
}
