//! Merging into files, and a look inside models.
//!
//! Both read items that were looked at, tile by tile, and load none. A merge into files is first planned from headers
//! ([`Request::Plan`](crate::Request::Plan)); [`Request::Write`](crate::Request::Write) then streams it into a folder that the person picked,
//! or into the origin's private storage, from which the page hands the files on as downloads.

use maec_recipe::Recipe;
use serde::{Deserialize, Serialize};

use crate::ItemId;

/// What is merged into files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Merging {
    /// By a recipe.
    Recipe {
        /// As for [`Request::Weigh`](crate::Request::Weigh).
        items: Vec<ItemId>,
        /// MAEC or the task vector.
        recipe: Recipe,
    },
    /// By a mergekit file.
    Config {
        /// Its text.
        yaml: String,
        /// Where its models are found, by title: as the file writes them, or by what follows the last `/`.
        items: Vec<ItemId>,
    },
}

/// Where merged files go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Destination {
    /// The folder that the person picked: its `FileSystemDirectoryHandle` follows the JSON.
    Folder,
    /// The folder [`PRIVATE_FOLDER`] of the origin's private storage.
    Private,
}

/// Where [`Destination::Private`] writes; what an earlier merge left there is removed first.
pub const PRIVATE_FOLDER: &str = "merged";

/// A merge into files before a weight is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FilePlan {
    /// `maec`, `ties`, …
    pub method: String,
    /// What it computes.
    pub formula: String,
    /// Tensors of the output.
    pub tensors: u32,
    /// Its parameters.
    pub parameters: u64,
    /// How often the inputs are read.
    pub passes: u32,
    /// Bytes of the inputs' tensors, each counted as often as it is read.
    pub bytes_read: u64,
    /// Bytes of the output's weights.
    pub bytes_written: u64,
    /// Files of weights, with their lengths in bytes.
    pub files: Vec<(String, u64)>,
    /// Most bytes of the engine's memory that the merge takes.
    pub memory_bytes: u64,
    /// Bytes that come over the network first.
    pub fetch_bytes: u64,
    /// Estimated seconds, without the network.
    pub seconds: f64,
    /// Free bytes of the origin's storage, where the browser says.
    pub storage_free: Option<u64>,
    /// Worth knowing: where added tokens come from, what is not written.
    pub notes: Vec<String>,
}

/// A method of mergekit files, for people to choose.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MethodCard {
    /// As files write it.
    pub name: String,
    /// What it computes.
    pub formula: String,
    /// Its parameters with their meaning and defaults, one a line.
    pub parameters: String,
}

/// One metric of one model as layers × kinds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeatMap {
    /// The metric, for headings: `‖δ‖ / ‖base‖`.
    pub title: String,
    /// What it is, in words.
    pub about: String,
    /// Title of the model that it is of.
    pub model: String,
    /// The rows: layers' numbers, ascending.
    pub layers: Vec<u32>,
    /// The columns: tensors' names with `*` for the layer's number, sorted.
    pub kinds: Vec<String>,
    /// `[layers, kinds]`; nothing where there is no such tensor, or no value.
    pub cells: Vec<Vec<Option<f64>>>,
    /// Tensors outside all layers, sorted by name, with their values.
    pub outside: Vec<(String, f64)>,
}

/// What was found in one tensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TensorLook {
    /// Hugging Face name.
    pub name: String,
    /// Dimensions, outermost first.
    pub shape: Vec<u64>,
    /// The dtype it is stored in.
    pub dtype: String,
    /// Statistics as text, the header row first: what, then each model.
    pub table: Vec<Vec<String>>,
    /// Of each model's δ, or of its values where there is no base.
    pub histograms: Vec<Magnitudes>,
    /// `[models, models]`: cosines of the models' δ, or of their values where there is no base.
    pub cosine: Vec<Vec<f64>>,
}

/// Counts by magnitude: place i counts 2^(first + i) ≤ |x| < 2^(first + i + 1).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Magnitudes {
    /// The exponent of the first place.
    pub first: i32,
    /// Negative values.
    pub negative: Vec<u64>,
    /// Positive values, as many places.
    pub positive: Vec<u64>,
}
