//! A folder that appears whole or not at all.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::FileSink;
use super::beside::{UNFINISHED, is_empty_folder, open_locked, parent, sibling, sync_parent};
use crate::{ByteSink, Error};

/// The file by which an unfinished folder is known to be ours; locked while someone fills the folder.
const MARKER: &str = ".maec-unfinished";

/// What a replaced folder's name ends with until it is removed.
const OLD: &str = ".maec-old.tmp";

/// A folder filled beside its final name (`NAME.maec.tmp`) and renamed when finished, or one file of it; dropped before
/// that, it leaves nothing. What a killed process leaves can be gone on with, see [`resume`](Self::resume).
#[derive(Debug)]
pub struct AtomicFolder {
    /// The path that was asked for, for messages.
    shown: PathBuf,
    path: PathBuf,
    temporary: PathBuf,
    marker: Option<File>,
    replaceable: Replaceable,
}

/// Whether a folder may be replaced.
type Replaceable = fn(&Path) -> bool;

impl AtomicFolder {
    /// Begins a folder. One that exists is replaced when finished if it is empty or `replaceable` says so of it;
    /// otherwise fails with [`Error::WontReplace`] at once. Fails too with [`Error::Busy`] while another process
    /// writes it, [`Error::ForeignTemporary`], [`Error::NoParent`] or [`Error::Write`].
    pub fn create(path: &Path, replaceable: Replaceable) -> Result<Self, Error> {
        let folder = Self::resume(path, replaceable)?;
        clear(&folder.temporary).map_err(|e| Error::write(&folder.shown, e))?;
        Ok(folder)
    }

    /// As [`create`](Self::create), with the files that a killed process left in it, if one did.
    pub fn resume(path: &Path, replaceable: Replaceable) -> Result<Self, Error> {
        let folder = Self::begin(path, replaceable)?;
        folder.check()?;
        Ok(folder)
    }

    /// As [`resume`](Self::resume), for an output that will be one file: [`finish_file`](Self::finish_file). Fails with
    /// [`Error::NotAFile`] where anything but a file has the name.
    pub fn resume_file(path: &Path) -> Result<Self, Error> {
        let path_beyond = super::file_sink::real(path, path)?;
        let temporary = sibling(&path_beyond, UNFINISHED);
        // What another command that was killed left under this name is a file; one that is at work holds it.
        if fs::symlink_metadata(&temporary).is_ok_and(|metadata| metadata.is_file()) {
            let held = open_locked(&temporary).map_err(|e| Error::write(path, e))?;
            held.ok_or_else(|| Error::Busy { path: path.display().to_string() })?;
            fs::remove_file(&temporary).map_err(|e| Error::write(path, e))?;
        }
        let mut folder = Self::begin(&path_beyond, |_| false)?;
        folder.shown = path.to_owned();
        Ok(folder)
    }

    fn begin(path: &Path, replaceable: Replaceable) -> Result<Self, Error> {
        let shown = path.to_owned();
        let path = match path.exists() {
            true => fs::canonicalize(path).map_err(|e| Error::write(&shown, e))?,
            false => path.to_owned(),
        };
        let temporary = sibling(&path, UNFINISHED);
        finish_left(&temporary, &path, replaceable).map_err(|e| Error::write(&shown, e))?;
        let marker = Some(begin(&temporary, &shown, &path)?);
        Ok(Self { shown, path, temporary, marker, replaceable })
    }

    /// Removes what a killed process left in it.
    pub fn clear(&self) -> Result<(), Error> {
        clear(&self.temporary).map_err(|e| Error::write(&self.shown, e))
    }

    /// Opens a file in the folder to read and write, as it is or empty. Its bytes are the caller's to flush to the disk.
    pub fn open(&self, name: &str) -> Result<File, Error> {
        let opened = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(self.temporary.join(name));
        opened.map_err(|e| Error::write(&self.shown.join(name), e))
    }

    /// Removes a file from the folder.
    pub fn remove(&self, name: &str) -> Result<(), Error> {
        fs::remove_file(self.temporary.join(name)).map_err(|e| Error::write(&self.shown.join(name), e))
    }

    /// Gives one file of the folder the output's name, and removes the rest.
    pub fn finish_file(mut self, name: &str) -> Result<(), Error> {
        fs::rename(self.temporary.join(name), &self.path).map_err(|e| Error::write(&self.shown, e))?;
        sync_parent(&self.path);
        self.marker = None;
        discard(&self.temporary).map_err(|e| Error::write(&self.shown, e))?;
        self.temporary.clear();
        Ok(())
    }

    /// Puts right what a crash left, and checks that the folder may be replaced.
    fn check(&self) -> Result<(), Error> {
        let old = sibling(&self.path, OLD);
        // A crash between the two renames of an earlier run left the old folder beside its name.
        if old.exists() {
            let is_going = old.join(MARKER).is_file();
            if !is_going && !may_replace(&old, self.replaceable) {
                return Err(foreign(&old));
            }
            let is_of_no_use = is_going || self.path.exists();
            let recovered = if is_of_no_use { discard(&old) } else { fs::rename(&old, &self.path) };
            recovered.map_err(|e| Error::write(&self.shown, e))?;
        }
        let is_there = fs::symlink_metadata(&self.path).is_ok();
        if is_there && !may_replace(&self.path, self.replaceable) {
            return Err(Error::WontReplace { path: self.shown.display().to_string() });
        }
        Ok(())
    }

    /// Leaves the folder unfinished, for a later [`resume`](Self::resume). Its files are the caller's to flush.
    pub fn keep(mut self) {
        self.temporary.clear();
    }

    /// Begins a file in the folder; `name` may contain `/`.
    pub fn sink(&self, name: &str) -> Result<FileSink, Error> {
        let (path, shown) = (self.temporary.join(name), self.shown.join(name));
        fs::create_dir_all(parent(&path)).map_err(|e| Error::write(&shown, e))?;
        FileSink::begin(&path, shown)
    }

    /// Writes a whole file into the folder.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let mut sink = self.sink(name)?;
        sink.write_all(bytes)?;
        Box::new(sink).finish()
    }

    /// Makes the folder visible under its name. Fails with [`Error::WontReplace`] where something else got that name meanwhile.
    pub fn finish(mut self) -> Result<(), Error> {
        if fs::symlink_metadata(&self.path).is_ok() && !may_replace(&self.path, self.replaceable) {
            return Err(Error::WontReplace { path: self.shown.display().to_string() });
        }
        self.replace().map_err(|e| Error::write(&self.shown, e))
    }

    fn replace(&mut self) -> io::Result<()> {
        fs::remove_file(self.temporary.join(MARKER))?;
        // Some systems rename no folder with an open file in it.
        self.marker = None;
        rename(&self.temporary, &self.path)?;
        self.temporary.clear();
        remove_old(&self.path)
    }
}

impl Drop for AtomicFolder {
    fn drop(&mut self) {
        if !self.temporary.as_os_str().is_empty() {
            let _ = discard(&self.temporary);
        }
    }
}

fn may_replace(path: &Path, replaceable: Replaceable) -> bool {
    is_empty_folder(path) || path.is_dir() && replaceable(path)
}

/// Gives a whole folder its name; what had that name is set aside.
fn rename(temporary: &Path, path: &Path) -> io::Result<()> {
    let (old, replaces) = (sibling(path, OLD), path.exists());
    if replaces {
        fs::rename(path, &old)?;
    }
    if let Err(e) = fs::rename(temporary, path) {
        if replaces {
            let _ = fs::rename(&old, path);
        }
        return Err(e);
    }
    sync_parent(path);
    Ok(())
}

/// Removes what [`rename`] set aside.
fn remove_old(path: &Path) -> io::Result<()> {
    let old = sibling(path, OLD);
    if !old.exists() {
        return Ok(());
    }
    // Half of a folder is not known for ours without it.
    File::create(old.join(MARKER))?;
    discard(&old)
}

/// Gives its name to a folder that a killed process left whole: it has lost its marker and was not yet renamed.
fn finish_left(temporary: &Path, path: &Path, replaceable: Replaceable) -> io::Result<()> {
    let is_folder = fs::symlink_metadata(temporary).is_ok_and(|metadata| metadata.is_dir());
    let is_whole = is_folder
        && !temporary.join(MARKER).exists()
        && !is_empty_folder(temporary)
        && replaceable(temporary);
    let is_free = fs::symlink_metadata(path).is_err() || may_replace(path, replaceable);
    if is_whole && is_free && !(path.exists() && sibling(path, OLD).exists()) {
        rename(temporary, path)?;
        return remove_old(path);
    }
    Ok(())
}

/// Removes a folder with a marker, that last, so that a killed removal can be gone on with.
fn discard(folder: &Path) -> io::Result<()> {
    clear(folder)?;
    fs::remove_dir_all(folder)
}

/// Makes the folder `temporary` with the marker in it, and returns that. A folder that is there must be empty or have the
/// marker.
fn begin(temporary: &Path, shown: &Path, path: &Path) -> Result<File, Error> {
    let marker = temporary.join(MARKER);
    match fs::create_dir(temporary) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            let is_folder = fs::symlink_metadata(temporary).is_ok_and(|metadata| metadata.is_dir());
            if !is_folder || !(marker.is_file() || is_empty_folder(temporary)) {
                return Err(foreign(temporary));
            }
        }
        made => made.map_err(|e| Error::create(shown, parent(path), e))?,
    }
    let file = open_locked(&marker).map_err(|e| Error::write(shown, e))?;
    file.ok_or_else(|| Error::Busy { path: shown.display().to_string() })
}

/// Removes what a run that was killed left in its folder, all but the marker.
fn clear(temporary: &Path) -> io::Result<()> {
    for entry in fs::read_dir(temporary)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else if entry.file_name() != MARKER {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn foreign(path: &Path) -> Error {
    Error::ForeignTemporary { path: path.display().to_string() }
}
