//! The ways in which a recipe can be bad.

use crate::mergekit::ConfigError;

/// Why a recipe is refused. Every message is one line that names the thing and says what to do.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RecipeError {
    /// The text is not YAML or JSON, or a value has the wrong type.
    #[error("the recipe cannot be read{}: {message}", at(*.line))]
    Malformed {
        /// The line, counted from 1, where the format has lines.
        line: Option<u64>,
        /// What the parser said, on one line.
        message: String,
    },
    /// A key that recipes do not have.
    #[error("unknown key `{key}` in {section}{}: {}", at(*.line), instead(*.suggestion, .known))]
    UnknownKey {
        /// The key as written.
        key: String,
        /// Where it stands: `the recipe`, `parameters`, …
        section: &'static str,
        /// The line, counted from 1, where the format has lines.
        line: Option<u64>,
        /// The nearest key that exists there.
        suggestion: Option<&'static str>,
        /// All keys that exist there.
        known: Vec<&'static str>,
    },
    /// A key without which the recipe says too little.
    #[error("{section} has no `{key}`: add it, for example `{key}: {example}`")]
    MissingKey {
        /// The key.
        key: &'static str,
        /// Where it belongs: `the recipe`, `languages`, …
        section: &'static str,
        /// A value it could have.
        example: &'static str,
    },
    /// A recipe of another version of the schema.
    #[error("the recipe's version is {version}: this program reads version 1")]
    UnsupportedVersion {
        /// The version it states.
        version: u64,
    },
    /// A word where only certain words can stand.
    #[error("{key} is `{value}`{}: {}", at(*.line), instead(*.suggestion, .allowed))]
    UnknownValue {
        /// The key.
        key: &'static str,
        /// The value as written.
        value: String,
        /// The line, counted from 1, where the format has lines.
        line: Option<u64>,
        /// The nearest word that is allowed.
        suggestion: Option<&'static str>,
        /// All words that are allowed.
        allowed: Vec<&'static str>,
    },
    /// A key of a number holds something else.
    #[error("{key} is {}{}: {}", given(.value), at(*.line), number(*.suggestion))]
    NotANumber {
        /// The key.
        key: &'static str,
        /// The value as written.
        value: String,
        /// The line, counted from 1, where the format has lines.
        line: Option<u64>,
        /// The number that was probably meant.
        suggestion: Option<f64>,
    },
    /// k₂ is not a fraction.
    #[error("k2 is {value} ({} %): give a fraction between 0 and 1, for example 0.8", percent(*.value))]
    K2OutOfRange {
        /// k₂ as given.
        value: f64,
    },
    /// A number is NaN or infinite.
    #[error("{name} is {value}: give a finite number")]
    NotFinite {
        /// Which number: `gamma`, `the weight of es`, …
        name: String,
        /// Its value.
        value: f64,
    },
    /// A number is so large that it can only be a slip.
    #[error("{name} is {}: give a number between -{limit} and {limit}", short(*.value), limit = crate::Recipe::MAX_MAGNITUDE)]
    TooLarge {
        /// Which number: `gamma`, `the weight of es`, …
        name: String,
        /// Its value.
        value: f64,
    },
    /// A model, a language's name or a pattern is empty.
    #[error("{name} is empty: give {what}")]
    Empty {
        /// Which text: `base_model`, `the model of es`, …
        name: String,
        /// What should stand there.
        what: &'static str,
    },
    /// A model, a language's name or a pattern holds a line break or another control character.
    #[error("{name} holds a control character: write it on one line, without tabs")]
    ControlCharacter {
        /// Which text: `base_model`, `the model of es`, …
        name: String,
    },
    /// Two languages have the same name.
    #[error("the language `{name}` is given twice: leave one out or rename it")]
    DuplicateLanguage {
        /// The name.
        name: String,
    },
    /// The method cannot be said in a mergekit file.
    #[error(
        "mergekit has no equivalent of the method {method}: export a task_vector recipe, or merge this one here"
    )]
    NoMergekitMethod {
        /// The method's name.
        method: &'static str,
    },
    /// What the recipe says cannot stand in a mergekit file.
    #[error("the recipe cannot be written as a mergekit file: {0}")]
    Mergekit(#[from] ConfigError),
}

/// ` (line 9)`, or nothing.
pub(crate) fn at(line: Option<u64>) -> String {
    line.map_or_else(String::new, |line| format!(" (line {line})"))
}

/// What to write instead of a wrong word.
pub(crate) fn instead(suggestion: Option<&str>, known: &[&str]) -> String {
    match suggestion {
        Some(word) => format!("did you mean `{word}`?"),
        None => {
            format!("give {}", known.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or "))
        }
    }
}

/// A value as written.
pub(crate) fn given(value: &str) -> String {
    if value.is_empty() { "empty".into() } else { format!("`{value}`") }
}

/// The number to write.
pub(crate) fn number(suggestion: Option<f64>) -> String {
    suggestion.map_or_else(|| "give a number, for example 0.8".into(), |number| format!("write {number}"))
}

/// A fraction as a percentage, to two places.
fn percent(value: f64) -> f64 {
    (value * 1e4).round() / 1e2
}

/// A number without hundreds of digits.
pub(crate) fn short(value: f64) -> String {
    if value.abs() < 1e9 { value.to_string() } else { format!("{value:e}") }
}

/// Foreign text made fit for a message: one line, not too long.
pub fn shown(text: &str) -> String {
    const LONGEST: usize = 200;
    // Line separators and marks that turn the writing direction are no control characters by Unicode's book.
    let is_layout =
        |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut line: String = text.chars().take(LONGEST).map(|c| if is_layout(c) { ' ' } else { c }).collect();
    if text.chars().nth(LONGEST).is_some() {
        line.push('…');
    }
    line
}

/// A parser's message without the place that it ends with.
pub(crate) fn without_place(message: &str) -> &str {
    message.rsplit_once(" at line ").map_or(message, |(head, _)| head)
}
