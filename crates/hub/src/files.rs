//! The files of something remote: known by name and length, read where their blocks are in the store.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::lock::Mutex as Gate;
use maec_checkpoint::{ByteSource, Error as ReadError, FileSet};

use crate::cache::Cache;
use crate::{Address, BlockFile, Digest, Error, Remote};

/// The files of a [`Remote`], pinned and listed.
#[derive(Debug)]
pub struct RemoteFiles<F> {
    remote: Remote,
    title: String,
    /// Where the store keeps them.
    pub(crate) folder: String,
    files: BTreeMap<String, Arc<FileState<F>>>,
}

/// How many bytes files have, and how many of them need no fetching.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount {
    /// All bytes.
    pub total: u64,
    /// Bytes in the store.
    pub cached: u64,
}

impl Amount {
    /// Bytes that would move over the network.
    pub fn to_fetch(&self) -> u64 {
        self.total.saturating_sub(self.cached)
    }
}

/// A file of a [`RemoteFiles`], which outlives changes on the server.
#[derive(Debug)]
pub(crate) struct FileState<F> {
    /// Relative path.
    pub(crate) path: String,
    /// What messages call it.
    pub(crate) title: String,
    pub(crate) address: Address,
    pub(crate) digest: Option<Digest>,
    /// The commit fixes length and bytes.
    pub(crate) pinned: bool,
    state: Mutex<State<F>>,
    /// One transfer at a time.
    pub(crate) gate: Gate<()>,
}

#[derive(Debug)]
pub(crate) struct State<F> {
    pub(crate) bytes: u64,
    /// The server's word for the version being fetched.
    pub(crate) validator: Option<String>,
    /// Counts versions; sources opened for another one refuse to read.
    generation: u32,
    /// Absent until the file is first used.
    pub(crate) cache: Option<Cache<F>>,
}

impl<F: BlockFile> FileState<F> {
    pub(crate) fn state(&self) -> MutexGuard<'_, State<F>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The version that the journal must name.
    pub(crate) fn kept_validator(&self, validator: Option<String>) -> Option<String> {
        validator.filter(|_| !self.pinned)
    }

    /// Drops what was kept and begins a version of the file.
    pub(crate) fn restart(&self, bytes: u64, validator: Option<String>) -> Result<(), Error> {
        let mut state = self.state();
        state.generation += 1;
        state.bytes = bytes;
        let kept = self.kept_validator(validator.clone());
        state.validator = validator;
        match &mut state.cache {
            Some(cache) => Ok(cache.restart(bytes, kept.as_deref())?),
            None => Ok(()),
        }
    }

    /// Absent runs that a range touches.
    pub(crate) fn missing(&self, range: &Range<u64>) -> Vec<Range<u64>> {
        self.state().cache.as_ref().map_or_else(Vec::new, |cache| cache.missing(range))
    }

    /// Bytes in the store.
    pub(crate) fn present(&self) -> u64 {
        self.state().cache.as_ref().map_or(0, Cache::present)
    }
}

/// What is known of a file when a set is made.
pub(crate) struct NewFile {
    pub(crate) path: String,
    pub(crate) address: Address,
    pub(crate) bytes: u64,
    pub(crate) digest: Option<Digest>,
    pub(crate) pinned: bool,
    pub(crate) validator: Option<String>,
}

impl<F: BlockFile> RemoteFiles<F> {
    pub(crate) fn new(remote: Remote, folder: String, files: Vec<NewFile>) -> Self {
        let title = remote.title();
        let file = |new: NewFile| {
            let state = State { bytes: new.bytes, validator: new.validator, generation: 0, cache: None };
            let path = new.path.clone();
            let file = FileState {
                title: if matches!(remote, Remote::File(_)) {
                    title.clone()
                } else {
                    format!("{}/{path}", title.trim_end_matches('/'))
                },
                path: new.path,
                address: new.address,
                digest: new.digest,
                pinned: new.pinned,
                state: Mutex::new(state),
                gate: Gate::new(()),
            };
            (path, Arc::new(file))
        };
        let files = files.into_iter().map(file).collect();
        Self { remote, title, folder, files }
    }

    /// The name that finds the same bytes again: for a repository with its commit, otherwise as it was written. Recipes keep its
    /// text.
    pub fn remote(&self) -> &Remote {
        &self.remote
    }

    /// Paths of all files, sorted.
    pub fn paths(&self) -> Vec<&str> {
        self.files.keys().map(String::as_str).collect()
    }

    /// The file of a path, or [`Error::NoFile`].
    pub(crate) fn file(&self, path: &str) -> Result<&Arc<FileState<F>>, Error> {
        self.files.get(path).ok_or_else(|| Error::NoFile { what: self.title.clone(), file: path.into() })
    }

    /// The file that messages call `title`.
    pub(crate) fn titled(&self, title: &str) -> Option<&Arc<FileState<F>>> {
        self.files.values().find(|file| file.title == title)
    }
}

impl<F: BlockFile + 'static> FileSet for RemoteFiles<F> {
    fn name(&self) -> &str {
        &self.title
    }

    fn files(&self) -> Vec<(String, u64)> {
        self.files.iter().map(|(path, file)| (path.clone(), file.state().bytes)).collect()
    }

    fn open(&self, file: &str) -> Result<Arc<dyn ByteSource>, ReadError> {
        let missing = || ReadError::Missing { path: format!("{}/{file}", self.title) };
        let file = self.files.get(file).ok_or_else(missing)?;
        Ok(Arc::new(RemoteFile::new(Arc::clone(file))))
    }
}

/// A file that is read where its blocks are in the store; elsewhere reads fail with `NotFetched`.
///
/// When the file turns out to have changed on the server and is begun anew, reads of older sources fail: what was learnt from the
/// former version, such as a header, does not fit the new one.
#[derive(Debug)]
pub struct RemoteFile<F> {
    file: Arc<FileState<F>>,
    bytes: u64,
    generation: u32,
}

impl<F: BlockFile> RemoteFile<F> {
    fn new(file: Arc<FileState<F>>) -> Self {
        let (bytes, generation) = {
            let state = file.state();
            (state.bytes, state.generation)
        };
        Self { file, bytes, generation }
    }
}

impl<F: BlockFile> ByteSource for RemoteFile<F> {
    fn len(&self) -> u64 {
        self.bytes
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        let io = |reason: String| ReadError::Io {
            path: self.file.title.clone(),
            source: io::Error::other(reason),
        };
        let state = self.file.state();
        if state.generation != self.generation {
            return Err(io("it changed on the server; open it again".into()));
        }
        let len = buf.len() as u64;
        let Some(end) = offset.checked_add(len).filter(|end| *end <= state.bytes) else {
            return Err(ReadError::Truncated { name: self.file.title.clone(), len: state.bytes });
        };
        match &state.cache {
            Some(cache) if cache.has(&(offset..end)) => {
                cache.read(offset, buf).map_err(|e| io(e.to_string()))
            }
            _ if len == 0 => Ok(()),
            _ => Err(ReadError::NotFetched { name: self.file.title.clone(), offset, len }),
        }
    }

    fn name(&self) -> &str {
        &self.file.title
    }
}
