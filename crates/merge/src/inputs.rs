//! The models that a merge reads.

use maec_checkpoint::{Error, TensorInfo, Weights, dtype};
use maec_recipe::{MergeMethod, Recipe};

use crate::{MergeError, method::method};

/// The models of a recipe, opened. A sparse delta stands here as base + delta (`DeltaWeights`).
#[derive(Clone)]
pub struct Inputs<'a> {
    /// Θo.
    pub base: &'a dyn Weights,
    /// Θ_{A,L0}.
    pub ability: &'a dyn Weights,
    /// Θ_{L0}; the task vector does not look at it.
    pub reference: &'a dyn Weights,
    /// Θ_{L1}…Θ_{Ln}, in the recipe's order.
    pub languages: Vec<&'a dyn Weights>,
}

impl<'a> Inputs<'a> {
    /// The models that a method reads, each with its part: `base`, `ability`, `reference`, `language es`, ….
    pub fn models(&self, recipe: &Recipe) -> Vec<(String, &'a dyn Weights)> {
        let mut models = vec![("base".to_owned(), self.base), ("ability".to_owned(), self.ability)];
        if uses_reference(recipe.merge_method) {
            models.push(("reference".to_owned(), self.reference));
        }
        let languages = recipe.languages.iter().zip(&self.languages);
        models.extend(languages.map(|(language, &model)| (format!("language {}", language.name), model)));
        models
    }

    /// The base's description of a tensor, once every other model is known to have its like.
    pub(crate) fn tensor(&self, recipe: &Recipe, name: &str) -> Result<&'a TensorInfo, MergeError> {
        if let Some(problem) = self.miscount(recipe) {
            return Err(problem);
        }
        let info = self.base.info(name)?;
        match self.mismatches(recipe, info).into_iter().next() {
            Some(problem) => Err(problem),
            None => Ok(info),
        }
    }

    /// [`MergeError::LanguageCount`] unless there is a model for each of the recipe's languages.
    pub(crate) fn miscount(&self, recipe: &Recipe) -> Option<MergeError> {
        let (expected, found) = (recipe.languages.len(), self.languages.len());
        (expected != found).then_some(MergeError::LanguageCount { expected, found })
    }

    /// What keeps one tensor of the base from being merged, in every model.
    pub(crate) fn mismatches(&self, recipe: &Recipe, base: &TensorInfo) -> Vec<MergeError> {
        if !dtype::is_float(base.dtype) {
            return vec![
                Error::NotFloat { name: format!("tensor `{}` of dtype {}", base.name, base.dtype) }.into(),
            ];
        }
        let others = self.models(recipe).into_iter().skip(1);
        others.filter_map(|(_, model)| compare(base, model).err()).collect()
    }
}

fn uses_reference(of: MergeMethod) -> bool {
    method(of).uses_reference()
}

fn compare(base: &TensorInfo, model: &dyn Weights) -> Result<(), MergeError> {
    let info = model.info(&base.name)?;
    if info.shape != base.shape {
        return Err(Error::WrongShape {
            name: model.name().into(),
            tensor: info.name.clone(),
            expected: base.shape.clone(),
            found: info.shape.clone(),
        }
        .into());
    }
    if !dtype::holds(info.dtype, base.dtype) {
        return Err(MergeError::WrongDtype {
            model: model.name().into(),
            tensor: info.name.clone(),
            expected: base.dtype,
            found: info.dtype,
        });
    }
    Ok(())
}
