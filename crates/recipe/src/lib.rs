//! What to merge: the recipe (types, defaults, validation), the experiment around it, and the link that carries it.
//!
//! A [`Recipe`] has three spellings: a YAML file (feature `yaml`), JSON, and, inside an [`Experiment`], a
//! [`link`]. A [`mergekit`] file says merges of other kinds. This crate knows nothing of files' bytes or tensors' values.
//!
//! ```
//! # fn main() -> Result<(), maec_recipe::RecipeError> {
//! let recipe = maec_recipe::Recipe::from_json(r#"{
//!     "version": 1,
//!     "merge_method": "maec",
//!     "base_model": "world/base",
//!     "ability": {"model": "world/a-l0"},
//!     "reference": {"model": "world/l0"},
//!     "languages": [{"name": "es", "model": "world/es", "weight": 0.45}]
//! }"#)?;
//! assert_eq!(recipe.parameters.k2, 0.8);
//! # Ok(())
//! # }
//! ```

mod error;
mod experiment;
pub mod glob;
pub mod link;
pub mod mergekit;
mod number;
mod recipe;
mod schema;
mod text;
mod validate;

pub use error::{RecipeError, shown};
pub use experiment::{Evaluation, Experiment, ResultsMetric, Tab, View};
pub use recipe::{LanguageModel, MergeMethod, ModelRef, OutDtype, Parameters, Recipe, Select};
pub use schema::nearest;
