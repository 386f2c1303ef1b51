//! What stands beside an output while it is unfinished: names and locks.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// What an unfinished file's or folder's name ends with.
pub(super) const UNFINISHED: &str = ".maec.tmp";

/// The path with a suffix.
pub(super) fn sibling(path: &Path, suffix: &str) -> PathBuf {
    // `out/` and `out/.` name the folder `out`; its sibling must not end up inside it.
    let path: PathBuf = path.components().collect();
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// Opens or creates a file that no one else writes, with the content that it has; `None` where another holds it. It
/// is held until it is closed.
pub(super) fn open_locked(path: &Path) -> io::Result<Option<File>> {
    loop {
        let file = File::options().write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) if is_at(&file, path) => return Ok(Some(file)),
            // Between opening and locking, the file's holder finished it under another name or removed it.
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            // Some network drives have no locks.
            Err(TryLockError::Error(e)) if e.kind() == io::ErrorKind::Unsupported => return Ok(Some(file)),
            Err(TryLockError::Error(e)) => return Err(e),
        }
    }
}

/// Whether a path still names this open file.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (Ok(open), Ok(named)) = (file.metadata(), fs::metadata(path)) else { return false };
    (open.dev(), open.ino()) == (named.dev(), named.ino())
}

/// Other systems do not tell which file it is; that one of the name exists has to do.
#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

pub(super) fn is_empty_folder(path: &Path) -> bool {
    fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}

/// The folder that a path stands in.
pub(super) fn parent(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes a rename survive a power cut, where the system lets a folder be flushed.
pub(super) fn sync_parent(path: &Path) {
    #[cfg(unix)]
    let _ = File::open(parent(path)).and_then(|folder| folder.sync_all());
    #[cfg(not(unix))]
    let _ = path;
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_renamed_or_removed_is_not_at_its_old_place() {
        let dir = tempfile::TempDir::new().unwrap();
        let (before, after) = (dir.path().join("before"), dir.path().join("after"));
        let file = open_locked(&before).unwrap().unwrap();
        assert!(is_at(&file, &before));
        assert!(open_locked(&before).unwrap().is_none());
        fs::rename(&before, &after).unwrap();
        assert!(!is_at(&file, &before) && is_at(&file, &after));
        fs::write(&before, "another").unwrap();
        assert!(!is_at(&file, &before));
    }
}
