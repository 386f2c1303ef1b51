//! The journal: JSON lines that a run appends to and a later run goes on from.
//!
//! The first line holds the [`Settings`], every other one a [`Sample`]. A last line without its line break was cut off in the
//! middle of writing and does not count.

#[cfg(not(target_family = "wasm"))]
mod file;

use std::collections::BTreeMap;
use std::io;

use serde::{Deserialize, Serialize};

use crate::{Error, Sample, Settings};

#[cfg(not(target_family = "wasm"))]
pub use file::FileJournal;

/// Where the lines are.
pub trait Journal {
    /// What messages call it.
    fn name(&self) -> &str;

    /// All whole lines so far; what follows the last line break is dropped, here and from the store.
    ///
    /// # Errors
    /// When the store can't be read.
    fn read(&mut self) -> io::Result<String>;

    /// Adds `lines`, each with its line break, so that they outlive the program.
    ///
    /// # Errors
    /// When the store can't be written.
    fn append(&mut self, lines: &str) -> io::Result<()>;
}

/// A journal in memory: of a run that is not kept, or of one that the page keeps itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemoryJournal {
    /// The lines.
    pub text: String,
}

impl Journal for MemoryJournal {
    fn name(&self) -> &str {
        "the journal"
    }

    fn read(&mut self) -> io::Result<String> {
        self.text.truncate(self.text.rfind('\n').map_or(0, |at| at + 1));
        Ok(self.text.clone())
    }

    fn append(&mut self, lines: &str) -> io::Result<()> {
        self.text.push_str(lines);
        Ok(())
    }
}

#[derive(Serialize, Deserialize)]
struct Header {
    settings: Settings,
}

/// The samples of earlier runs by id; begins a new journal where there is none.
///
/// # Errors
/// When the journal can't be read or written, a line is no sample, or its settings are others than `settings`.
pub(crate) fn resume(
    journal: &mut dyn Journal,
    settings: &Settings,
) -> Result<BTreeMap<String, Sample>, Error> {
    let name = journal.name().to_owned();
    let text = journal.read().map_err(|source| Error::Journal { journal: name.clone(), source })?;
    let damaged = |line: usize| {
        let journal = name.clone();
        move |source| Error::JournalLine { journal, line, source }
    };
    let mut lines = text.lines().enumerate();
    let Some((_, first)) = lines.next() else {
        write(journal, [&Header { settings: settings.clone() }])?;
        return Ok(BTreeMap::new());
    };
    let header: Header = serde_json::from_str(first).map_err(damaged(1))?;
    if let Some(difference) = header.settings.difference(settings) {
        return Err(Error::Settings { journal: name, difference });
    }
    lines
        .map(|(index, line)| {
            let sample: Sample = serde_json::from_str(line).map_err(damaged(index + 1))?;
            Ok((sample.id.clone(), sample))
        })
        .collect()
}

/// Appends one line for each of `entries`.
pub(crate) fn write<'a, T: Serialize + 'a>(
    journal: &mut dyn Journal,
    entries: impl IntoIterator<Item = &'a T>,
) -> Result<(), Error> {
    let mut text = String::new();
    let failed = |source| Error::Journal { journal: journal.name().into(), source };
    for entry in entries {
        text += &serde_json::to_string(entry).map_err(|error| failed(error.into()))?;
        text.push('\n');
    }
    journal.append(&text).map_err(|source| Error::Journal { journal: journal.name().into(), source })
}
