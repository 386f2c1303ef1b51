//! The files of a place, under the names that a model's folder has.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use maec_checkpoint::lora::CONFIG_FILE;
use maec_checkpoint::{ByteSource, Error, FileSet};

use super::Remote;

/// Files that can be looked at.
pub(crate) struct Opened {
    /// What messages call them.
    pub title: String,
    /// The files themselves.
    pub files: Arc<dyn FileSet>,
    /// Where they are fetched from, if they are not here.
    pub remote: Option<Rc<dyn Remote>>,
}

impl Opened {
    /// Dropped files, by the paths that they came with: the folder that all of them lie in is their title and no part of
    /// their names.
    pub fn dropped(files: Arc<dyn FileSet>, paths: &[String]) -> Self {
        let are_loose = !paths.iter().any(|path| path.contains('/'));
        let names: Vec<String> = visible(files.as_ref()).collect();
        let mut root = String::new();
        while let Some(folder) = names.first().and_then(|name| name[root.len()..].split_once('/'))
            && names.iter().all(|name| name[root.len()..].starts_with(&format!("{}/", folder.0)))
        {
            root = format!("{root}{}/", folder.0);
        }
        let title = match (root.trim_end_matches('/').rsplit('/').next(), names.as_slice()) {
            (Some(folder), _) if !folder.is_empty() => folder.to_owned(),
            (_, [only]) => only.clone(),
            // Recipes name it, and "2 files" is no name.
            _ if are_loose && names.iter().any(|name| name == CONFIG_FILE) => "adapter".into(),
            _ => files.name().to_owned(),
        };
        let seen = names.into_iter().map(|name| (name[root.len()..].to_owned(), name)).collect();
        let files = Arc::new(View { name: title.clone(), files, seen });
        Self { title, files, remote: None }
    }

    /// What is behind a name or a URL.
    pub fn remote(remote: Rc<dyn Remote>) -> Self {
        Self { title: remote.title(), files: remote.files(), remote: Some(remote) }
    }

    /// The files' names, sorted.
    pub fn names(&self) -> Vec<String> {
        visible(self.files.as_ref()).collect()
    }
}

/// Names without what operating systems leave in folders.
fn visible(files: &dyn FileSet) -> impl Iterator<Item = String> {
    let hidden = |name: &str| name.split('/').any(|part| part.starts_with('.') || part == "__MACOSX");
    files.files().into_iter().map(|(name, _)| name).filter(move |name| !hidden(name))
}

/// Some files of a set, under other names.
pub(crate) struct View {
    /// What messages call them.
    pub name: String,
    /// The set.
    pub files: Arc<dyn FileSet>,
    /// The set's names by those seen here.
    pub seen: BTreeMap<String, String>,
}

impl View {
    /// A set in which some files have other names: pairs of the name seen and the set's.
    pub fn renamed(files: Arc<dyn FileSet>, renames: &[(&str, &str)]) -> Arc<dyn FileSet> {
        let mut seen: BTreeMap<String, String> =
            files.files().into_iter().map(|(name, _)| (name.clone(), name)).collect();
        for &(new, old) in renames {
            seen.insert(new.into(), old.into());
        }
        Arc::new(Self { name: files.name().into(), files, seen })
    }
}

impl FileSet for View {
    fn name(&self) -> &str {
        &self.name
    }

    fn files(&self) -> Vec<(String, u64)> {
        let lengths: BTreeMap<String, u64> = self.files.files().into_iter().collect();
        let length = |name: &String| lengths.get(name).copied();
        self.seen.iter().filter_map(|(seen, name)| Some((seen.clone(), length(name)?))).collect()
    }

    fn open(&self, file: &str) -> Result<Arc<dyn ByteSource>, Error> {
        match self.seen.get(file) {
            Some(name) => self.files.open(name),
            None => Err(Error::Missing { path: format!("{}/{file}", self.name) }),
        }
    }
}
