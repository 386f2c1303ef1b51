//! A journal in a file.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::Journal;
use crate::Error;

/// A file of JSON lines, locked while it is open.
#[derive(Debug)]
pub struct FileJournal {
    name: String,
    file: File,
}

impl FileJournal {
    /// Opens or creates the journal at `path`.
    ///
    /// # Errors
    /// When it can't be opened, or another run writes it.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let name = path.display().to_string();
        let failed = |source| Error::Journal { journal: name.clone(), source };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { name, file }),
            Err(TryLockError::WouldBlock) => Err(Error::Busy { journal: name }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

impl Journal for FileJournal {
    fn name(&self) -> &str {
        &self.name
    }

    fn read(&mut self) -> io::Result<String> {
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(0))?;
        self.file.read_to_end(&mut bytes)?;
        // A line cut in the middle of a character is dropped with its bytes.
        bytes.truncate(bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1));
        self.file.set_len(bytes.len() as u64)?;
        self.file.seek(SeekFrom::End(0))?;
        String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    fn append(&mut self, lines: &str) -> io::Result<()> {
        self.file.write_all(lines.as_bytes())?;
        self.file.sync_data()
    }
}
