//! Merges of one seed's checkpoints.

use anyhow::{Result, anyhow};
use maec_checkpoint::{MemoryWeights, Weights};
use maec_merge::{Inputs, Options, merge_to_memory};
use maec_recipe::{LanguageModel, MergeMethod, ModelRef, Parameters, Recipe, Select};
use serde::{Deserialize, Serialize};

use super::artefacts::{Artefacts, TARGETS};
use crate::interrupt;

/// What tuning chooses: Eq. 2–5's numbers and one scale for all μ.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MaecChoice {
    /// α, β, γ, η, k₂ (and the task vector's λ).
    pub parameters: Parameters,
    /// μ of every target language.
    pub mu: f64,
}

impl MaecChoice {
    /// The recipe with these numbers over the workshop's models.
    pub fn recipe(&self, method: MergeMethod) -> Recipe {
        let model = |name: &str| ModelRef { model: name.to_owned() };
        let languages = TARGETS.iter().map(|language| LanguageModel {
            name: language.code().to_owned(),
            model: language.code().to_owned(),
            weight: self.mu,
        });
        Recipe {
            version: Recipe::VERSION,
            merge_method: method,
            base_model: "base".to_owned(),
            ability: model("a-l0"),
            reference: model("l0"),
            languages: languages.collect(),
            parameters: self.parameters,
            select: Select::default(),
            out_dtype: None,
        }
    }
}

/// Merges one seed's checkpoints by a recipe; `full` takes the all-parameter ones (F-TV).
///
/// # Errors
/// When the recipe is not valid.
pub fn merge(artefacts: &Artefacts, recipe: &Recipe, full: bool) -> Result<MemoryWeights> {
    let a = artefacts;
    let (ability, languages) =
        if full { (&a.full_ability, &a.full_languages) } else { (&a.ability, &a.languages) };
    let inputs = Inputs {
        base: &a.base,
        ability,
        reference: &a.reference,
        languages: languages.iter().map(|weights| weights as &dyn Weights).collect(),
    };
    let go_on = &mut |_: maec_merge::Progress<'_>| interrupt::flow();
    let (weights, _) =
        merge_to_memory(&inputs, recipe, &Options::default(), go_on).map_err(|e| anyhow!(e))?;
    Ok(weights)
}
