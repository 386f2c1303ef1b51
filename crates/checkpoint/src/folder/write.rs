//! Writing a model folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::{CONFIG, FolderProblem, SINGLE, open_file};
use crate::error::shown;
use crate::{AtomicFolder, ByteSink, Error, TensorData, TensorInfo, write_safetensors};

/// Metadata in which our own folders list their files, so that no one else's is ever replaced.
const FILES_KEY: &str = "maec_files";

/// What goes into a model folder.
pub struct ModelFiles<'a> {
    /// Text files by name; `config.json` is required, `tokenizer.json`, `README.md` and others are welcome.
    pub texts: BTreeMap<String, String>,
    /// The tensors of `model.safetensors`.
    pub tensors: &'a [TensorInfo],
    /// Its `__metadata__`.
    pub metadata: BTreeMap<String, String>,
    /// Its data, as for [`write_safetensors`].
    pub data: &'a mut TensorData<'a>,
}

/// Writes a model folder: beside its name, then renamed, so that there is never half a folder.
///
/// A folder that exists is replaced only if it is empty or holds nothing but what this function wrote;
/// otherwise fails with [`Error::WontReplace`] before anything is written.
pub fn write_model_folder(path: &Path, files: ModelFiles<'_>) -> Result<(), Error> {
    let not = |problem| Error::NotModelFolder { name: path.display().to_string(), problem };
    if !files.texts.contains_key(CONFIG) {
        return Err(not(FolderProblem::NoConfig));
    }
    let is_odd = |name: &str| name == SINGLE || name.contains(['/', '\\', ',', ':']) || name.starts_with('.');
    if let Some(name) = files.texts.keys().find(|name| is_odd(name)) {
        return Err(not(FolderProblem::TextName { file: shown(name) }));
    }
    let folder = AtomicFolder::create(path, is_ours)?;
    for (name, text) in &files.texts {
        folder.write(name, text.as_bytes())?;
    }
    let mut metadata = files.metadata;
    let names: Vec<&str> = files.texts.keys().map(String::as_str).collect();
    metadata.insert(FILES_KEY.into(), names.join(","));
    let mut sink = folder.sink(SINGLE)?;
    write_safetensors(&mut sink, files.tensors, &metadata, files.data)?;
    Box::new(sink).finish()?;
    folder.finish()
}

/// Whether a folder holds nothing but what [`write_model_folder`] wrote.
fn is_ours(path: &Path) -> bool {
    let Ok(weights) = open_file(&path.join(SINGLE)) else { return false };
    let Some(names) = weights.metadata().get(FILES_KEY) else { return false };
    let Ok(entries) = fs::read_dir(path) else { return false };
    entries.into_iter().all(|entry| {
        entry.is_ok_and(|entry| {
            let known =
                entry.file_name().to_str().is_some_and(|n| n == SINGLE || names.split(',').any(|m| m == n));
            known && entry.file_type().is_ok_and(|t| t.is_file())
        })
    })
}
