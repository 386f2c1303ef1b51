//! A store in the user's cache folder.
//!
//! A file that is complete has its own name, so that the folder can be opened by any program. Before that its bytes are in
//! `.NAME.part`; its journal is `.NAME.blocks`, locked by whoever fetches.

use std::env;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use crate::journal::Journal;
use crate::{BlockFile, Error, Store, StoreError};

/// Keeps files below a folder.
#[derive(Debug, Clone)]
pub struct FileStore {
    root: PathBuf,
}

impl FileStore {
    /// A store below `root`, which is made when needed.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The store in the user's cache folder: `maec-studio/hub` below `XDG_CACHE_HOME`, `~/.cache`, or on Windows `LOCALAPPDATA`. Fails
    /// with [`Error::BadSetting`] where none of them is set.
    pub fn in_user_cache() -> Result<Self, Error> {
        let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let cache = absolute("XDG_CACHE_HOME").or_else(|| {
            if cfg!(windows) {
                absolute("LOCALAPPDATA")
            } else {
                absolute("HOME").map(|home| home.join(".cache"))
            }
        });
        let reason = || "no folder for caches is known; set it to an absolute path".to_owned();
        let cache = cache.ok_or_else(|| Error::BadSetting { name: "XDG_CACHE_HOME", reason: reason() })?;
        Ok(Self::new(cache.join("maec-studio").join("hub")))
    }

    /// Where a folder of the store is.
    pub fn path(&self, folder: &str) -> PathBuf {
        self.root.join(folder)
    }
}

/// An open file of a [`FileStore`].
#[derive(Debug)]
pub struct StoredFile {
    path: PathBuf,
    part: PathBuf,
    journal: PathBuf,
    open: RwLock<Open>,
}

#[derive(Debug)]
enum Open {
    /// Complete: read by any number of programs.
    Complete(File),
    /// Being fetched by this one: the bytes, and the locked journal.
    Partial(File, File),
}

impl Store for FileStore {
    type File = StoredFile;

    async fn open(&self, folder: &str, name: &str) -> Result<StoredFile, StoreError> {
        let path = self.root.join(folder).join(name);
        let (parent, last) = match (path.parent(), path.file_name()) {
            (Some(parent), Some(last)) => (parent, last.to_string_lossy()),
            _ => return Err(StoreError::Io { name: name.into(), reason: "it is no file name".into() }),
        };
        let beside = |end: &str| parent.join(format!(".{last}.{end}"));
        let (part, journal) = (beside("part"), beside("blocks"));
        let done = |journal: &Path| {
            fs::read(journal).ok().and_then(|bytes| Journal::parse(&bytes)).is_some_and(|j| j.done)
        };
        if done(&journal)
            && let Ok(file) = File::open(&path)
        {
            return Ok(StoredFile { path, part, journal, open: RwLock::new(Open::Complete(file)) });
        }
        let result = fs::create_dir_all(parent).map_err(|e| fail(&path, &e));
        let open = result.and_then(|()| begin(&path, &part, &journal))?;
        Ok(StoredFile { path, part, journal, open: RwLock::new(open) })
    }
}

/// Opens for fetching: takes the lock first.
fn begin(path: &Path, part: &Path, journal: &Path) -> Result<Open, StoreError> {
    let io = |e: io::Error| fail(path, &e);
    let lines = options().open(journal).map_err(io)?;
    match lines.try_lock() {
        Ok(()) => (),
        Err(TryLockError::WouldBlock) => return Err(StoreError::Busy { name: path.display().to_string() }),
        Err(TryLockError::Error(e)) => return Err(io(e)),
    }
    Ok(Open::Partial(options().open(part).map_err(io)?, lines))
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options
}

fn fail(path: &Path, e: &io::Error) -> StoreError {
    let name = path.display().to_string();
    match e.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full { name },
        _ => StoreError::Io { name, reason: e.to_string() },
    }
}

impl StoredFile {
    fn with<R>(&self, act: impl FnOnce(&Open) -> io::Result<R>) -> Result<R, StoreError> {
        act(&self.open.read().unwrap_or_else(PoisonError::into_inner)).map_err(|e| fail(&self.path, &e))
    }
}

impl Open {
    fn bytes(&self) -> &File {
        match self {
            Self::Complete(bytes) | Self::Partial(bytes, _) => bytes,
        }
    }

    /// Bytes and journal of a file that may be written.
    fn writable(&self) -> io::Result<(&File, &File)> {
        match self {
            Self::Partial(bytes, journal) => Ok((bytes, journal)),
            Self::Complete(_) => Err(io::Error::other("it is complete already")),
        }
    }
}

impl BlockFile for StoredFile {
    fn len(&self) -> Result<u64, StoreError> {
        self.with(|open| Ok(open.bytes().metadata()?.len()))
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), StoreError> {
        self.with(|open| read_exact_at(open.bytes(), offset, buf))
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), StoreError> {
        self.with(|open| write_all_at(open.writable()?.0, offset, bytes))
    }

    fn journal(&self) -> Result<Vec<u8>, StoreError> {
        self.with(|open| match open {
            Open::Complete(_) => fs::read(&self.journal),
            // Through the handle: Windows lets nobody else read what is locked.
            Open::Partial(_, journal) => {
                let mut lines =
                    vec![0; usize::try_from(journal.metadata()?.len()).map_err(io::Error::other)?];
                read_exact_at(journal, 0, &mut lines)?;
                Ok(lines)
            }
        })
    }

    fn append(&self, lines: &[u8]) -> Result<(), StoreError> {
        self.with(|open| {
            let (_, journal) = open.writable()?;
            write_all_at(journal, journal.metadata()?.len(), lines)
        })
    }

    fn clear(&self) -> Result<(), StoreError> {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        let io = |e: io::Error| fail(&self.path, &e);
        if matches!(*open, Open::Complete(_)) {
            *open = begin(&self.path, &self.part, &self.journal)?;
        }
        if let Open::Partial(bytes, journal) = &mut *open {
            journal.set_len(0).map_err(io)?;
            // A finished file's handle is that of its final name, which others may be reading.
            *bytes = options().truncate(true).open(&self.part).map_err(io)?;
        }
        match fs::remove_file(&self.path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(io(e)),
            _ => Ok(()),
        }
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.with(|open| open.bytes().sync_data())
    }

    fn finish(&self) -> Result<(), StoreError> {
        self.with(|open| match open {
            Open::Complete(_) => Ok(()),
            Open::Partial(_, journal) => {
                journal.sync_data()?;
                // No part is left where only the journal was behind.
                if self.part.exists() { fs::rename(&self.part, &self.path) } else { Ok(()) }
            }
        })
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, offset: u64, buf: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buf, offset)
}

#[cfg(unix)]
fn write_all_at(file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut offset: u64, mut buf: &mut [u8]) -> io::Result<()> {
    while !buf.is_empty() {
        let read = std::os::windows::fs::FileExt::seek_read(file, buf, offset)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        offset += read as u64;
        buf = &mut buf[read..];
    }
    Ok(())
}

#[cfg(windows)]
fn write_all_at(file: &File, mut offset: u64, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = std::os::windows::fs::FileExt::seek_write(file, bytes, offset)?;
        offset += written as u64;
        bytes = &bytes[written..];
    }
    Ok(())
}
