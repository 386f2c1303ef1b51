//! A file that appears whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::beside::{UNFINISHED, open_locked, parent, sibling, sync_parent};
use crate::{ByteSink, Error};

/// A file written beside its final name (`NAME.maec.tmp`), flushed, and renamed when finished; dropped before that,
/// it leaves nothing.
#[derive(Debug)]
pub struct FileSink {
    /// The path that was asked for, for messages.
    shown: PathBuf,
    path: PathBuf,
    temporary: PathBuf,
    /// Locked, so that no two processes write one file.
    file: io::BufWriter<File>,
}

impl FileSink {
    /// Begins a file, which replaces an existing one of its name when finished; behind a symbolic link, the file that
    /// it points to. Fails with [`Error::NotAFile`] where anything but a file has the name, [`Error::Busy`] while
    /// another process writes it, [`Error::ForeignTemporary`], [`Error::NoParent`] or [`Error::Write`].
    pub fn create(path: &Path) -> Result<Self, Error> {
        Self::begin(path, path.into())
    }

    /// As [`create`](Self::create), with another path for messages.
    pub(super) fn begin(path: &Path, shown: PathBuf) -> Result<Self, Error> {
        let path = real(path, &shown)?;
        let temporary = sibling(&path, UNFINISHED);
        if fs::symlink_metadata(&temporary).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(Error::ForeignTemporary { path: temporary.display().to_string() });
        }
        let file = open_locked(&temporary).map_err(|e| Error::create(&shown, parent(&path), e))?;
        let file = file.ok_or_else(|| Error::Busy { path: shown.display().to_string() })?;
        // What a run that was killed left there.
        file.set_len(0).map_err(|e| Error::write(&shown, e))?;
        Ok(Self { shown, path, temporary, file: io::BufWriter::with_capacity(1 << 20, file) })
    }
}

/// The path of the file to write, beyond symbolic links.
pub(super) fn real(path: &Path, shown: &Path) -> Result<PathBuf, Error> {
    let what = match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {
            return fs::canonicalize(path).map_err(|e| Error::write(shown, e));
        }
        Ok(metadata) if metadata.is_dir() => "a folder",
        Ok(_) => "a device, a pipe or a socket",
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(Error::write(shown, e)),
        Err(_) if path.is_symlink() => "a link to nothing",
        Err(_) => return Ok(path.into()),
    };
    Err(Error::NotAFile { path: shown.display().to_string(), what })
}

impl ByteSink for FileSink {
    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(|e| Error::write(&self.shown, e))
    }

    fn finish(mut self: Box<Self>) -> Result<(), Error> {
        // Renamed before it is closed, so that the lock lasts until no one can take it for unfinished.
        self.file
            .flush()
            .and_then(|()| self.file.get_ref().sync_all())
            .and_then(|()| fs::rename(&self.temporary, &self.path))
            .map_err(|e| Error::write(&self.shown, e))?;
        self.temporary.clear();
        sync_parent(&self.path);
        Ok(())
    }
}

impl Drop for FileSink {
    fn drop(&mut self) {
        if !self.temporary.as_os_str().is_empty() {
            let _ = fs::remove_file(&self.temporary);
        }
    }
}
