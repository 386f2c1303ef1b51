//! Recipes as text: JSON, and YAML behind the feature `yaml`.

use crate::error::without_place;
use crate::schema::{Stop, explain};
use crate::{Recipe, RecipeError};

impl Recipe {
    /// Reads and validates a recipe written in JSON.
    ///
    /// # Errors
    ///
    /// When the text is not a recipe, or [`validate`](Self::validate) refuses it.
    pub fn from_json(text: &str) -> Result<Self, RecipeError> {
        let recipe: Self = serde_json::from_str(text).map_err(|error| {
            let tree = serde_json::from_str(text).ok();
            let line = u64::try_from(error.line()).ok().filter(|&line| line > 0);
            let stop = Stop { line, offset: offset(text, error.line(), error.column()) };
            explain(text, tree.as_ref(), stop, without_place(&error.to_string()))
        })?;
        recipe.validate()?;
        Ok(recipe)
    }

    /// The recipe in JSON, over several lines; reads back to the same bits.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a recipe holds only strings and numbers")
    }

    /// Reads and validates a recipe written in YAML (so also in JSON).
    ///
    /// # Errors
    ///
    /// When the text is not a recipe, or [`validate`](Self::validate) refuses it.
    #[cfg(feature = "yaml")]
    pub fn from_yaml(text: &str) -> Result<Self, RecipeError> {
        let recipe: Self = serde_saphyr::from_str(text).map_err(|error| {
            let tree = serde_saphyr::from_str(text).ok();
            let location = error.location().filter(|location| location.line() > 0);
            let stop = Stop {
                line: location.map(|location| location.line()),
                offset: location.and_then(|at| at.span().byte_offset()).and_then(|at| at.try_into().ok()),
            };
            explain(text, tree.as_ref(), stop, without_place(&error.without_snippet().to_string()))
        })?;
        recipe.validate()?;
        Ok(recipe)
    }

    /// The recipe in YAML; reads back to the same bits.
    #[cfg(feature = "yaml")]
    pub fn to_yaml(&self) -> String {
        serde_saphyr::to_string(self).expect("a recipe holds only strings and numbers")
    }
}

/// The byte at a line and a column, both counted from 1, the column in bytes.
fn offset(text: &str, line: usize, column: usize) -> Option<usize> {
    let before: usize = text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
    Some(before + column.checked_sub(1)?)
}
