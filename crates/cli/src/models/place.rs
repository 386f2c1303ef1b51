//! Where a name leads: to a file or a folder on the disk, to an entry of a pack, to something remote.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use maec_checkpoint::{ByteSource, DirFiles, Error, FileSet, FileSource, Pack};
use maec_hub::Remote;
use maec_hub::native::ReadFiles;

/// Where a name leads.
#[derive(Clone)]
pub(super) enum Place {
    /// A file on the disk.
    File(PathBuf),
    /// A folder on the disk.
    Folder(Arc<NotedFiles>),
    /// A model or a file of the hub, or behind a URL.
    Remote(Arc<ReadFiles>),
    /// A model of a pack, by its id there.
    Entry(Arc<Pack>, String),
}

impl Place {
    /// A folder on the disk.
    pub fn folder(path: &Path) -> Result<Self, Error> {
        let files = DirFiles::open(path)?;
        Ok(Self::Folder(Arc::new(NotedFiles { folder: path.to_owned(), files, opened: Mutex::default() })))
    }

    /// The files, where there are several.
    pub fn files(&self) -> Option<&dyn FileSet> {
        match self {
            Self::Folder(files) => Some(files.as_ref()),
            Self::Remote(files) if !is_file(files) => Some(files.as_ref()),
            _ => None,
        }
    }

    /// The bytes, where there is one file.
    pub fn source(&self) -> Result<Option<Arc<dyn ByteSource>>, Error> {
        match self {
            Self::File(path) => Ok(Some(Arc::new(FileSource::open(path)?))),
            Self::Remote(files) if is_file(files) => {
                files.needed().first().map(|it| files.open(it)).transpose()
            }
            _ => Ok(None),
        }
    }

    /// Its path on the disk, in the cache where it is remote.
    pub fn path(&self) -> Option<PathBuf> {
        match self {
            Self::File(path) => Some(path.clone()),
            Self::Folder(files) => Some(files.folder.clone()),
            Self::Remote(files) => Some(files.path()),
            Self::Entry(..) => None,
        }
    }

    /// The files of it that were opened, on the disk.
    pub fn opened(&self) -> Vec<PathBuf> {
        match self {
            Self::File(path) => vec![path.clone()],
            Self::Folder(files) => files.opened().into_iter().map(|file| files.folder.join(file)).collect(),
            Self::Remote(files) if is_file(files) => vec![files.path()],
            Self::Remote(files) => files.opened().into_iter().map(|file| files.path().join(file)).collect(),
            Self::Entry(..) => Vec::new(),
        }
    }
}

fn is_file(files: &ReadFiles) -> bool {
    matches!(files.remote(), Remote::File(_))
}

/// A folder's files, with note taken of those that are opened.
pub(super) struct NotedFiles {
    folder: PathBuf,
    files: DirFiles,
    opened: Mutex<BTreeSet<String>>,
}

impl NotedFiles {
    fn opened(&self) -> BTreeSet<String> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl FileSet for NotedFiles {
    fn name(&self) -> &str {
        self.files.name()
    }

    fn files(&self) -> Vec<(String, u64)> {
        self.files.files()
    }

    fn open(&self, file: &str) -> Result<Arc<dyn ByteSource>, Error> {
        let source = self.files.open(file)?;
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).insert(file.to_owned());
        Ok(source)
    }
}
