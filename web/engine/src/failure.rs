//! Why a request has no answer.

use maec_checkpoint::Error as CheckpointError;
use maec_eval::EvalError;
use maec_merge::MergeError;
use maec_model::{ConfigError, LoadError};
use maec_recipe::RecipeError;
use maec_tokenizer::TokenizerError;

/// Why a request has no answer, as the page will say it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The page cancelled it.
    #[error("cancelled")]
    Cancelled,
    /// It can't be done; the engine goes on.
    #[error("{message}")]
    Refused {
        /// A sentence that names the thing.
        message: String,
        /// A sentence that says what to do, where the first does not.
        hint: Option<String>,
    },
    /// The GPU can't be used here.
    #[error("{0}")]
    Unusable(String),
    /// The device did not return its results.
    #[error("{0}")]
    Device(String),
}

impl Failure {
    /// A refusal with what to do about it.
    pub fn refused(message: impl Into<String>, hint: &str) -> Self {
        Self::Refused { message: message.into(), hint: Some(hint.into()) }
    }

    /// A refusal whose one sentence is made of an error's line.
    pub(crate) fn of(error: impl ToString) -> Self {
        Self::Refused { message: sentence(&error.to_string()), hint: None }
    }
}

/// An error's line as a sentence: a capital first, unless that is a name such as `k2`, and a full stop last.
pub(crate) fn sentence(line: &str) -> String {
    let word = line.split(' ').next().unwrap_or_default();
    let mut characters = line.chars();
    let first = characters.next().map(String::from).unwrap_or_default();
    let first = if word.chars().all(char::is_alphabetic) { first.to_uppercase() } else { first };
    let stop = if line.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{stop}", characters.as_str())
}

impl From<CheckpointError> for Failure {
    fn from(error: CheckpointError) -> Self {
        Self::of(error)
    }
}

impl From<RecipeError> for Failure {
    fn from(error: RecipeError) -> Self {
        Self::of(error)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::of(error)
    }
}

impl From<TokenizerError> for Failure {
    fn from(error: TokenizerError) -> Self {
        Self::of(error)
    }
}

impl From<MergeError> for Failure {
    fn from(error: MergeError) -> Self {
        match error {
            MergeError::Cancelled => Self::Cancelled,
            error => Self::of(error),
        }
    }
}

impl From<EvalError> for Failure {
    fn from(error: EvalError) -> Self {
        match error {
            EvalError::Cancelled => Self::Cancelled,
            EvalError::Device(reason) => Self::Device(reason),
            error => Self::of(error),
        }
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Device { reason, .. } => Self::Device(reason),
            error => Self::of(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_sentences() {
        assert_eq!(sentence("the pack has no file `a`; copy it"), "The pack has no file `a`; copy it.");
        assert_eq!(sentence("`x` differs."), "`x` differs.");
        assert_eq!(sentence("öl fehlt?"), "Öl fehlt?");
        assert_eq!(sentence("k2 is 2"), "k2 is 2.");
    }

    #[test]
    fn a_cancelled_merge_is_a_cancelled_request() {
        assert_eq!(Failure::from(MergeError::Cancelled), Failure::Cancelled);
        assert_eq!(Failure::from(EvalError::Cancelled), Failure::Cancelled);
    }
}
