//! The numbers that a search chooses.

use maec_recipe::{Parameters, Recipe};
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
    /// Puts the numbers into a MAEC recipe; λ stays, which no MAEC merge reads.
    pub fn put_into(&self, recipe: &mut Recipe) {
        recipe.parameters = Parameters { lambda: recipe.parameters.lambda, ..self.parameters };
        for language in &mut recipe.languages {
            language.weight = self.mu;
        }
    }
}
