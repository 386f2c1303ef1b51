//! Merges as mergekit writes them: YAML in, YAML out, every construct kept.
//!
//! A [`Config`] says which models are merged ([`Layout`]), by which method, and with which [`Values`]. It knows the
//! file's *form* alone: which methods there are, and which parameters one has, is the merge engine's to say, so keys keep
//! the line they were written on. What cannot be honoured is a [`ConfigError`] that names it and its line.
//!
//! Facts that a reader of such files relies on, found by running mergekit 0.1.5:
//!
//! - exactly one of `models`, `slices` and `modules` stands in a file, and one of the first two in a module;
//! - a parameter is looked up at the source, then the slice, then the module, then the whole file, see [`value`];
//! - a filter is a piece of a tensor's name (`*` is any name), and the first that fits wins, see [`Setting::at`];
//! - a list of numbers is interpolated over the layers of its slice, see [`gradient_position`].
//!
//! ```
//! # #[cfg(feature = "yaml")] {
//! use maec_recipe::mergekit::{Config, Layout, value};
//!
//! let config = Config::from_yaml("
//! merge_method: task_arithmetic
//! base_model: org/base
//! models:
//!   - model: org/math@v2
//!     parameters:
//!       weight: [{filter: mlp, value: [0, 1]}, {value: 0.5}]
//! ").unwrap();
//! let Layout::Models(models) = &config.layout else { unreachable!() };
//! let levels = [&models[0].parameters, &config.parameters];
//! assert_eq!(value(&levels, "weight", "model.layers.3.mlp.up_proj.weight", 0.25), Some(0.25));
//! assert_eq!(value(&levels, "weight", "model.norm.weight", 0.0), Some(0.5));
//! # }
//! ```

mod error;
mod export;
#[cfg(feature = "yaml")]
mod keys;
mod name;
#[cfg(feature = "yaml")]
mod read;
mod rename;
mod setting;
mod tokenizer;
#[cfg(feature = "yaml")]
mod tree;
mod validate;
#[cfg(feature = "yaml")]
mod write;

use std::ops::Range;

pub use error::ConfigError;
pub use name::{Lora, ModelName};
#[cfg(feature = "yaml")]
pub use read::looks_like_mergekit;
pub use setting::{Condition, Key, Setting, Values, flag, gradient_position, value};
pub use tokenizer::{EmbeddingSource, TokenId, TokenRule, TokenizerSource, TokenizerSpec};

use crate::OutDtype;

/// One merge, as a mergekit file says it.
///
/// Two configurations are equal when they say the same, on whatever lines.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The method's name as written, and its line. Which names exist is the merge engine's to say.
    pub merge_method: Key,
    /// The model that the others are differences from, where the method has one.
    pub base_model: Option<ModelName>,
    /// What is merged with what.
    pub layout: Layout,
    /// The parameters for the whole file, which stand behind all others.
    pub parameters: Values,
    /// The dtype that the method computes in; the engine's choice when absent.
    pub dtype: Option<OutDtype>,
    /// The dtype of the output; [`dtype`](Self::dtype) when absent, else the inputs'.
    pub out_dtype: Option<OutDtype>,
    /// How vocabularies are joined; the base's tokenizer is taken as it is when absent.
    pub tokenizer: Option<TokenizerSpec>,
    /// `auto`, a known template's name or a template's text, for the output's tokenizer.
    pub chat_template: Option<String>,
    /// Whose formulas stand behind the method's name. This project's own key, which mergekit ignores.
    pub dialect: Dialect,
    /// The seed of methods that draw at random, at most [`Config::MAX_SEED`]; written as `random_seed`, the name of
    /// mergekit's command option (in a file mergekit ignores it).
    pub seed: Option<u64>,
}

/// What is merged with what.
#[derive(Debug, Clone, PartialEq)]
pub enum Layout {
    /// `models`: whole models, tensor by tensor.
    Models(Vec<ModelEntry>),
    /// `slices`: the output's layers from the first to the last, each slice merged from ranges of layers.
    Slices(Vec<OutputSlice>),
    /// `modules`: a layout for each part of a model of several parts, by the part's name, in the file's order. A model of
    /// one part calls it `default`.
    Modules(Vec<(String, Module)>),
}

/// One of `models`.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelEntry {
    /// Which model.
    pub model: ModelName,
    /// Its parameters.
    pub parameters: Values,
}

/// One of `slices`: as many layers of the output as each of its sources has.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputSlice {
    /// What is merged here, at least one.
    pub sources: Vec<SliceSource>,
    /// The base model of this slice, where it is not [`Config::base_model`].
    pub base_model: Option<ModelName>,
    /// The parameters of this slice.
    pub parameters: Values,
}

impl OutputSlice {
    /// How many layers of the output this slice makes: its first source's, which all of them share.
    pub fn layers(&self) -> usize {
        self.sources.first().map_or(0, |source| source.layers.len())
    }
}

/// One of a slice's `sources`.
#[derive(Debug, Clone, PartialEq)]
pub struct SliceSource {
    /// Which model.
    pub model: ModelName,
    /// Its layers, `layer_range: [start, end]`, counted from 0 and without the end.
    pub layers: Range<usize>,
    /// Its parameters.
    pub parameters: Values,
}

/// One of `modules`: a part of the model, such as its text decoder.
#[derive(Debug, Clone, PartialEq)]
pub struct Module {
    /// [`Layout::Models`] or [`Layout::Slices`]; a module has no modules.
    pub layout: Layout,
    /// The parameters of this module.
    pub parameters: Values,
}

/// Whose formulas stand behind a method's name, where tools differ.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// `mergekit`: what mergekit computes.
    #[default]
    Mergekit,
    /// `paper`: what the method's paper says.
    Paper,
    /// `peft`: what PEFT computes.
    Peft,
}

impl Dialect {
    /// All dialects with their names in a file.
    pub const ALL: [(&'static str, Self); 3] =
        [("mergekit", Self::Mergekit), ("paper", Self::Paper), ("peft", Self::Peft)];

    /// Its name in a file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mergekit => "mergekit",
            Self::Paper => "paper",
            Self::Peft => "peft",
        }
    }
}

impl Config {
    /// The largest absolute value of a number in `parameters`; anything beyond is taken for a slip.
    pub const MAX_MAGNITUDE: f64 = 1e6;
    /// The largest seed: 2⁵³, up to where every reader of YAML and JSON keeps whole numbers exact.
    pub const MAX_SEED: u64 = 1 << 53;
    /// The largest layer that a range can end at.
    pub const MAX_LAYERS: usize = 10_000;
    /// The largest file that is read, in bytes.
    pub const MAX_BYTES: usize = 1 << 20;

    /// Every distinct model once: the base, then those of the layout, then those of the tokenizer, as they first appear.
    pub fn models(&self) -> Vec<&ModelName> {
        let mut found = self.merged_models();
        if let Some(tokenizer) = &self.tokenizer {
            tokenizer.add_models(&mut found);
        }
        distinct(found)
    }

    /// As [`Config::models`], without those that only the tokenizer names, whose weights are not merged.
    pub fn merged_models(&self) -> Vec<&ModelName> {
        let mut found = Vec::new();
        found.extend(&self.base_model);
        self.layout.add_models(&mut found);
        distinct(found)
    }
}

/// Each once, where it first appears.
fn distinct(names: Vec<&ModelName>) -> Vec<&ModelName> {
    let mut distinct: Vec<&ModelName> = Vec::new();
    for name in names {
        if !distinct.contains(&name) {
            distinct.push(name);
        }
    }
    distinct
}

impl Layout {
    fn add_models<'a>(&'a self, found: &mut Vec<&'a ModelName>) {
        match self {
            Self::Models(entries) => found.extend(entries.iter().map(|entry| &entry.model)),
            Self::Slices(slices) => {
                for slice in slices {
                    found.extend(
                        slice.base_model.iter().chain(slice.sources.iter().map(|source| &source.model)),
                    );
                }
            }
            Self::Modules(modules) => {
                for (_, module) in modules {
                    module.layout.add_models(found);
                }
            }
        }
    }
}
