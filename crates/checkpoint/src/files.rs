//! The files of a model, wherever they are: a folder, memory, dropped files, a repository of the hub.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::{ByteSource, Error, MemorySource};

/// Longest text file that is read whole; the largest `tokenizer.json` in use has about 40 MB.
pub(crate) const MAX_TEXT_BYTES: u64 = 100_000_000;

/// Files by relative path, opened one by one.
pub trait FileSet: Send + Sync {
    /// What messages call the set: a folder, `org/name@rev`, a title.
    fn name(&self) -> &str;

    /// Relative paths with `/` between parts and their lengths in bytes, sorted by path.
    fn files(&self) -> Vec<(String, u64)>;

    /// Opens a file. Fails with [`Error::Missing`] where the set has none of this path.
    fn open(&self, file: &str) -> Result<Arc<dyn ByteSource>, Error>;
}

/// Files whose sources are at hand, such as those that a person dropped on a page.
#[derive(Clone)]
pub struct SourceFiles {
    name: String,
    files: BTreeMap<String, Arc<dyn ByteSource>>,
}

impl SourceFiles {
    /// Sources by relative path, in a set that messages call `name`.
    pub fn new(name: impl Into<String>, files: BTreeMap<String, Arc<dyn ByteSource>>) -> Self {
        Self { name: name.into(), files }
    }
}

impl FileSet for SourceFiles {
    fn name(&self) -> &str {
        &self.name
    }

    fn files(&self) -> Vec<(String, u64)> {
        self.files.iter().map(|(path, source)| (path.clone(), source.len())).collect()
    }

    fn open(&self, file: &str) -> Result<Arc<dyn ByteSource>, Error> {
        self.files.get(file).cloned().ok_or_else(|| missing(&self.name, file))
    }
}

impl fmt::Debug for SourceFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceFiles").field("name", &self.name).field("files", &self.files()).finish()
    }
}

/// Files in memory.
#[derive(Debug, Clone)]
pub struct MemoryFiles(SourceFiles);

impl MemoryFiles {
    /// Bytes by relative path, in a set that messages call `name`.
    pub fn new(name: impl Into<String>, files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        let name = name.into();
        let source = |path: String, bytes| -> (String, Arc<dyn ByteSource>) {
            let source = MemorySource::new(format!("{name}/{path}"), bytes);
            (path, Arc::new(source))
        };
        let files = files.into_iter().map(|(path, bytes)| source(path, bytes)).collect();
        Self(SourceFiles::new(name, files))
    }
}

impl FileSet for MemoryFiles {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn files(&self) -> Vec<(String, u64)> {
        self.0.files()
    }

    fn open(&self, file: &str) -> Result<Arc<dyn ByteSource>, Error> {
        self.0.open(file)
    }
}

/// [`Error::Missing`] for a file that a set lacks.
pub(crate) fn missing(set: &str, file: &str) -> Error {
    Error::Missing { path: format!("{set}/{file}") }
}

/// The source of a file, or `None` where the set has none of this path.
pub(crate) fn find(files: &dyn FileSet, file: &str) -> Result<Option<Arc<dyn ByteSource>>, Error> {
    match files.open(file) {
        Err(Error::Missing { .. }) => Ok(None),
        found => found.map(Some),
    }
}
