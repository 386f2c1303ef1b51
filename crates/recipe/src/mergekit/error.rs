//! The ways in which a mergekit file can be bad.

use super::{Config, Key};
use crate::error::{at, given, instead, number, short};

/// Why a mergekit file is refused. Every message is one line that names the thing, its line and what to do.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ConfigError {
    /// The text is not YAML.
    #[error("the mergekit file cannot be read{}: {message}", at(*.line))]
    Malformed {
        /// The line, counted from 1.
        line: Option<u64>,
        /// What the parser said, on one line.
        message: String,
    },
    /// The text is longer than any such file.
    #[error(
        "the mergekit file has {bytes} bytes, more than the {} one can have: give the merge's own file",
        Config::MAX_BYTES
    )]
    TooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// Something of the wrong kind stands there.
    #[error("{name} is {found}{}: give {expected}", at(*.line))]
    WrongKind {
        /// What it is: `models`, `layer_range`, …
        name: String,
        /// What was found.
        found: String,
        /// What should stand there.
        expected: &'static str,
        /// The line, counted from 1.
        line: Option<u64>,
    },
    /// A key that does not exist there.
    #[error("unknown key `{key}` in {section}{}: {}", at(*.line), instead(*.suggestion, .known))]
    UnknownKey {
        /// The key as written.
        key: String,
        /// Where it stands: `the file`, `models`, …
        section: &'static str,
        /// The line, counted from 1.
        line: Option<u64>,
        /// The nearest key that exists there.
        suggestion: Option<&'static str>,
        /// All keys that exist there.
        known: &'static [&'static str],
    },
    /// A method's parameter outside `parameters`.
    #[error("`{key}` stands in {section} itself{}: move it into `parameters` there", at(*.line))]
    OutsideParameters {
        /// The parameter.
        key: String,
        /// Where it stands.
        section: &'static str,
        /// Its line, counted from 1.
        line: Option<u64>,
    },
    /// A key or value that mergekit's files can have and that is not honoured here.
    #[error("{what}{} is not supported: {advice}", at(*.line))]
    Unsupported {
        /// What it is.
        what: String,
        /// The line, counted from 1.
        line: Option<u64>,
        /// What to do.
        advice: &'static str,
    },
    /// A key without which the file says too little.
    #[error("{section}{} has no `{key}`: add it, for example `{key}: {example}`", at(*.line))]
    MissingKey {
        /// The key.
        key: &'static str,
        /// Where it belongs.
        section: &'static str,
        /// The line where that begins, counted from 1.
        line: Option<u64>,
        /// A value it could have.
        example: &'static str,
    },
    /// None or several of `models`, `slices` and `modules`.
    #[error("{section} has {}", layouts(.found, .allowed))]
    Layout {
        /// Where: `the file` or a module.
        section: String,
        /// Those that are there.
        found: Vec<Key>,
        /// Those that can be there.
        allowed: &'static [&'static str],
    },
    /// A word where only certain words can stand.
    #[error("{key} is `{value}`{}: {}", at(*.line), instead(*.suggestion, .allowed))]
    UnknownValue {
        /// The key.
        key: &'static str,
        /// The value as written.
        value: String,
        /// The line, counted from 1.
        line: Option<u64>,
        /// The nearest word that is allowed.
        suggestion: Option<&'static str>,
        /// All words that are allowed.
        allowed: &'static [&'static str],
    },
    /// A model's name that cannot be one.
    #[error("the model `{value}`{} has {problem}: write model@revision+lora@revision, each part only where needed", at(*.line))]
    BadModelName {
        /// The name as written.
        value: String,
        /// The line, counted from 1.
        line: Option<u64>,
        /// What is wrong.
        problem: &'static str,
    },
    /// A range that holds no layers, or layers that no model has.
    #[error(
        "the layer_range of {model} is [{start}, {end}]{}: give [first, end] with first below end, end at most {}",
        at(*.line),
        Config::MAX_LAYERS
    )]
    LayerRange {
        /// Whose range.
        model: String,
        /// Its start as given.
        start: usize,
        /// Its end as given.
        end: usize,
        /// The line, counted from 1.
        line: Option<u64>,
    },
    /// Sources of one slice with different numbers of layers.
    #[error(
        "{model} gives {layers} layers{} to a slice whose first source gives {expected}: make all ranges of a slice as long",
        at(*.line)
    )]
    LayerCount {
        /// Whose range.
        model: String,
        /// How long it is.
        layers: usize,
        /// How long the first source's is.
        expected: usize,
        /// The line, counted from 1.
        line: Option<u64>,
    },
    /// A filter that never gets its turn.
    #[error(
        "entry {entry} of {name}{} can never match, since {}: put it earlier or leave it out",
        at(*.line),
        earlier(*.by, .filter)
    )]
    Unreachable {
        /// The parameter.
        name: String,
        /// The parameter's line, counted from 1.
        line: Option<u64>,
        /// Which entry, counted from 1.
        entry: usize,
        /// The entry that takes all its tensors, counted from 1.
        by: usize,
        /// That entry's filter.
        filter: Option<String>,
    },
    /// Something else where a number should stand.
    #[error("{name} is {}{}: {}", given(.value), at(*.line), number(*.suggestion))]
    NotANumber {
        /// Which number.
        name: String,
        /// The value as written.
        value: String,
        /// The line, counted from 1.
        line: Option<u64>,
        /// The number that was probably meant.
        suggestion: Option<f64>,
    },
    /// A number is NaN or infinite.
    #[error("{name} is {value}{}: give a finite number", at(*.line))]
    NotFinite {
        /// Which number.
        name: String,
        /// Its value.
        value: f64,
        /// The line, counted from 1.
        line: Option<u64>,
    },
    /// A number is so large that it can only be a slip.
    #[error("{name} is {}{}: give a number between -{limit} and {limit}", short(*.value), at(*.line), limit = Config::MAX_MAGNITUDE)]
    TooLarge {
        /// Which number.
        name: String,
        /// Its value.
        value: f64,
        /// The line, counted from 1.
        line: Option<u64>,
    },
    /// Something is empty.
    #[error("{name} is empty{}: give {what}", at(*.line))]
    Empty {
        /// What is empty.
        name: String,
        /// What should stand there.
        what: &'static str,
        /// The line, counted from 1.
        line: Option<u64>,
    },
    /// A text holds a line break or another control character.
    #[error("{name} holds a control character{}: write it on one line, without tabs", at(*.line))]
    ControlCharacter {
        /// Which text.
        name: String,
        /// The line, counted from 1.
        line: Option<u64>,
    },
    /// Something is given twice.
    #[error("{name} is given twice{}: leave one out", at(*.line))]
    Duplicate {
        /// What it is.
        name: String,
        /// The second one's line, counted from 1.
        line: Option<u64>,
    },
}

/// What is wrong with the layouts found, and what to do.
fn layouts(found: &[Key], allowed: &[&str]) -> String {
    let quoted = |names: Vec<String>, word: &str| names.join(&format!(" {word} "));
    if found.is_empty() {
        let names = allowed.iter().map(|name| format!("`{name}`")).collect();
        format!("nothing to merge: add {}", quoted(names, "or"))
    } else {
        let names = found.iter().map(|key| format!("`{}`{}", key.name, at(key.line))).collect();
        format!("{}: keep one of them", quoted(names, "and"))
    }
}

/// Which entry takes another one's tensors.
fn earlier(by: usize, filter: &Option<String>) -> String {
    match filter.as_deref() {
        None | Some("*") => format!("entry {by} takes every tensor"),
        Some(filter) => format!("entry {by} takes every tensor with `{filter}` in its name"),
    }
}
