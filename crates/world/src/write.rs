//! Writing a world to a folder: all of it or nothing.

use crate::unfinished::Unfinished;
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
    /// The folder is being written.
    #[error("cannot write {}: another process is writing it: wait for it or choose another folder", path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// The place of the unfinished folder is taken by something that was not put there by [`write()`].
    #[error("{} is where an unfinished world is kept and is none: remove or rename it", path.display())]
    Foreign {
        /// The file or folder in the way.
        path: PathBuf,
    },
    /// The file system refused.
    #[error(
        "cannot write {}: {source}; check permissions and free space, or choose another folder",
        path.display()
    )]
    Io {
        /// The file or folder that was to be written.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
}

/// Writes `world` as the new folder `dir` (absent or empty) and returns what `world.json` says of it.
///
/// The files are written to the sibling `<dir>.maec.tmp`, which replaces `dir` when all are complete and is removed when
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
    for part in Part::of(world.config()) {
        files.push(create(&unfinished, dir, &part.path(), |out| world.put(part, out))?);
    }
    let manifest = world.manifest_of(files);
    create(&unfinished, dir, "world.json", |out| {
        serde_json::to_writer_pretty(&mut *out, &manifest)?;
        out.write_all(b"\n")
    })?;
    unfinished.finish(dir)?;
    Ok(manifest)
}

/// Creates a file of the world in the unfinished folder, fills it and flushes it to the disk; an error names its place
/// in `dir`.
fn create<T>(
    unfinished: &Unfinished,
    dir: &Path,
    name: &str,
    fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<T>,
) -> Result<T, WriteError> {
    let attempt = || {
        let path = unfinished.path.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut out = BufWriter::new(File::create(path)?);
        let filled = fill(&mut out)?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        Ok(filled)
    };
    attempt().map_err(|source| WriteError::Io { path: dir.join(name), source })
}
