//! A file's bytes as they were before it was packed.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;
use zstd::stream::read::Decoder;

use crate::{Error, InputFile, RowProblem};

/// The most that a packed parquet file is unpacked to; other formats are unpacked as they are read.
const MAX_UNPACKED_BYTES: u64 = 64 << 30;

/// What a file is packed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    None,
    Gzip,
    Zstd,
}

/// A file, read from its beginning, unpacked.
pub(super) struct Bytes {
    /// What messages call it.
    pub(super) name: String,
    reader: Box<dyn BufRead + Send>,
    file: File,
    packing: Packing,
    parquet: bool,
    read: Arc<AtomicU64>,
    line: u64,
}

/// A line of a file.
pub(super) enum Line {
    /// Its bytes are in the buffer, without their end.
    Whole,
    /// It was longer than allowed, and has been gone over.
    TooLong,
    /// There are no more.
    End,
}

impl Bytes {
    /// Opens a file; `read` counts the stored bytes that are gone through.
    pub(super) fn open(input: &InputFile, read: &Arc<AtomicU64>) -> Result<Self, Error> {
        let failed = |e| Error::read(&input.name, e);
        // Asked before it is opened: to open a pipe is to wait for its writer.
        if !fs::metadata(&input.path).map_err(failed)?.is_file() {
            return Err(failed(io::Error::other("it is no plain file")));
        }
        let mut file = File::open(&input.path).map_err(failed)?;
        let mut first = Vec::new();
        file.by_ref().take(4).read_to_end(&mut first).and_then(|_| file.rewind()).map_err(failed)?;
        let counted = Counted { file: file.try_clone().map_err(failed)?, read: Arc::clone(read) };
        let counted = BufReader::with_capacity(256 << 10, counted);
        let packing = packing(&first, input)?;
        let reader: Box<dyn BufRead + Send> = match packing {
            Packing::None => Box::new(counted),
            Packing::Gzip => Box::new(BufReader::with_capacity(256 << 10, MultiGzDecoder::new(counted))),
            // The library refuses windows above 128 MiB, so that its memory is bounded.
            Packing::Zstd => {
                Box::new(BufReader::with_capacity(256 << 10, Decoder::with_buffer(counted).map_err(failed)?))
            }
        };
        let parquet = first.starts_with(b"PAR1");
        Ok(Self { name: input.name.clone(), reader, file, packing, parquet, read: Arc::clone(read), line: 0 })
    }

    /// Whether it begins as a parquet file does, unpacked.
    pub(super) fn is_parquet(&self) -> bool {
        self.parquet
    }

    /// The counter of stored bytes gone through.
    pub(super) fn read(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.read)
    }

    /// A file to read in any order: itself, or an unnamed copy where it is packed.
    pub(super) fn into_file(mut self) -> Result<File, Error> {
        if self.packing == Packing::None {
            return Ok(self.file);
        }
        let mut copy = tempfile::tempfile().map_err(|e| Error::read(&self.name, e))?;
        let copied = io::copy(&mut self.reader.by_ref().take(MAX_UNPACKED_BYTES + 1), &mut copy);
        if copied.map_err(|e| self.failed(e))? > MAX_UNPACKED_BYTES {
            return Err(Error::Unpacked { file: self.name, limit: MAX_UNPACKED_BYTES });
        }
        copy.rewind().map_err(|e| Error::read(&self.name, e))?;
        Ok(copy)
    }

    /// The next line of at most `limit` bytes, into an emptied buffer.
    pub(super) fn line(&mut self, buffer: &mut Vec<u8>, limit: usize) -> Result<Line, Error> {
        buffer.clear();
        let line = self.try_line(buffer, limit).map_err(|e| self.failed(e))?;
        self.line += 1;
        if self.line == 1 && buffer.starts_with(b"\xef\xbb\xbf") {
            buffer.drain(..3);
        }
        Ok(line)
    }

    /// The number of the line last read, from 1.
    pub(super) fn line_number(&self) -> u64 {
        self.line
    }

    fn try_line(&mut self, buffer: &mut Vec<u8>, limit: usize) -> io::Result<Line> {
        let most = limit as u64 + 1;
        let read = self.reader.by_ref().take(most).read_until(b'\n', buffer)?;
        if read == 0 {
            return Ok(Line::End);
        }
        if buffer.last() == Some(&b'\n') {
            buffer.pop();
            return Ok(Line::Whole);
        }
        if read as u64 == most {
            buffer.clear();
            self.reader.skip_until(b'\n')?;
            return Ok(Line::TooLong);
        }
        Ok(Line::Whole)
    }

    /// All bytes, or `None` where there are more than `limit`.
    pub(super) fn whole(&mut self, limit: usize) -> Result<Option<Vec<u8>>, Error> {
        let mut bytes = Vec::new();
        let read = self.reader.by_ref().take(limit as u64 + 1).read_to_end(&mut bytes);
        if read.map_err(|e| self.failed(e))? > limit {
            return Ok(None);
        }
        if bytes.starts_with(b"\xef\xbb\xbf") {
            bytes.drain(..3);
        }
        Ok(Some(bytes))
    }

    /// A bad row of this file.
    pub(super) fn bad_row(&self, row: u64, problem: RowProblem) -> Error {
        Error::Row { file: self.name.clone(), unit: "line", row, problem }
    }

    fn failed(&self, error: io::Error) -> Error {
        if self.packing == Packing::None {
            return Error::read(&self.name, error);
        }
        let reason = match error.kind() {
            io::ErrorKind::UnexpectedEof => "it is cut off".into(),
            _ => error.to_string(),
        };
        Error::Packed { file: self.name.clone(), reason }
    }
}

/// What a file's first bytes say (RFC 1952, RFC 8878); its name must not say otherwise.
fn packing(first: &[u8], input: &InputFile) -> Result<Packing, Error> {
    let name = input.name.to_ascii_lowercase();
    let named = |endings: [&str; 2]| endings.iter().any(|ending| name.ends_with(ending));
    let (gzip, zstd) = (first.starts_with(b"\x1f\x8b"), first.starts_with(b"\x28\xb5\x2f\xfd"));
    // A frame to be skipped may stand first, as parallel compressors write it.
    let zstd = zstd || matches!(first, [0x50..=0x5f, 0x2a, 0x4d, 0x18]);
    match (gzip, zstd) {
        (true, _) => Ok(Packing::Gzip),
        (_, true) => Ok(Packing::Zstd),
        _ if named([".gz", ".gzip"]) => {
            Err(Error::Packed { file: input.name.clone(), reason: "it does not begin as gzip does".into() })
        }
        _ if named([".zst", ".zstd"]) => {
            Err(Error::Packed { file: input.name.clone(), reason: "it does not begin as zstd does".into() })
        }
        _ => Ok(Packing::None),
    }
}

/// A file whose read bytes are counted.
struct Counted {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
