//! Parquet: one text column, row group by row group, page by page.

use std::any::Any;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parquet::basic::Type;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};

use super::bytes::Bytes;
use super::{Document, utf8};
use crate::error::names;
use crate::source::MAX_TEXT_BYTES;
use crate::{Error, RowProblem};

/// Rows decoded at a time.
const BATCH: usize = 64;

/// The documents of a file. Null is an empty text.
pub(super) struct Rows {
    name: String,
    file: SerializedFileReader<File>,
    column: usize,
    /// Most definition levels: a row that has as many has a value.
    max_level: i16,
    groups: usize,
    next_group: usize,
    group: Option<ColumnReaderImpl<ByteArrayType>>,
    /// Rows decoded and not yet given, the last first.
    ready: Vec<Option<ByteArray>>,
    row: u64,
    rows: u64,
    stored_bytes: u64,
    read: Arc<AtomicU64>,
}

impl Rows {
    pub(super) fn new(bytes: Bytes, column: &str) -> Result<Self, Error> {
        let (name, read) = (bytes.name.clone(), bytes.read());
        let file = bytes.into_file()?;
        let stored_bytes = file.metadata().map_err(|e| Error::read(&name, e))?.len();
        let file = guarded(&name, || SerializedFileReader::new(file))?;
        let about = file.metadata().file_metadata();
        let text = |at: &usize| {
            let leaf = about.schema_descr().column(*at);
            leaf.physical_type() == Type::BYTE_ARRAY && leaf.max_rep_level() == 0
        };
        let columns: Vec<usize> = (0..about.schema_descr().num_columns()).filter(text).collect();
        let path = |at: usize| about.schema_descr().column(at).path().string();
        let Some(&found) = columns.iter().find(|at| path(**at) == column) else {
            let paths: Vec<String> = columns.into_iter().map(path).collect();
            let found = names(paths.iter().map(String::as_str));
            return Err(Error::Column { file: name, column: column.into(), found });
        };
        Ok(Self {
            max_level: about.schema_descr().column(found).max_def_level(),
            rows: u64::try_from(about.num_rows()).unwrap_or(0),
            groups: file.num_row_groups(),
            name,
            file,
            column: found,
            next_group: 0,
            group: None,
            ready: Vec::new(),
            row: 0,
            stored_bytes,
            read,
        })
    }

    /// Decodes further rows; `false` where there are none.
    fn fill(&mut self) -> Result<bool, Error> {
        loop {
            let Some(group) = &mut self.group else {
                if self.next_group == self.groups {
                    return Ok(false);
                }
                let (file, at, column) = (&self.file, self.next_group, self.column);
                let reader = guarded(&self.name, || file.get_row_group(at)?.get_column_reader(column))?;
                let ColumnReader::ByteArrayColumnReader(reader) = reader else {
                    return Err(bad(&self.name, "the column's type differs between row groups"));
                };
                self.group = Some(reader);
                self.next_group += 1;
                continue;
            };
            let (mut levels, mut values) = (Vec::new(), Vec::new());
            let nullable = self.max_level > 0;
            let (rows, _, _) = guarded(&self.name, || {
                group.read_records(BATCH, nullable.then_some(&mut levels), None, &mut values)
            })?;
            if rows == 0 {
                self.group = None;
                continue;
            }
            if !nullable {
                levels.resize(rows, 0);
            }
            let mut values = values.into_iter();
            let max = self.max_level;
            self.ready.extend(levels.iter().map(|level| if *level == max { values.next() } else { None }));
            self.ready.reverse();
            return Ok(true);
        }
    }

    fn document(&mut self) -> Result<Option<Document>, Error> {
        if self.ready.is_empty() && !self.fill()? {
            return Ok(None);
        }
        let value = self.ready.pop().flatten();
        self.row += 1;
        if self.rows > 0 {
            let share = u128::from(self.stored_bytes) * u128::from(self.row.min(self.rows));
            self.read.store((share / u128::from(self.rows)) as u64, Ordering::Relaxed);
        }
        let text = match value {
            None => Ok(String::new()),
            Some(value) if value.len() > MAX_TEXT_BYTES => Err(RowProblem::TooLong { limit: MAX_TEXT_BYTES }),
            Some(value) => utf8(value.data().to_vec()),
        };
        let row = self.row;
        let bad = |problem| Error::Row { file: self.name.clone(), unit: "row", row, problem };
        Ok(Some(Document { row, text: text.map_err(bad)? }))
    }
}

impl Iterator for Rows {
    type Item = Result<Document, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.document().transpose()
    }
}

/// Runs the library on bytes that may be hostile: should it panic, the file is bad, not the program.
fn guarded<T>(name: &str, read: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, Error> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(read) => read.map_err(|e| bad(name, &e.to_string())),
        Err(panic) => Err(bad(name, &message(panic.as_ref()))),
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("its pages make no sense").to_owned()
}

fn bad(name: &str, reason: &str) -> Error {
    let reason: String = reason.lines().next().unwrap_or_default().chars().take(160).collect();
    let reason = reason.trim_start_matches("Parquet error: ").to_owned();
    Error::Parquet { file: name.into(), reason }
}
