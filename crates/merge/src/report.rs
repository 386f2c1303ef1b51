//! What a merge did, with its provenance.

use std::collections::BTreeMap;

use maec_recipe::Recipe;
use serde::{Deserialize, Serialize};

use crate::{TensorStats, select::Selection};

/// The account of one merge: what went in, what was chosen and why, and what came out.
///
/// Where a NaN or infinity was allowed, norms may be one, which JSON writes as `null`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What was asked for.
    pub recipe: Recipe,
    /// The models read.
    pub inputs: Vec<InputReport>,
    /// Every tensor, sorted by name.
    pub tensors: Vec<TensorReport>,
    /// Tensors in 𝒯.
    pub selected: usize,
    /// Model hash of the output, 64 hex digits.
    pub output_hash: String,
    /// The crates whose arithmetic and formats made the output, with their versions.
    pub versions: BTreeMap<String, String>,
}

/// One model that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputReport {
    /// Its part: `base`, `ability`, `reference`, `language es`, ….
    pub part: String,
    /// What it is called: a path or a title.
    pub model: String,
    /// Its model hash, 64 hex digits (a sparse delta's is that of base + delta); absent where it was not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
}

/// One tensor of the output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TensorReport {
    /// Similarity and norms.
    #[serde(flatten)]
    pub stats: TensorStats,
    /// Place in the ranking by S(τ), counted from 1.
    pub rank: usize,
    /// Whether it is in 𝒯.
    pub selected: bool,
}

impl Report {
    pub(crate) fn new(
        recipe: &Recipe,
        inputs: Vec<InputReport>,
        stats: Vec<TensorStats>,
        selection: &Selection,
        output_hash: String,
    ) -> Self {
        let ranked = stats.into_iter().zip(selection.places()).zip(&selection.selected);
        let tensors = ranked
            .map(|((stats, place), &selected)| TensorReport { stats, rank: place + 1, selected })
            .collect();
        Self {
            recipe: recipe.clone(),
            inputs,
            tensors,
            selected: selection.indices().count(),
            output_hash,
            versions: BTreeMap::from([("maec-merge".to_owned(), env!("CARGO_PKG_VERSION").to_owned())]),
        }
    }
}
