//! What a recipe's values must be, whatever they were read from.

use std::collections::BTreeSet;

use crate::error::shown;
use crate::{Recipe, RecipeError};

impl Recipe {
    /// The largest absolute value of a scalar or weight; anything beyond is taken for a slip.
    pub const MAX_MAGNITUDE: f64 = 1000.0;

    /// Checks every value: the version, models and patterns that are there, languages named once, numbers that are
    /// finite and of a sane size, k₂ between 0 and 1. Negative scalars and weights are allowed (they take something
    /// out of the model), and so is a recipe without languages.
    ///
    /// # Errors
    ///
    /// The first thing found wrong, in the recipe's order.
    pub fn validate(&self) -> Result<(), RecipeError> {
        if self.version != Self::VERSION {
            return Err(RecipeError::UnsupportedVersion { version: self.version.into() });
        }
        text("base_model", &self.base_model, MODEL)?;
        text("the model of ability", &self.ability.model, MODEL)?;
        text("the model of reference", &self.reference.model, MODEL)?;
        let mut names = BTreeSet::new();
        for language in &self.languages {
            let name = shown(&language.name);
            text("a language's name", &language.name, "its code, for example es")?;
            if !names.insert(&language.name) {
                return Err(RecipeError::DuplicateLanguage { name });
            }
            text(&format!("the model of {name}"), &language.model, MODEL)?;
            number(&format!("the weight of {name}"), language.weight)?;
        }
        let parameters = &self.parameters;
        number("alpha", parameters.alpha)?;
        number("beta", parameters.beta)?;
        number("gamma", parameters.gamma)?;
        number("eta", parameters.eta)?;
        match parameters.k2 {
            value if !value.is_finite() => return Err(RecipeError::NotFinite { name: "k2".into(), value }),
            value if !(0.0..=1.0).contains(&value) => return Err(RecipeError::K2OutOfRange { value }),
            _ => {}
        }
        number("lambda", parameters.lambda)?;
        for (name, patterns) in
            [("select.include", &self.select.include), ("select.exclude", &self.select.exclude)]
        {
            for pattern in patterns {
                text(&format!("a pattern of {name}"), pattern, "a tensor's name, * for any characters")?;
            }
        }
        Ok(())
    }
}

/// What a model should be, for messages.
const MODEL: &str = "a model folder, a safetensors file or a pack's entry";

fn text(name: &str, value: &str, what: &'static str) -> Result<(), RecipeError> {
    if value.trim().is_empty() {
        return Err(RecipeError::Empty { name: name.into(), what });
    }
    if value.chars().any(char::is_control) {
        return Err(RecipeError::ControlCharacter { name: name.into() });
    }
    Ok(())
}

fn number(name: &str, value: f64) -> Result<(), RecipeError> {
    if !value.is_finite() {
        return Err(RecipeError::NotFinite { name: name.into(), value });
    }
    if value.abs() > Recipe::MAX_MAGNITUDE {
        return Err(RecipeError::TooLarge { name: name.into(), value });
    }
    Ok(())
}
