//! A recipe as a mergekit file, where mergekit has its method.

use super::{Config, Dialect, Key, Layout, ModelEntry, ModelName, Setting, Values};
use crate::{MergeMethod, OutDtype, Recipe, RecipeError};

impl Recipe {
    /// The same merge as mergekit's `task_arithmetic`.
    ///
    /// [`MergeMethod::TaskVector`] is Θo + λ·\[(Θ_{A,L0} − Θo) + Σ μᵢ(Θ_{Li} − Θo)\], so the ability has the weight λ and
    /// each language λ·μᵢ; a model that stands there more than once has the sum. With an `out_dtype` the merge is computed
    /// in float32 and rounded once; without one both are left out, and mergekit computes and stores in the models' own.
    ///
    /// # Errors
    ///
    /// When the recipe is not valid, and [`RecipeError::NoMergekitMethod`] for [`MergeMethod::Maec`], whose choice of
    /// tensors by their cosine no mergekit file can say.
    pub fn to_mergekit(&self) -> Result<Config, RecipeError> {
        self.validate()?;
        if self.merge_method != MergeMethod::TaskVector {
            return Err(RecipeError::NoMergekitMethod { method: "maec" });
        }
        let lambda = self.parameters.lambda;
        let languages = self.languages.iter().map(|language| (&language.model, lambda * language.weight));
        let mut weights: Vec<(ModelName, f64)> = Vec::new();
        for (model, weight) in std::iter::once((&self.ability.model, lambda)).chain(languages) {
            let model = name(model);
            match weights.iter_mut().find(|(known, _)| *known == model) {
                Some((_, sum)) => *sum += weight,
                None => weights.push((model, weight)),
            }
        }
        let entry = |(model, weight)| {
            let parameters = Values(vec![("weight".into(), Setting::Number(weight))]);
            ModelEntry { model, parameters }
        };
        let config = Config {
            merge_method: Key::from("task_arithmetic"),
            base_model: Some(name(&self.base_model)),
            layout: Layout::Models(weights.into_iter().map(entry).collect()),
            parameters: Values::default(),
            dtype: self.out_dtype.map(|_| OutDtype::Float32),
            out_dtype: self.out_dtype,
            tokenizer: None,
            chat_template: None,
            dialect: Dialect::default(),
            seed: None,
        };
        config.validate()?;
        Ok(config)
    }
}

/// A recipe's model; one that is no `model@rev+lora` is a path with such letters.
fn name(model: &str) -> ModelName {
    let as_path = |_| ModelName { model: model.into(), revision: None, lora: None, line: None };
    ModelName::parse(model).unwrap_or_else(as_path)
}
