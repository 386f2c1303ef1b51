//! Model folders in the Hugging Face layout, wherever their files are.

mod index;
mod problem;
#[cfg(not(target_arch = "wasm32"))]
mod write;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::files::{MAX_TEXT_BYTES, find};
use crate::{ByteSource, Error, FileSet, SafetensorsReader, TensorInfo, Weights};

pub use problem::FolderProblem;
#[cfg(not(target_arch = "wasm32"))]
pub use write::{ModelFiles, write_model_folder};

const CONFIG: &str = "config.json";
const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// A model folder: `config.json`, `model.safetensors` or an index with its shards, and texts beside them.
///
/// Opening reads `config.json`, the index and the headers; other texts and the weights are read when asked for.
pub struct ModelFolder {
    name: String,
    config: String,
    /// By name; those of [`ModelFolder::TEXTS`] that there are.
    texts: BTreeMap<&'static str, Arc<dyn ByteSource>>,
    shards: Vec<SafetensorsReader>,
    /// Sorted by name.
    tensors: Vec<TensorInfo>,
    /// Index into `shards` of each tensor.
    shard_of: Vec<usize>,
}

impl ModelFolder {
    /// The text files that may stand beside the weights.
    pub const TEXTS: [&'static str; 7] = [
        CONFIG,
        "tokenizer.json",
        "tokenizer_config.json",
        "chat_template.jinja",
        "generation_config.json",
        "special_tokens_map.json",
        "README.md",
    ];

    /// Reads `config.json`, the index if there is one, and the header of every weights file.
    ///
    /// Fails with [`Error::NotModelFolder`], [`Error::NotSafetensors`], or as the files' sources do: with
    /// [`Error::NotFetched`] where bytes have yet to be downloaded, after which it can be called again.
    pub fn from_files(files: &dyn FileSet) -> Result<Self, Error> {
        let not = |problem| Error::NotModelFolder { name: files.name().into(), problem };
        let mut texts = BTreeMap::new();
        for name in Self::TEXTS {
            if let Some(source) = find(files, name)? {
                texts.insert(name, source);
            }
        }
        let config = texts.get(CONFIG).ok_or_else(|| not(FolderProblem::NoConfig))?;
        let config = text_of(files.name(), CONFIG, config.as_ref())?;
        let (shards, places) = if let Some(source) = find(files, SINGLE)? {
            let shard = SafetensorsReader::open(source)?;
            let places = shard.tensors().iter().map(|info| (info.clone(), 0)).collect();
            (vec![shard], places)
        } else if let Some(source) = find(files, INDEX)? {
            index::open_shards(files, &text_of(files.name(), INDEX, source.as_ref())?)?
        } else {
            return Err(not(FolderProblem::NoWeights));
        };
        let (tensors, shard_of) = places.into_iter().unzip();
        Ok(Self { name: files.name().into(), config, texts, shards, tensors, shard_of })
    }

    /// Opens a folder on disk, as [`ModelFolder::from_files`] does; fails with [`Error::Missing`] where there is none.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn open(path: &std::path::Path) -> Result<Self, Error> {
        Self::from_files(&crate::DirFiles::open(path)?)
    }

    /// The text of `config.json`.
    pub fn config(&self) -> &str {
        &self.config
    }

    /// The text of one of [`ModelFolder::TEXTS`], read now; `None` where there is no such file.
    pub fn text(&self, name: &str) -> Result<Option<String>, Error> {
        match self.texts.get(name) {
            Some(source) => text_of(&self.name, name, source.as_ref()).map(Some),
            None => Ok(None),
        }
    }

    /// All of [`ModelFolder::TEXTS`] that there are, by name, read now.
    pub fn texts(&self) -> Result<BTreeMap<String, String>, Error> {
        let read = |(name, source): (&&str, &Arc<dyn ByteSource>)| {
            Ok(((*name).to_owned(), text_of(&self.name, name, source.as_ref())?))
        };
        self.texts.iter().map(read).collect()
    }

    /// Length in bytes of one of [`ModelFolder::TEXTS`]; `None` where there is no such file.
    pub fn text_bytes(&self, name: &str) -> Option<u64> {
        self.texts.get(name).map(|source| source.len())
    }

    /// The `__metadata__` of all shards together; where they differ, the first shard's.
    pub fn metadata(&self) -> BTreeMap<String, String> {
        let all = self.shards.iter().rev().flat_map(|shard| shard.metadata().clone());
        all.collect()
    }

    /// The files of weights, each with its own tensors, in the order of their names.
    pub fn shards(&self) -> &[SafetensorsReader] {
        &self.shards
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

impl fmt::Debug for ModelFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelFolder")
            .field("name", &self.name)
            .field("texts", &self.texts.keys())
            .field("shards", &self.shards)
            .finish_non_exhaustive()
    }
}

/// The whole of a text file in a set; `None` where the set has none of this path. Fails with [`Error::NotModelFolder`] where
/// it is no text or longer than any honest one, or as its source does.
pub fn read_text(files: &dyn FileSet, file: &str) -> Result<Option<String>, Error> {
    find(files, file)?.map(|source| text_of(files.name(), file, source.as_ref())).transpose()
}

/// The whole of a text file of the set `name`.
fn text_of(name: &str, file: &str, source: &dyn ByteSource) -> Result<String, Error> {
    let not = |problem| Error::NotModelFolder { name: name.into(), problem };
    let (len, max) = (source.len(), MAX_TEXT_BYTES);
    if len > max {
        return Err(not(FolderProblem::TextTooLong { file: file.into(), len, max }));
    }
    let mut bytes = vec![0; len as usize];
    source.read_at(0, &mut bytes)?;
    String::from_utf8(bytes).map_err(|_| not(FolderProblem::NotText { file: file.into() }))
}

/// Opens what a recipe or a command line calls a model: a folder, or one safetensors file.
#[cfg(not(target_arch = "wasm32"))]
pub fn open_weights(path: &std::path::Path) -> Result<Arc<dyn Weights>, Error> {
    Ok(if path.is_dir() { Arc::new(ModelFolder::open(path)?) } else { Arc::new(open_file(path)?) })
}

#[cfg(not(target_arch = "wasm32"))]
fn open_file(path: &std::path::Path) -> Result<SafetensorsReader, Error> {
    SafetensorsReader::open(Arc::new(crate::FileSource::open(path)?))
}
