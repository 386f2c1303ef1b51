//! The trials of an unfinished search, a line of JSON each, under a first line that says which search it is.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Plan, SearchError, Trial, VERSION};

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<S> {
    maec_tune: u32,
    plan: Plan<S>,
}

/// A journal that is written on, by one process at a time.
pub struct Journal {
    file: Mutex<File>,
    path: PathBuf,
}

impl Journal {
    /// Opens a file, which is made where there is none, and reads its trials. A last line that was cut is removed.
    ///
    /// # Errors
    /// [`SearchError::OtherSearch`], [`SearchError::NoJournal`], [`SearchError::Damaged`], [`SearchError::Busy`] and
    /// [`SearchError::File`].
    pub fn open<S: Clone + Serialize + DeserializeOwned>(
        path: &Path,
        plan: &Plan<S>,
    ) -> Result<(Self, Vec<Trial>), SearchError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(path).map_err(SearchError::file("write", path))?;
        match file.try_lock() {
            Ok(()) => (),
            Err(TryLockError::WouldBlock) => return Err(SearchError::Busy { path: path.to_owned() }),
            // A file system without locks is no reason not to search.
            Err(TryLockError::Error(_)) => (),
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(SearchError::file("read", path))?;
        let header = header(plan);
        let (whole, trials) = parse(path, &bytes, &header, plan)?;
        file.set_len(whole as u64).map_err(SearchError::file("write", path))?;
        file.seek(SeekFrom::End(0)).map_err(SearchError::file("write", path))?;
        if whole == 0 {
            file.write_all(&header).map_err(SearchError::file("write", path))?;
        }
        Ok((Self { file: Mutex::new(file), path: path.to_owned() }, trials))
    }

    /// Adds a trial, whole or not at all.
    ///
    /// # Errors
    /// [`SearchError::File`].
    pub fn add(&self, trial: &Trial) -> Result<(), SearchError> {
        let mut line = serde_json::to_vec(trial).expect("a trial serialises");
        line.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // One write for the line: what is cut is cut at its end.
        file.write_all(&line).and_then(|()| file.sync_data()).map_err(SearchError::file("write", &self.path))
    }
}

/// Refuses a journal that a search can't go on from, before anything is done; a file that does not exist is none.
///
/// # Errors
/// As [`Journal::open`].
pub fn check_journal<S: Clone + Serialize + DeserializeOwned>(
    path: &Path,
    plan: &Plan<S>,
) -> Result<(), SearchError> {
    match std::fs::read(path) {
        Ok(bytes) => parse(path, &bytes, &header(plan), plan).map(|_| ()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(SearchError::file("read", path)(error)),
    }
}

fn header<S: Clone + Serialize>(plan: &Plan<S>) -> Vec<u8> {
    let mut header =
        serde_json::to_vec(&Header { maec_tune: VERSION, plan: plan.clone() }).expect("a plan serialises");
    header.push(b'\n');
    header
}

/// The bytes of whole lines, and their trials.
fn parse<S: Serialize + DeserializeOwned>(
    path: &Path,
    bytes: &[u8],
    header: &[u8],
    plan: &Plan<S>,
) -> Result<(usize, Vec<Trial>), SearchError> {
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let no_journal = || SearchError::NoJournal { path: path.to_owned() };
    if whole == 0 && !header.starts_with(bytes) {
        return Err(no_journal());
    }
    let text = std::str::from_utf8(&bytes[..whole]).map_err(|_| no_journal())?;
    Ok((whole, read(path, text, plan)?))
}

fn read<S: Serialize + DeserializeOwned>(
    path: &Path,
    text: &str,
    plan: &Plan<S>,
) -> Result<Vec<Trial>, SearchError> {
    let mut lines = text.lines();
    let Some(first) = lines.next() else { return Ok(Vec::new()) };
    let is_journal = first.starts_with("{\"maec_tune\":");
    let header: Header<S> = serde_json::from_str(first).map_err(|error| match is_journal {
        true => SearchError::OtherSearch { path: path.to_owned(), difference: error.to_string() },
        false => SearchError::NoJournal { path: path.to_owned() },
    })?;
    let difference = match header.maec_tune == VERSION {
        true => header.plan.difference(plan),
        false => Some(format!("journal: {} → {VERSION}", header.maec_tune)),
    };
    if let Some(difference) = difference {
        return Err(SearchError::OtherSearch { path: path.to_owned(), difference });
    }
    let trial = |(index, line): (usize, &str)| {
        let damaged =
            |problem: String| SearchError::Damaged { path: path.to_owned(), line: index + 2, problem };
        let trial: Trial = serde_json::from_str(line).map_err(|error| damaged(error.to_string()))?;
        match trial.seeds.len() == plan.seeds.len() {
            true => Ok(trial),
            false => Err(damaged(format!("it has the scores of {} seeds", trial.seeds.len()))),
        }
    };
    lines.enumerate().map(trial).collect()
}
