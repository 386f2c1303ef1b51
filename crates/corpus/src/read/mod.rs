//! Documents of one file, streamed: only the row at hand, and for parquet the page at hand, is in memory.

mod bytes;
mod jsonl;
mod parquet;
mod text;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Error, Format, InputFile, ReadOptions, RowProblem};
use bytes::Bytes;

/// A document as a file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Where it begins: the line, or for parquet the row, from 1.
    pub row: u64,
    /// Its text; empty where a field is null.
    pub text: String,
}

/// Rows of a file: documents, and errors. After an error that is not [of a row](Error::is_row) there are no more.
type Rows = Box<dyn Iterator<Item = Result<Document, Error>> + Send>;

/// The documents of a file in their order.
pub struct Documents {
    rows: Rows,
    read: Arc<AtomicU64>,
    unit: &'static str,
    failed: bool,
}

/// Opens a file. What packs it (gzip, zstd, nothing) is seen from its first bytes, the format from the options or the name.
///
/// # Errors
/// Where the file can't be opened, or is not what it is called. A bad row is an error of the iterator.
pub fn documents(file: &InputFile, options: &ReadOptions) -> Result<Documents, Error> {
    let read = Arc::new(AtomicU64::new(0));
    let bytes = Bytes::open(file, &read)?;
    let named = options.format.or_else(|| Format::of_name(&file.name));
    let format = match named {
        None if bytes.is_parquet() => Format::Parquet,
        named => named.ok_or_else(|| Error::UnknownFormat { file: file.name.clone() })?,
    };
    let rows: Rows = match format {
        Format::Text => text::rows(bytes, options.unit),
        Format::Jsonl => Box::new(jsonl::Rows::new(bytes, &options.field)),
        Format::Parquet => Box::new(parquet::Rows::new(bytes, &options.field)?),
    };
    Ok(Documents { rows, read, unit: format.unit(), failed: false })
}

impl Documents {
    /// Bytes of the file, as it is stored, that have been gone through.
    pub fn bytes_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// What a row is called in messages: `line` or `row`.
    pub(crate) fn unit(&self) -> &'static str {
        self.unit
    }
}

impl Iterator for Documents {
    type Item = Result<Document, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let row = self.rows.next();
        self.failed = matches!(&row, Some(Err(error)) if !error.is_row());
        row
    }
}

/// The text of a row's bytes.
fn utf8(bytes: Vec<u8>) -> Result<String, RowProblem> {
    String::from_utf8(bytes).map_err(|e| RowProblem::Utf8 { at: e.utf8_error().valid_up_to() + 1 })
}
