//! The ways in which a recipe can be bad.

/// Why a recipe is refused. Every message is one line that names the thing and says what to do.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RecipeError {
    /// The text is not YAML or JSON, or a value has the wrong type.
    #[error("the recipe cannot be read{}: {message}", at(*line))]
    Malformed {
        /// Where, counted from 1.
        line: Option<u64>,
        /// What the parser said.
        message: String,
    },
}

fn at(line: Option<u64>) -> String {
    line.map_or_else(String::new, |line| format!(" (line {line})"))
}
