//! Writing a world to a folder: all of it or nothing.

use crate::{Manifest, Part, World};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// A world that could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The folder already holds something.
    #[error("{} is not empty: remove it or choose another folder", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// The path has no last part to name a folder by, as `/` and `..` have none.
    #[error("{} names no folder to create: give a path such as runs/world", path.display())]
    NoName {
        /// The path.
        path: PathBuf,
    },
    /// The file system refused.
    #[error("cannot write {}: {source}; check the folder's permissions and free space", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
}

/// Writes `world` as the new folder `dir` (absent or empty) and returns what `world.json` says of it.
///
/// The files are written to the sibling `<dir>.tmp`, which replaces `dir` when all are complete and is removed when
/// anything fails.
///
/// # Errors
/// A [`WriteError`] where `dir` holds something already, has no name, or the file system refuses.
pub fn write(world: &World, dir: &Path) -> Result<Manifest, WriteError> {
    if fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some()) || dir.is_file() {
        return Err(WriteError::NotEmpty { path: dir.to_owned() });
    }
    let unfinished = Unfinished::beside(dir)?;
    let mut files = Vec::new();
    for part in Part::all() {
        let path = unfinished.path.join(part.path());
        create_parents(&path)?;
        files.push(create(&path, |out| world.put(part, out))?);
    }
    let manifest = world.manifest_of(files);
    create(&unfinished.path.join("world.json"), |out| {
        serde_json::to_writer_pretty(&mut *out, &manifest)?;
        out.write_all(b"\n")
    })?;
    unfinished.finish(dir)?;
    Ok(manifest)
}

/// A folder that removes itself unless it is finished.
struct Unfinished {
    path: PathBuf,
}

impl Unfinished {
    /// An empty `<dir>.tmp`; one that an interrupted run left behind is replaced.
    fn beside(dir: &Path) -> Result<Self, WriteError> {
        let Some(name) = dir.file_name() else { return Err(WriteError::NoName { path: dir.to_owned() }) };
        let mut name = name.to_owned();
        name.push(".tmp");
        let path = dir.with_file_name(name);
        match fs::remove_dir_all(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(WriteError::Io { path, source });
            }
            _ => {}
        }
        fs::create_dir_all(&path).map_err(|source| WriteError::Io { path: path.clone(), source })?;
        Ok(Self { path })
    }

    /// Gives the folder its name.
    fn finish(self, dir: &Path) -> Result<(), WriteError> {
        // On some systems a folder cannot be renamed over an empty one.
        let _ = fs::remove_dir(dir);
        fs::rename(&self.path, dir).map_err(|source| WriteError::Io { path: dir.to_owned(), source })
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Renamed when finished, so there is nothing to remove then; and nothing to be done where removing fails.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Creates the folder of the file `path`.
fn create_parents(path: &Path) -> Result<(), WriteError> {
    let Some(parent) = path.parent() else { return Ok(()) };
    fs::create_dir_all(parent).map_err(|source| WriteError::Io { path: parent.to_owned(), source })
}

/// Creates the file `path`, fills it and flushes it to the disk.
fn create<T>(path: &Path, fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<T>) -> Result<T, WriteError> {
    let attempt = || {
        let mut out = BufWriter::new(File::create(path)?);
        let filled = fill(&mut out)?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        Ok(filled)
    };
    attempt().map_err(|source| WriteError::Io { path: path.to_owned(), source })
}
