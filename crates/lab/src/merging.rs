//! Merges of trained parts.

use std::ops::ControlFlow;
use std::sync::Arc;

use maec_checkpoint::{MemoryWeights, Weights};
use maec_merge::{Inputs, Options, Report, merge_to_memory};
use maec_recipe::{LanguageModel, MergeMethod, ModelRef, Parameters, Recipe, Select};

use crate::error::LabError;
use crate::extract::Shifted;
use crate::extraction::LanguageVectors;

pub use maec_search::Choice as MaecChoice;

/// The recipe for models that are called `base`, `a-l0`, `l0` and by the languages' codes, each language with its μ.
pub fn recipe<'a>(
    method: MergeMethod,
    parameters: Parameters,
    languages: impl IntoIterator<Item = (&'a str, f64)>,
) -> Recipe {
    let model = |name: &str| ModelRef { model: name.to_owned() };
    let language =
        |(code, weight): (&str, f64)| LanguageModel { name: code.to_owned(), model: code.to_owned(), weight };
    Recipe {
        version: Recipe::VERSION,
        merge_method: method,
        base_model: "base".to_owned(),
        ability: model("a-l0"),
        reference: model("l0"),
        languages: languages.into_iter().map(language).collect(),
        parameters,
        select: Select::default(),
        out_dtype: None,
    }
}

/// The trained models that a merge is made of.
#[derive(Clone)]
pub struct Parts {
    /// Θo.
    pub base: Arc<dyn Weights>,
    /// Θ_{A,L0}.
    pub ability: Arc<dyn Weights>,
    /// Θ_{L0}.
    pub reference: Arc<dyn Weights>,
    /// Θ_{Li}, in the recipe's order.
    pub languages: Vec<Arc<dyn Weights>>,
    /// What every R(Lᵢ) of Eq. 3 is made of them by; a task vector's are plain.
    pub language_vectors: LanguageVectors,
}

impl Parts {
    /// Θo + R(Lᵢ) by two terms, with a recipe's α and β, where that is not Θ_{Li} itself.
    fn shifted(&self, recipe: &Recipe) -> Option<Vec<Shifted<'_>>> {
        if self.language_vectors == LanguageVectors::Plain || recipe.merge_method != MergeMethod::Maec {
            return None;
        }
        let Parameters { alpha, beta, .. } = recipe.parameters;
        let mut shifted = Vec::new();
        for (language, weights) in recipe.languages.iter().zip(&self.languages) {
            let terms: Vec<(f64, &dyn Weights)> =
                vec![(alpha, weights.as_ref()), (-beta, self.reference.as_ref())];
            shifted.push(Shifted::new(format!("r-{}", language.name), self.base.as_ref(), terms));
        }
        Some(shifted)
    }
}

/// A merged model, and what Eq. 4 said of its tensors.
pub struct Merged {
    /// Its weights.
    pub weights: MemoryWeights,
    /// Similarities and which tensors were selected.
    pub report: Report,
}

/// Merges parts by a recipe.
///
/// # Errors
/// When the recipe is not valid or the parts do not fit each other.
pub fn merge(parts: &Parts, recipe: &Recipe) -> Result<Merged, LabError> {
    let shifted = parts.shifted(recipe);
    let languages = match &shifted {
        Some(shifted) => shifted.iter().map(|weights| weights as &dyn Weights).collect(),
        None => parts.languages.iter().map(|weights| weights.as_ref() as &dyn Weights).collect(),
    };
    let inputs = Inputs {
        base: parts.base.as_ref(),
        ability: parts.ability.as_ref(),
        reference: parts.reference.as_ref(),
        languages,
    };
    let go_on = &mut |_: maec_merge::Progress<'_>| ControlFlow::Continue(());
    let (weights, report) = merge_to_memory(&inputs, recipe, &Options::default(), go_on)?;
    Ok(Merged { weights, report })
}
