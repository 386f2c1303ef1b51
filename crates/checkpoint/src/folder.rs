//! Model folders in the Hugging Face layout.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

use crate::{
    AtomicFolder, ByteSink, Error, FileSource, SafetensorsReader, TensorData, TensorInfo, Weights, read_file,
    write_safetensors,
};

const CONFIG: &str = "config.json";
const TOKENIZER: &str = "tokenizer.json";
const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
const MAX_SHARDS: usize = 10_000;
/// Metadata in which our own folders list their files, so that no one else's is ever replaced.
const FILES_KEY: &str = "maec_files";

/// A model folder: `config.json`, `model.safetensors` or an index with its shards, and perhaps `tokenizer.json`.
#[derive(Debug)]
pub struct ModelFolder {
    name: String,
    config: String,
    tokenizer: Option<String>,
    shards: Vec<SafetensorsReader>,
    /// Sorted by name.
    tensors: Vec<TensorInfo>,
    /// Index into `shards` of each tensor.
    shard_of: Vec<usize>,
}

impl ModelFolder {
    /// Opens a folder and reads the header of every shard.
    ///
    /// Fails with [`Error::Missing`], [`Error::NotModelFolder`], or as [`SafetensorsReader::open`] does.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let name = path.display().to_string();
        let not = |reason: String| Error::NotModelFolder { path: name.clone(), reason };
        if !path.exists() {
            return Err(Error::Missing { path: name.clone() });
        }
        let text = |file: &str| -> Result<String, Error> {
            String::from_utf8(read_file(&path.join(file))?)
                .map_err(|_| not(format!("{file} is not UTF-8 text")))
        };
        if !path.join(CONFIG).is_file() {
            return Err(not("it has no config.json".into()));
        }
        let config = text(CONFIG)?;
        let tokenizer = path.join(TOKENIZER).is_file().then(|| text(TOKENIZER)).transpose()?;
        let (shards, places) = if path.join(SINGLE).is_file() {
            let shard = open_file(&path.join(SINGLE))?;
            let places = shard.tensors().iter().map(|info| (info.clone(), 0)).collect();
            (vec![shard], places)
        } else if path.join(INDEX).is_file() {
            open_shards(path, &text(INDEX)?, &not)?
        } else {
            return Err(not(format!("it has neither {SINGLE} nor {INDEX}")));
        };
        let (tensors, shard_of) = places.into_iter().unzip();
        Ok(Self { name, config, tokenizer, shards, tensors, shard_of })
    }

    /// The text of `config.json`.
    pub fn config(&self) -> &str {
        &self.config
    }

    /// The text of `tokenizer.json`, if there is one.
    pub fn tokenizer(&self) -> Option<&str> {
        self.tokenizer.as_deref()
    }

    /// The `__metadata__` of all shards together; where they differ, the first shard's.
    pub fn metadata(&self) -> BTreeMap<String, String> {
        let all = self.shards.iter().rev().flat_map(|shard| shard.metadata().clone());
        all.collect()
    }
}

impl Weights for ModelFolder {
    fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn read_stored(&self, name: &str, elements: Range<usize>, out: &mut [u8]) -> Result<(), Error> {
        match self.tensors.binary_search_by(|info| info.name.as_str().cmp(name)) {
            Ok(i) => self.shards[self.shard_of[i]].read_stored(name, elements, out),
            Err(_) => Err(Error::MissingTensor { name: self.name.clone(), tensor: name.into() }),
        }
    }
}

/// Opens what a recipe or a command line calls a model: a folder, or one safetensors file.
pub fn open_weights(path: &Path) -> Result<Arc<dyn Weights>, Error> {
    Ok(if path.is_dir() { Arc::new(ModelFolder::open(path)?) } else { Arc::new(open_file(path)?) })
}

fn open_file(path: &Path) -> Result<SafetensorsReader, Error> {
    SafetensorsReader::open(Arc::new(FileSource::open(path)?))
}

#[derive(Deserialize)]
struct ShardIndex {
    weight_map: BTreeMap<String, String>,
}

/// Every tensor, sorted by name, with the index of its shard.
type Places = Vec<(TensorInfo, usize)>;

/// The shards that an index names, and the place of every tensor.
fn open_shards(
    folder: &Path,
    index: &str,
    not: &dyn Fn(String) -> Error,
) -> Result<(Vec<SafetensorsReader>, Places), Error> {
    let index: ShardIndex = serde_json::from_str(index).map_err(|e| not(format!("{INDEX}: {e}")))?;
    let files: Vec<&String> = index.weight_map.values().collect::<BTreeSet<_>>().into_iter().collect();
    if files.len() > MAX_SHARDS {
        return Err(not(format!("{INDEX} names {} shards, more than {MAX_SHARDS}", files.len())));
    }
    let mut shards = Vec::with_capacity(files.len());
    for file in &files {
        if file.contains(['/', '\\', ':']) || file.starts_with('.') {
            return Err(not(format!("{INDEX} names `{file}`, which is not a file name")));
        }
        shards.push(open_file(&folder.join(file))?);
    }
    let mut places = Vec::with_capacity(index.weight_map.len());
    for (tensor, file) in &index.weight_map {
        let shard = files.binary_search(&file).map_err(|_| not(format!("{INDEX} has no shard `{file}`")))?;
        places.push((shards[shard].info(tensor)?.clone(), shard));
    }
    Ok((shards, places))
}

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
    let not =
        |reason: &str| Error::NotModelFolder { path: path.display().to_string(), reason: reason.into() };
    if !files.texts.contains_key(CONFIG) {
        return Err(not("a config.json is needed to write it"));
    }
    if files
        .texts
        .keys()
        .any(|name| name == SINGLE || name.contains(['/', '\\', ',', ':']) || name.starts_with('.'))
    {
        return Err(not("its text files must have plain names other than model.safetensors"));
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
