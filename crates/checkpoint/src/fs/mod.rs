//! Files and folders: positioned reads, and writes that appear whole or not at all.

mod beside;
mod dir;
mod file_sink;
mod folder;

use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::{ByteSink, ByteSource, Error};
pub use dir::DirFiles;
pub use file_sink::FileSink;
pub use folder::AtomicFolder;

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
        // Asked before it is opened: to open a pipe is to wait for its writer.
        let metadata = fs::metadata(path).map_err(|e| Error::io(path, e))?;
        if !metadata.is_file() {
            let what = if metadata.is_dir() { "a folder" } else { "a device, a pipe or a socket" };
            let reason = io::Error::other(format!("it is {what} where a file is expected"));
            return Err(Error::io(path, reason));
        }
        let file = File::open(path).map_err(|e| Error::io(path, e))?;
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
