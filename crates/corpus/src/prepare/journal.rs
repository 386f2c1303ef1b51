//! How far an unfinished corpus can be trusted, and whose it is.

use std::io::Read;
use std::path::Path;
use std::time::UNIX_EPOCH;

use maec_checkpoint::{AtomicFolder, Error as WriteError, sha256_hex};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Job;
use crate::manifest::VERSION;
use crate::{Amount, Error, Source, SourceRecord};

/// The journal's name in the folder.
const JOURNAL: &str = ".maec-journal.json";

/// What has been read, and what has been written of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    /// The source at hand.
    pub(super) source: usize,
    /// Its file at hand.
    pub(super) file: usize,
    /// Rows read of that file, bad ones too.
    pub(super) rows: u64,
    /// Texts remembered, so that none is there twice.
    pub(super) hashes: u64,
    /// What came of each source so far; files are noted as they are read to their end.
    pub(super) sources: Vec<SourceRecord>,
}

impl State {
    /// Documents and tokens written.
    pub(super) fn written(&self) -> Amount {
        self.sources
            .iter()
            .fold(Amount::default(), |sum, source| sum.plus(source.train).plus(source.held_out))
    }
}

/// An input file when the preparation began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Seen {
    name: String,
    pub(super) bytes: u64,
    /// Nanoseconds since 1970, where the system tells.
    modified: Option<u64>,
}

/// The journal of a job.
pub(super) struct Journal {
    job: Value,
    /// By source.
    files: Vec<Vec<Seen>>,
    begin: State,
}

impl Journal {
    /// Looks at the input files.
    pub(super) fn new(job: &Job) -> Result<Self, Error> {
        let files: Vec<Vec<Seen>> = job.sources.iter().map(seen).collect::<Result<_, _>>()?;
        let sources: Vec<Value> = (job.sources.iter().zip(&files))
            .map(|(source, files)| {
                json!({ "name": source.name, "pattern": source.pattern, "read": source.read, "files": files })
            })
            .collect();
        let config = job.tokenizer_config_json.as_ref().map(|text| sha256_hex(text.as_bytes()));
        let about = json!({
            "version": VERSION,
            "tokenizer": sha256_hex(job.tokenizer_json.as_bytes()),
            "tokenizer_config": config,
            "end": job.end,
            "held_out": job.held_out.share(),
            "deduplicate": job.deduplicate,
            "sources": sources,
        });
        let record = |source: &Source| SourceRecord {
            name: source.name.clone(),
            pattern: source.pattern.clone(),
            read: source.read.clone(),
            train: Amount::default(),
            held_out: Amount::default(),
            empty: 0,
            duplicates: 0,
            refused: 0,
            files: Vec::new(),
        };
        let sources = job.sources.iter().map(record).collect();
        Ok(Self { job: about, files, begin: State { source: 0, file: 0, rows: 0, hashes: 0, sources } })
    }

    /// The input files by source.
    pub(super) fn files(&self) -> &[Vec<Seen>] {
        &self.files
    }

    /// Bytes of all input files.
    pub(super) fn total_bytes(&self) -> u64 {
        self.files.iter().flatten().map(|file| file.bytes).sum()
    }

    /// What the folder's journal says, and nothing where there is none.
    pub(super) fn text(folder: &AtomicFolder) -> Result<String, Error> {
        let mut text = String::new();
        folder.open(JOURNAL)?.read_to_string(&mut text).map_err(|e| Error::read(JOURNAL, e))?;
        Ok(text)
    }

    /// Where to go on by a journal: at the beginning where it says nothing.
    pub(super) fn state(&self, text: &str, out: &Path) -> Result<State, Error> {
        if text.is_empty() {
            return Ok(self.begin.clone());
        }
        let other = |difference: String| Error::OtherJob { path: out.display().to_string(), difference };
        let unreadable = |e: serde_json::Error| other(format!("its journal is not readable: {e}"));
        let mut entry: Value = serde_json::from_str(text).map_err(unreadable)?;
        if let Some(difference) = difference("", &entry["job"], &self.job) {
            return Err(other(difference));
        }
        let state: State = serde_json::from_value(entry["state"].take()).map_err(unreadable)?;
        if state.sources.len() != self.begin.sources.len() {
            return Err(other("its journal has other sources".into()));
        }
        Ok(state)
    }

    /// Notes that everything up to here is written. The caller has flushed it.
    pub(super) fn write(&self, folder: &AtomicFolder, state: &State) -> Result<(), Error> {
        let entry = json!({ "job": self.job, "state": state }).to_string();
        Ok(folder.write(JOURNAL, entry.as_bytes())?)
    }

    /// Removes it from a folder that is complete.
    pub(super) fn remove(folder: &AtomicFolder) -> Result<(), WriteError> {
        folder.remove(JOURNAL)
    }
}

impl Seen {
    /// A file as it is now.
    pub(super) fn now(file: &crate::InputFile) -> Result<Self, Error> {
        let about = std::fs::metadata(&file.path).map_err(|e| Error::read(&file.name, e))?;
        let since = about.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let modified = since.and_then(|since| u64::try_from(since.as_nanos()).ok());
        Ok(Self { name: file.name.clone(), bytes: about.len(), modified })
    }
}

fn seen(source: &Source) -> Result<Vec<Seen>, Error> {
    source.files.iter().map(Seen::now).collect()
}

/// The first place in which two values differ: `held_out was 0.01 and is 0.02`.
fn difference(at: &str, was: &Value, is: &Value) -> Option<String> {
    let inside =
        |key: &dyn std::fmt::Display| if at.is_empty() { key.to_string() } else { format!("{at}.{key}") };
    match (was, is) {
        (Value::Object(was), Value::Object(is)) if was.keys().eq(is.keys()) => {
            was.iter().find_map(|(key, value)| difference(&inside(key), value, &is[key]))
        }
        (Value::Array(was), Value::Array(is)) if was.len() == is.len() => {
            (0..was.len()).find_map(|index| difference(&inside(&index), &was[index], &is[index]))
        }
        (Value::Array(was), Value::Array(is)) => {
            Some(format!("{at} were {} and are {}", was.len(), is.len()))
        }
        _ if was == is => None,
        _ => Some(format!("{at} was {was} and is {is}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named() {
        let was = json!({ "a": 1, "b": [{ "c": "x" }], "n": null });
        assert_eq!(difference("", &was, &was), None);
        let is = json!({ "a": 1, "b": [{ "c": "y" }], "n": null });
        assert_eq!(difference("", &was, &is).as_deref(), Some("b.0.c was \"x\" and is \"y\""));
        let is = json!({ "a": 1, "b": [], "n": null });
        assert_eq!(difference("", &was, &is).as_deref(), Some("b were 1 and are 0"));
    }
}
