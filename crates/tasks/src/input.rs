//! Text of files, however they were got: found below a folder, dropped on the page, or fetched.

use sha2::{Digest, Sha256};

use crate::Error;

/// The most bytes that a row with a question may have.
pub(crate) const ROW_BYTES: usize = 256 * 1024;

/// One file's text.
#[derive(Debug, Clone)]
pub struct Input {
    name: String,
    language: Option<String>,
    text: String,
    sha256: String,
}

impl Input {
    /// A file called `name`, of which only what follows the last `/` counts, in `language` where it does not say so
    /// itself. A byte order mark is dropped.
    ///
    /// # Errors
    /// When `bytes` are not UTF-8 or hold a NUL.
    pub fn new(name: &str, language: Option<&str>, bytes: &[u8]) -> Result<Self, Error> {
        let name = name.rsplit(['/', '\\']).next().unwrap_or(name).to_owned();
        let text = std::str::from_utf8(bytes)
            .map_err(|error| Error::NotUtf8 { file: name.clone(), at: error.valid_up_to() })?;
        if let Some(at) = text.find('\0') {
            let line = 1 + text[..at].matches('\n').count();
            return Err(Error::Nul { file: name, line });
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).to_owned();
        let language = language.filter(|language| !language.is_empty()).map(str::to_owned);
        Ok(Self { name, language, text, sha256: sha256(bytes) })
    }

    /// Its name without folders.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// SHA-256 of its bytes, 64 hex digits.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Its text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The language that was given with it.
    pub(crate) fn language(&self) -> Option<&str> {
        self.language.as_deref()
    }

    /// Its name without the ending.
    pub(crate) fn stem(&self) -> &str {
        self.name.rsplit_once('.').map_or(&self.name, |(stem, _)| stem)
    }

    /// Whether its name ends in `.ending`, in any case.
    pub(crate) fn is(&self, ending: &str) -> bool {
        self.name.rsplit_once('.').is_some_and(|(_, found)| found.eq_ignore_ascii_case(ending))
    }

    /// Its lines that are not blank, with their numbers from 1, without line ends.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let numbered = self.text.split('\n').enumerate();
        numbered
            .map(|(index, line)| (index + 1, line.strip_suffix('\r').unwrap_or(line)))
            .filter(|(_, line)| !line.trim().is_empty())
    }

    /// An error about a field of a row.
    pub(crate) fn field(&self, line: usize, field: &'static str, problem: impl Into<String>) -> Error {
        Error::Field { file: self.name.clone(), line, field, problem: problem.into() }
    }

    /// `text` unless it is blank.
    pub(crate) fn filled<'a>(
        &self,
        line: usize,
        field: &'static str,
        text: &'a str,
    ) -> Result<&'a str, Error> {
        if text.trim().is_empty() {
            Err(self.field(line, field, "is empty; fill it or remove the row"))
        } else {
            Ok(text)
        }
    }

    /// Refuses a row of more than [`ROW_BYTES`].
    pub(crate) fn row_of(&self, line: usize, bytes: usize) -> Result<(), Error> {
        let limit = ROW_BYTES;
        if bytes <= limit {
            Ok(())
        } else {
            Err(Error::RowTooLong { file: self.name.clone(), line, bytes, limit })
        }
    }

    /// One line of JSON.
    pub(crate) fn json<'a, T: serde::Deserialize<'a>>(&self, line: usize, text: &'a str) -> Result<T, Error> {
        serde_json::from_str(text).map_err(|source| Error::Json { file: self.name.clone(), line, source })
    }
}

/// SHA-256 in hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
