//! The numbers that a search chooses.

use maec_recipe::{LanguageModel, MergeMethod, ModelRef, Parameters, Recipe, Select};
use serde::{Deserialize, Serialize};

/// What tuning chooses: Eq. 2–5's numbers and one scale for all μ.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// α, β, γ, η, k₂ (and the task vector's λ).
    pub parameters: Parameters,
    /// μ of every target language.
    pub mu: f64,
}

impl Default for Choice {
    /// A recipe's defaults, and μ = 1.
    fn default() -> Self {
        Self { parameters: Parameters::default(), mu: 1.0 }
    }
}

impl Choice {
    /// The recipe with these numbers for models that are called `base`, `a-l0`, `l0` and by the languages' codes.
    pub fn recipe(&self, method: MergeMethod, languages: &[impl AsRef<str>]) -> Recipe {
        let model = |name: &str| ModelRef { model: name.to_owned() };
        let languages = languages.iter().map(|code| LanguageModel {
            name: code.as_ref().to_owned(),
            model: code.as_ref().to_owned(),
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

    /// Puts the numbers into a MAEC recipe; λ stays, which no MAEC merge reads.
    pub fn put_into(&self, recipe: &mut Recipe) {
        recipe.parameters = Parameters { lambda: recipe.parameters.lambda, ..self.parameters };
        for language in &mut recipe.languages {
            language.weight = self.mu;
        }
    }
}
