//! A folder on disk as a set of files.

use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::FileSource;
use crate::files::missing;
use crate::{ByteSource, Error, FileSet};

/// How deep and how far a folder is listed, should someone name a whole disk.
const MAX_LISTED_DEPTH: usize = 8;
const MAX_LISTED_FILES: usize = 100_000;

/// The files in a folder and its folders.
///
/// Links to files are followed, as the hub's own cache needs; links to folders, and folders whose name begins with a
/// dot, are not listed. A listing ends after 100,000 files or eight folders down; [`FileSet::open`] knows no such limit.
#[derive(Debug, Clone)]
pub struct DirFiles {
    folder: PathBuf,
    name: String,
}

impl DirFiles {
    /// Names a folder; fails with [`Error::Missing`] where there is none.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let name = folder.display().to_string();
        if !folder.is_dir() {
            return Err(Error::Missing { path: name });
        }
        Ok(Self { folder: folder.into(), name })
    }
}

impl FileSet for DirFiles {
    fn name(&self) -> &str {
        &self.name
    }

    fn files(&self) -> Vec<(String, u64)> {
        let mut found = Vec::new();
        list(&self.folder, "", 0, &mut found);
        found.sort();
        found
    }

    fn open(&self, file: &str) -> Result<Arc<dyn ByteSource>, Error> {
        let path = Path::new(file);
        let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
        let on_disk = self.folder.join(path);
        if file.is_empty() || !inside || !on_disk.is_file() {
            return Err(missing(&self.name, file));
        }
        Ok(Arc::new(FileSource::open(&on_disk)?))
    }
}

/// Adds the files below `folder`, each path after `prefix`; what cannot be read is left out.
fn list(folder: &Path, prefix: &str, depth: usize, found: &mut Vec<(String, u64)>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if found.len() >= MAX_LISTED_FILES {
            return;
        }
        let (name, Ok(kind)) = (entry.file_name(), entry.file_type()) else { continue };
        let Some(name) = name.to_str() else { continue };
        let path = format!("{prefix}{name}");
        if kind.is_dir() {
            if depth < MAX_LISTED_DEPTH && !name.starts_with('.') {
                list(&entry.path(), &format!("{path}/"), depth + 1, found);
            }
        } else if let Ok(metadata) = fs::metadata(entry.path())
            && metadata.is_file()
        {
            found.push((path, metadata.len()));
        }
    }
}
