//! Documents in batches, read by a thread of its own while the batch before is tokenized.

use std::ops::ControlFlow;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use super::journal::{Seen, State};
use super::{Job, file_sha256};
use crate::{Error, FileRecord, documents};

/// Text in a batch, about: enough for every thread to have its part. Less where the journal is to be written more often.
const BATCH_BYTES: u64 = 4 << 20;
/// Documents in a batch at most.
const BATCH_DOCUMENTS: usize = 16 << 10;

/// A document and where it is from.
pub(super) struct Tagged {
    pub(super) source: usize,
    pub(super) file: usize,
    pub(super) row: u64,
    pub(super) unit: &'static str,
    pub(super) text: String,
}

/// Documents in their order, perhaps of several files.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) documents: Vec<Tagged>,
    /// Bytes of input files, as stored, gone through up to here.
    pub(super) bytes_read: u64,
    /// Sources of bad rows that were left out.
    refused: Vec<usize>,
    /// Files read to their end, with their sources.
    files: Vec<(usize, FileRecord)>,
    /// Source, file, and rows read of it, after the batch.
    at: (usize, usize, u64),
    text: usize,
}

impl Batch {
    /// Bytes of text in it when it was made.
    pub(super) fn text_bytes(&self) -> u64 {
        self.text as u64
    }

    /// Notes what was read, its documents aside.
    pub(super) fn note(self, state: &mut State) {
        for source in self.refused {
            state.sources[source].refused += 1;
        }
        for (source, file) in self.files {
            state.sources[source].files.push(file);
        }
        (state.source, state.file, state.rows) = self.at;
    }

    fn is_full(&self, job: &Job) -> bool {
        self.text_bytes() >= job.journal_bytes.min(BATCH_BYTES) || self.documents.len() >= BATCH_DOCUMENTS
    }
}

/// Reads the sources from a place on (source, file, rows read of it), and gives batches to `take` until it breaks off.
pub(super) fn read(
    job: &Job,
    seen: &[Vec<Seen>],
    begin: (usize, usize, u64),
    mut take: impl FnMut(Batch) -> Result<ControlFlow<()>, Error>,
) -> Result<(), Error> {
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel(1);
        scope.spawn(move || {
            let reader = Reader { job, seen, sender: &sender, batch: Batch::default(), before: 0 };
            if let Err(error) = reader.all(begin) {
                let _ = sender.send(Err(error));
            }
        });
        for batch in receiver {
            if take(batch?)?.is_break() {
                break;
            }
        }
        Ok(())
    })
}

struct Reader<'a> {
    job: &'a Job,
    seen: &'a [Vec<Seen>],
    sender: &'a SyncSender<Result<Batch, Error>>,
    batch: Batch,
    /// Bytes of the files before the one at hand.
    before: u64,
}

impl Reader<'_> {
    fn all(mut self, begin: (usize, usize, u64)) -> Result<(), Error> {
        for (at, source) in self.job.sources.iter().enumerate() {
            for number in 0..source.files.len() {
                let bytes = self.seen[at][number].bytes;
                if (at, number) >= (begin.0, begin.1) {
                    let done = if (at, number) == (begin.0, begin.1) { begin.2 } else { 0 };
                    if self.file(at, number, done)?.is_break() {
                        return Ok(());
                    }
                }
                self.before += bytes;
            }
        }
        // The last batch may be empty; it says that everything was read. Where no one listens any more, an error came first.
        let _ = self.send();
        Ok(())
    }

    /// Reads a file, the first `done` rows of which are known; breaks off where no one listens.
    fn file(&mut self, source: usize, number: usize, done: u64) -> Result<ControlFlow<()>, Error> {
        let about = &self.job.sources[source];
        let file = &about.files[number];
        let sha256 = file_sha256(&file.path).map_err(|error| match error {
            Error::Read { source, .. } => Error::read(&file.name, source),
            other => other,
        })?;
        let mut documents = documents(file, &about.read)?;
        let mut rows = 0;
        while let Some(document) = documents.next() {
            rows += 1;
            let document = match document {
                // What the run before read, and counted.
                Ok(_) if rows <= done => continue,
                Err(error) if error.is_row() && rows <= done => continue,
                Err(error) if error.is_row() && self.job.skip_bad_rows => {
                    self.batch.refused.push(source);
                    continue;
                }
                document => document?,
            };
            self.batch.text += document.text.len();
            let (row, text, unit) = (document.row, document.text, documents.unit());
            self.batch.documents.push(Tagged { source, file: number, row, unit, text });
            if self.batch.is_full(self.job) {
                self.batch.at = (source, number, rows);
                self.batch.bytes_read =
                    self.before + documents.bytes_read().min(self.seen[source][number].bytes);
                if self.send().is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        if Seen::now(file)? != self.seen[source][number] {
            return Err(Error::Changed { file: file.name.clone() });
        }
        let bytes = self.seen[source][number].bytes;
        self.batch.files.push((source, FileRecord { name: file.name.clone(), bytes, sha256 }));
        self.batch.at = (source, number + 1, 0);
        self.batch.bytes_read = self.before + bytes;
        Ok(ControlFlow::Continue(()))
    }

    fn send(&mut self) -> ControlFlow<()> {
        let batch = std::mem::take(&mut self.batch);
        self.batch.at = batch.at;
        self.batch.bytes_read = batch.bytes_read;
        match self.sender.send(Ok(batch)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }
}
