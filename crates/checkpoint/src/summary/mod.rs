//! What the headers alone say of a model, and what would keep two models from being merged.

mod mismatch;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Deserialize;

use crate::error::shown;
use crate::{Dtype, Error, FolderProblem, ModelFolder, TensorInfo, Weights, dtype};

pub use mismatch::{Mismatch, mismatches};

/// The output matrix of a decoder that does not reuse its embedding, `[vocabulary, d_model]`.
const OUTPUT: &str = "lm_head.weight";

/// Last parts of an embedding's name in the families in use, `[vocabulary, d_model]`.
const EMBEDDINGS: [&str; 3] = ["embed_tokens.weight", "word_embeddings.weight", "wte.weight"];

/// What `config.json` and the headers say of a model; no weight is read for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelSummary {
    /// What messages call the model.
    pub name: String,
    /// The config's first architecture, e.g. `LlamaForCausalLM`, else its model type; empty where it has neither.
    pub architecture: String,
    /// Stored parameters: the elements of all tensors.
    pub parameters: u64,
    /// Dtypes with the number of their tensors, the commonest first, alike ones by name.
    pub dtypes: Vec<(Dtype, usize)>,
    /// Every tensor, sorted by name.
    pub tensors: Vec<TensorInfo>,
    /// Number of files that hold the weights.
    pub shards: usize,
    /// Bytes of the weights, headers not counted.
    pub bytes: u64,
    /// Rows of the embedding, else the config's `vocab_size`; 0 where neither is known.
    pub vocabulary: u64,
    /// The output matrix is the embedding: as the config says, else as no `lm_head.weight` is stored.
    pub tied: bool,
    /// Longest sequence by the config; 0 where it does not say.
    pub positions: u64,
}

impl ModelSummary {
    /// Summarises a folder. Fails with [`Error::NotModelFolder`] where its config cannot be read.
    pub fn of(folder: &ModelFolder) -> Result<Self, Error> {
        Self::new(folder, folder.config(), folder.shards().len())
    }

    /// Summarises weights from so many files with the text of their `config.json`, such as a pack's base.
    ///
    /// Fails with [`Error::NotModelFolder`] where the config cannot be read.
    pub fn new(weights: &dyn Weights, config: &str, shards: usize) -> Result<Self, Error> {
        let config: Config = serde_json::from_str(config).map_err(|e| Error::NotModelFolder {
            name: weights.name().into(),
            problem: FolderProblem::ConfigNotJson { reason: shown(&e.to_string()) },
        })?;
        let tensors = weights.tensors().to_vec();
        let mut counts: BTreeMap<Dtype, usize> = BTreeMap::new();
        tensors.iter().for_each(|info| *counts.entry(info.dtype).or_default() += 1);
        let mut dtypes: Vec<(Dtype, usize)> = counts.into_iter().collect();
        dtypes.sort_by_key(|&(dtype, count)| (Reverse(count), dtype::name(dtype)));
        let embedding = tensors.iter().find(|info| is_embedding(info)).map(|info| info.shape[0] as u64);
        let stores_output = tensors.iter().any(|info| info.name == OUTPUT);
        let architecture = config.architectures.into_iter().flatten().next().or(config.model_type);
        Ok(Self {
            name: weights.name().into(),
            architecture: shown(&architecture.unwrap_or_default()),
            parameters: sum(&tensors, TensorInfo::elements),
            bytes: sum(&tensors, TensorInfo::bytes),
            dtypes,
            shards,
            vocabulary: embedding.or(config.vocab_size).unwrap_or(0),
            tied: config.tie_word_embeddings.unwrap_or(!stores_output),
            positions: config.max_position_embeddings.unwrap_or(0),
            tensors,
        })
    }

    /// The description of one tensor, if the model has it.
    fn tensor(&self, name: &str) -> Option<&TensorInfo> {
        let index = self.tensors.binary_search_by(|info| info.name.as_str().cmp(name)).ok()?;
        Some(&self.tensors[index])
    }
}

/// What a summary asks of `config.json`; both of the spellings that transformers 4 and 5 write have it.
#[derive(Deserialize)]
struct Config {
    architectures: Option<Vec<String>>,
    model_type: Option<String>,
    vocab_size: Option<u64>,
    tie_word_embeddings: Option<bool>,
    max_position_embeddings: Option<u64>,
}

fn is_embedding(info: &TensorInfo) -> bool {
    let ends = |last: &str| info.name.strip_suffix(last).is_some_and(|p| p.is_empty() || p.ends_with('.'));
    info.shape.len() == 2 && EMBEDDINGS.iter().any(|last| ends(last))
}

/// A sum over all tensors; 10,000 shards may hold more than a `usize` counts.
fn sum(tensors: &[TensorInfo], of: impl Fn(&TensorInfo) -> usize) -> u64 {
    tensors.iter().fold(0, |total, info| total.saturating_add(of(info) as u64))
}
