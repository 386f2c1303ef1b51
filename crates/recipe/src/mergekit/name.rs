//! A model's name in a mergekit file: `model@rev+lora@rev`.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use super::ConfigError;
use crate::error::shown;

/// A model's name: a folder or an id on the hub, a revision, and an adapter that is applied to it.
///
/// Names are equal when they say the same, on whatever lines.
#[derive(Debug, Clone)]
pub struct ModelName {
    /// The folder or the id on the hub.
    pub model: String,
    /// Which revision of it, after `@`.
    pub revision: Option<String>,
    /// The LoRA adapter that is applied to it, after `+`.
    pub lora: Option<Lora>,
    /// The line it was read from, counted from 1.
    pub line: Option<u64>,
}

/// A LoRA adapter's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lora {
    /// The folder or the id on the hub.
    pub model: String,
    /// Which revision of it, after `@`.
    pub revision: Option<String>,
}

impl ModelName {
    /// Reads `model`, `model@rev`, `model+lora` or `model@rev+lora@rev`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::BadModelName`] where a part is empty, or there are two adapters or two revisions of one thing.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let bad = |problem| ConfigError::BadModelName { value: shown(text), line: None, problem };
        let (model, lora) = match text.split_once('+') {
            Some((_, lora)) if lora.contains('+') => return Err(bad("two adapters")),
            Some((model, lora)) => (model, Some(lora)),
            None => (text, None),
        };
        let (model, revision) = path(model).map_err(bad)?;
        let lora = lora.map(path).transpose().map_err(bad)?;
        Ok(Self { model, revision, lora: lora.map(|(model, revision)| Lora { model, revision }), line: None })
    }

    /// The same name, read from this line.
    #[must_use]
    pub fn at_line(self, line: Option<u64>) -> Self {
        Self { line, ..self }
    }

    /// What equality looks at.
    fn said(&self) -> (&str, Option<&str>, Option<&Lora>) {
        (&self.model, self.revision.as_deref(), self.lora.as_ref())
    }
}

/// A folder or id and its revision.
fn path(text: &str) -> Result<(String, Option<String>), &'static str> {
    let (path, revision) = match text.split_once('@') {
        Some((_, revision)) if revision.contains('@') => return Err("two revisions"),
        Some((_, revision)) if revision.trim().is_empty() => return Err("an `@` with no revision after it"),
        Some((path, revision)) => (path, Some(revision.to_owned())),
        None => (text, None),
    };
    if path.trim().is_empty() { Err("an empty part") } else { Ok((path.to_owned(), revision)) }
}

impl PartialEq for ModelName {
    fn eq(&self, other: &Self) -> bool {
        self.said() == other.said()
    }
}

impl Eq for ModelName {}

impl PartialOrd for ModelName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ModelName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.said().cmp(&other.said())
    }
}

impl Hash for ModelName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.said().hash(state);
    }
}

impl FromStr for ModelName {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        Self::parse(text)
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let write = |f: &mut fmt::Formatter<'_>, model: &str, revision: &Option<String>| match revision {
            Some(revision) => write!(f, "{model}@{revision}"),
            None => f.write_str(model),
        };
        write(f, &self.model, &self.revision)?;
        if let Some(lora) = &self.lora {
            f.write_str("+")?;
            write(f, &lora.model, &lora.revision)?;
        }
        Ok(())
    }
}
