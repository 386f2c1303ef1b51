//! The folder in which a world stands until it is complete.

use crate::WriteError;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// The file by which an unfinished folder is known to be ours; locked while someone fills the folder.
const MARKER: &str = ".maec-unfinished";

/// A folder that removes itself unless it is finished.
pub(crate) struct Unfinished {
    pub(crate) path: PathBuf,
    marker: Option<File>,
}

impl Unfinished {
    /// A `<dir>.maec.tmp` with nothing in it but the marker. One that an interrupted run left behind is used again;
    /// anything else of that name is refused.
    pub(crate) fn beside(dir: &Path) -> Result<Self, WriteError> {
        let Some(name) = dir.file_name() else { return Err(WriteError::NoName { path: dir.to_owned() }) };
        let mut name = name.to_owned();
        name.push(".maec.tmp");
        let path = dir.with_file_name(name);
        let io_error = |source| WriteError::Io { path: dir.to_owned(), source };
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(io_error)?;
        }
        match fs::create_dir(&path) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                if !is_ours(&path) {
                    return Err(WriteError::Foreign { path });
                }
            }
            made => made.map_err(io_error)?,
        }
        let marker = path.join(MARKER);
        let marker =
            File::options().write(true).create(true).truncate(false).open(marker).map_err(io_error)?;
        match marker.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(WriteError::Busy { path: dir.to_owned() }),
            // Some network drives have no locks.
            Err(TryLockError::Error(e)) if e.kind() == io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(e)) => return Err(io_error(e)),
        }
        clear(&path).map_err(io_error)?;
        Ok(Self { path, marker: Some(marker) })
    }

    /// Gives the folder its name.
    pub(crate) fn finish(mut self, dir: &Path) -> Result<(), WriteError> {
        // On some systems a folder cannot be renamed over an empty one, nor with an open file in it.
        let _ = fs::remove_dir(dir);
        fs::remove_file(self.path.join(MARKER))
            .and_then(|()| {
                self.marker = None;
                fs::rename(&self.path, dir)
            })
            .map_err(|source| WriteError::Io { path: dir.to_owned(), source })?;
        self.path.clear();
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            // Nothing can be done where removing fails.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// Whether a folder is one that an interrupted run left: with the marker, or empty.
fn is_ours(path: &Path) -> bool {
    let is_folder = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
    let is_empty = || fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
    is_folder && (path.join(MARKER).is_file() || is_empty())
}

/// Removes everything but the marker.
fn clear(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else if entry.file_name() != MARKER {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
