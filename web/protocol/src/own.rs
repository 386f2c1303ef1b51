//! What people bring themselves: models, deltas, adapters, packs and recipes from files, URLs or the hub.
//!
//! The page first asks the engine to [`Look`](crate::Request::Look): headers only, nothing large moves. What was looked at is an
//! [`Item`]. [`Weigh`](crate::Request::Weigh) compares items and says what running them costs; only [`Load`](crate::Request::Load),
//! which a person starts, fetches weights; its progress counts bytes. Generation and evaluation then run on what was loaded.
//! Items end with the engine: after a loss, the page has everything looked at again.

use maec_recipe::Recipe;
use serde::{Deserialize, Serialize};

/// Names an item for as long as the engine lives.
pub type ItemId = u32;

/// Where something is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Files a person dropped or chose; their `File` objects follow the JSON in this order.
    Files {
        /// Paths that begin with the folder's own name (`smollm2/config.json`), which is the title; plain names for files
        /// that were chosen one by one.
        names: Vec<String>,
    },
    /// `org/name` or `org/name@revision` on the hub, a folder URL ending in `/`, or the URL of one file.
    Remote {
        /// As typed.
        name: String,
    },
}

/// Something that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Its number.
    pub id: ItemId,
    /// What messages call it: a file or folder name, `org/name@<commit>`.
    pub title: String,
    /// Bytes that its use would move over the network; 0 for local files and for what the cache holds.
    pub bytes_to_fetch: u64,
    /// What it is.
    pub kind: ItemKind,
}

/// What an item is.
#[allow(clippy::large_enum_variant, reason = "one message at a time, and few items")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemKind {
    /// A whole model.
    Model(ModelCard),
    /// A sparse delta.
    Delta(DeltaCard),
    /// A LoRA adapter.
    Adapter(AdapterCard),
    /// A pack; its base and deltas are items of their own.
    Pack {
        /// Its title.
        title: String,
        /// First 16 hex digits of the manifest's SHA-256.
        id: String,
        /// The base.
        base: ModelCard,
        /// The deltas.
        deltas: Vec<DeltaCard>,
        /// Its default recipe.
        recipe: Recipe,
    },
    /// A recipe.
    Recipe {
        /// What it says.
        recipe: Recipe,
    },
    /// A mergekit file.
    Config {
        /// Its text.
        yaml: String,
        /// The models that it names.
        models: Vec<String>,
    },
}

/// What the headers say of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// `Llama`, `Qwen2`, `Gemma 2`.
    pub architecture: String,
    /// Stored parameters.
    pub parameters: u64,
    /// Dtypes with the number of their tensors, the commonest first: `[("BF16", 272)]`.
    pub dtypes: Vec<(String, u32)>,
    /// Number of tensors.
    pub tensors: u32,
    /// Number of safetensors files.
    pub shards: u32,
    /// Bytes of the weights.
    pub bytes: u64,
    /// Rows of the embedding.
    pub vocabulary: u64,
    /// The output matrix is the embedding.
    pub tied: bool,
    /// Longest sequence.
    pub positions: u64,
    /// `BPE with 49152 tokens`, or why there is none.
    pub tokenizer: String,
    /// Has a chat template.
    pub chat: bool,
    /// Why the engine can't run it, and what to do; it can where there is none.
    pub obstacle: Option<String>,
}

/// What the header says of a sparse delta.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeltaCard {
    /// The name that recipes use.
    pub name: String,
    /// Tensors that it changes.
    pub tensors: u32,
    /// Parameters that it changes.
    pub changed: u64,
    /// First 16 hex digits of its base's fingerprint.
    pub base: String,
}

/// What the configuration and the header say of an adapter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdapterCard {
    /// Rank and α with their scale: `rank 8, α 16, scaled by α/r`; ranges where modules differ.
    pub rank: String,
    /// What it changes: `6 modules: q_proj, v_proj`, and tensors that it replaces.
    pub targets: String,
    /// Its own tensors.
    pub tensors: u32,
    /// Their bytes.
    pub bytes: u64,
    /// The model that it says it was trained on; empty where it does not say.
    pub base: String,
}

/// A difference between two items that a merge would stumble over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mismatch {
    /// Title of the item that differs from the base.
    pub item: String,
    /// What differs, in one sentence with the numbers.
    pub what: String,
    /// What to do about it.
    pub fix: String,
    /// The items can't be used together; otherwise it is worth knowing.
    pub fatal: bool,
}

/// What running something costs, known before anything large moves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Bytes that still have to come over the network.
    pub fetch_bytes: u64,
    /// Bytes that the cache has already.
    pub cached_bytes: u64,
    /// Bytes of weights on the device (GPU memory, or the tab's on the CPU).
    pub device_bytes: u64,
    /// Bytes of the key-value cache at full length.
    pub cache_bytes: u64,
    /// Estimated seconds to load local bytes and merge.
    pub seconds: f64,
    /// Free bytes of the origin's storage, where the browser says.
    pub storage_free: Option<u64>,
    /// Why it can't be loaded, and what to do; it can where there is none.
    pub obstacle: Option<String>,
}
