//! Files and folders: positioned reads, and writes that appear whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::{ByteSink, ByteSource, Error};

/// A file read by position, so that threads share it without a cursor.
#[derive(Debug)]
pub struct FileSource {
    name: String,
    file: File,
    len: u64,
}

impl FileSource {
    /// Opens a file; fails with [`Error::Missing`] or [`Error::Io`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(|e| Error::io(path, e))?;
        let metadata = file.metadata().map_err(|e| Error::io(path, e))?;
        if metadata.is_dir() {
            return Err(Error::io(path, io::Error::other("it is a folder where a file is expected")));
        }
        Ok(Self { name: path.display().to_string(), file, len: metadata.len() })
    }
}

impl ByteSource for FileSource {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), Error> {
        read_exact_at(&self.file, offset, buf).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => Error::Truncated { name: self.name.clone(), len: self.len },
            _ => Error::Io { path: self.name.clone(), source: e },
        })
    }

    fn name(&self) -> &str {
        &self.name
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, offset: u64, buf: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buf, offset)
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

/// A whole file; fails with [`Error::Missing`] or [`Error::Io`].
pub fn read_file(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|e| Error::io(path, e))
}

/// Writes a whole file atomically, replacing what was there.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut sink = FileSink::create(path)?;
    sink.write_all(bytes)?;
    Box::new(sink).finish()
}

/// A file written beside its final name (`NAME.maec.tmp`), flushed, and renamed when finished; dropped before that,
/// it leaves nothing.
#[derive(Debug)]
pub struct FileSink {
    path: PathBuf,
    temporary: PathBuf,
    file: Option<io::BufWriter<File>>,
}

impl FileSink {
    /// Begins a file, which replaces an existing one of its name when finished.
    pub fn create(path: &Path) -> Result<Self, Error> {
        if path.is_dir() {
            return Err(Error::io(path, io::Error::other("it is a folder where a file is to be written")));
        }
        let temporary = sibling(path, ".maec.tmp");
        let file = File::create(&temporary).map_err(|e| create_error(&temporary, e))?;
        let file = Some(io::BufWriter::with_capacity(1 << 20, file));
        Ok(Self { path: path.into(), temporary, file })
    }

    fn flush(&mut self) -> io::Result<()> {
        let Some(file) = self.file.take() else { return Ok(()) };
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
    }
}

impl ByteSink for FileSink {
    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Error> {
        match &mut self.file {
            Some(file) => file.write_all(bytes).map_err(|e| Error::io(&self.path, e)),
            None => Ok(()),
        }
    }

    fn finish(mut self: Box<Self>) -> Result<(), Error> {
        self.flush()
            .and_then(|()| fs::rename(&self.temporary, &self.path))
            .map_err(|e| Error::io(&self.path, e))?;
        self.temporary.clear();
        sync_parent(&self.path);
        Ok(())
    }
}

impl Drop for FileSink {
    fn drop(&mut self) {
        if !self.temporary.as_os_str().is_empty() {
            self.file = None;
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// A folder filled beside its final name (`NAME.maec.tmp`) and renamed when finished; dropped before that, it leaves
/// nothing.
#[derive(Debug)]
pub struct AtomicFolder {
    path: PathBuf,
    temporary: PathBuf,
}

impl AtomicFolder {
    /// Begins a folder. One that exists is replaced when finished if it is empty or `replaceable` says so of it;
    /// otherwise fails with [`Error::WontReplace`] at once.
    pub fn create(path: &Path, replaceable: impl Fn(&Path) -> bool) -> Result<Self, Error> {
        let old = sibling(path, ".maec-old.tmp");
        // A crash between the two renames of an earlier run left the old folder beside its name.
        if old.exists() {
            let recovered = if path.exists() { fs::remove_dir_all(&old) } else { fs::rename(&old, path) };
            recovered.map_err(|e| Error::io(&old, e))?;
        }
        if path.exists() && !is_empty_folder(path) && !(path.is_dir() && replaceable(path)) {
            return Err(Error::WontReplace { path: path.display().to_string() });
        }
        let temporary = sibling(path, ".maec.tmp");
        if temporary.exists() {
            fs::remove_dir_all(&temporary).map_err(|e| Error::io(&temporary, e))?;
        }
        fs::create_dir(&temporary).map_err(|e| create_error(&temporary, e))?;
        Ok(Self { path: path.into(), temporary })
    }

    /// Begins a file in the folder; `name` may contain `/`.
    pub fn sink(&self, name: &str) -> Result<FileSink, Error> {
        let path = self.temporary.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|e| Error::io(parent, e))?;
        }
        FileSink::create(&path)
    }

    /// Writes a whole file into the folder.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let mut sink = self.sink(name)?;
        sink.write_all(bytes)?;
        Box::new(sink).finish()
    }

    /// Makes the folder visible under its name.
    pub fn finish(mut self) -> Result<(), Error> {
        let old = sibling(&self.path, ".maec-old.tmp");
        let replaces = self.path.exists();
        if replaces {
            fs::rename(&self.path, &old).map_err(|e| Error::io(&self.path, e))?;
        }
        if let Err(e) = fs::rename(&self.temporary, &self.path) {
            if replaces {
                let _ = fs::rename(&old, &self.path);
            }
            return Err(Error::io(&self.path, e));
        }
        self.temporary.clear();
        sync_parent(&self.path);
        if replaces {
            fs::remove_dir_all(&old).map_err(|e| Error::io(&old, e))?;
        }
        Ok(())
    }
}

impl Drop for AtomicFolder {
    fn drop(&mut self) {
        if !self.temporary.as_os_str().is_empty() {
            let _ = fs::remove_dir_all(&self.temporary);
        }
    }
}

/// Nothing can be missing when a file is created but the folder that it is to stand in.
fn create_error(path: &Path, error: io::Error) -> Error {
    let at = if error.kind() == io::ErrorKind::NotFound { path.parent().unwrap_or(path) } else { path };
    Error::io(at, error)
}

fn is_empty_folder(path: &Path) -> bool {
    fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}

fn sibling(path: &Path, suffix: &str) -> PathBuf {
    // `out/` and `out/.` name the folder `out`; its sibling must not end up inside it.
    let path: PathBuf = path.components().collect();
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// Makes a rename survive a power cut, where the system lets a folder be flushed.
fn sync_parent(path: &Path) {
    #[cfg(unix)]
    {
        let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let _ = File::open(parent).and_then(|folder| folder.sync_all());
    }
    #[cfg(not(unix))]
    let _ = path;
}
