//! What a node of the tree must be.

use super::super::keys::Section;
use super::super::tree::{Node, Value};
use super::super::{ConfigError, Key};
use crate::error::shown;
use crate::schema::nearest;

/// The entries of a mapping.
pub(super) type Entries = [(Key, Node)];

/// The value of a key, unless it is empty.
pub(super) fn get<'a>(entries: &'a Entries, name: &str) -> Option<&'a Node> {
    entries.iter().find(|(key, node)| key.name == name && !is_null(node)).map(|(_, node)| node)
}

/// The value of a key that must be there; `at` is the mapping.
pub(super) fn required<'a>(
    entries: &'a Entries,
    key: &'static str,
    section: &Section,
    at: &Node,
    example: &'static str,
) -> Result<&'a Node, ConfigError> {
    let missing = || ConfigError::MissingKey { key, section: section.name, line: at.line, example };
    get(entries, key).ok_or_else(missing)
}

pub(super) fn is_null(node: &Node) -> bool {
    matches!(node.value, Value::Null)
}

/// What is said of a node of the wrong kind.
pub(super) fn wrong(node: &Node, name: &str, expected: &'static str) -> ConfigError {
    ConfigError::WrongKind { name: name.into(), found: node.value.kind().into(), expected, line: node.line }
}

/// A list that holds something.
pub(super) fn list<'a>(
    node: &'a Node,
    name: &str,
    expected: &'static str,
) -> Result<&'a [Node], ConfigError> {
    match &node.value {
        Value::List(nodes) if nodes.is_empty() => {
            Err(ConfigError::Empty { name: name.into(), what: expected, line: node.line })
        }
        Value::List(nodes) => Ok(nodes),
        _ => Err(wrong(node, name, expected)),
    }
}

pub(super) fn map<'a>(
    node: &'a Node,
    name: &str,
    expected: &'static str,
) -> Result<&'a Entries, ConfigError> {
    if let Value::Map(entries) = &node.value { Ok(entries) } else { Err(wrong(node, name, expected)) }
}

pub(super) fn text_of(node: &Node, name: &str) -> Result<String, ConfigError> {
    match &node.value {
        Value::Text(text) => Ok(text.clone()),
        _ => Err(wrong(node, name, "a text, in quotes if it looks like a number or a flag")),
    }
}

/// A whole number from 0 to `largest`.
pub(super) fn whole(
    node: &Node,
    name: &str,
    expected: &'static str,
    largest: u64,
) -> Result<u64, ConfigError> {
    match node.value {
        Value::Number(number) if number.fract() == 0.0 && (0.0..=largest as f64).contains(&number) => {
            Ok(number as u64)
        }
        Value::Number(number) => Err(ConfigError::WrongKind {
            name: name.into(),
            found: crate::error::short(number),
            expected,
            line: node.line,
        }),
        _ => Err(wrong(node, name, expected)),
    }
}

/// What one of several words stands for.
pub(super) fn word<T: Copy>(
    node: &Node,
    key: &'static str,
    words: &'static [&'static str],
    meanings: &[T],
) -> Result<T, ConfigError> {
    let text = text_of(node, key)?;
    words.iter().position(|&word| word == text).and_then(|at| meanings.get(at)).copied().ok_or_else(|| {
        let suggestion = nearest(&text, words);
        ConfigError::UnknownValue { key, value: shown(&text), line: node.line, suggestion, allowed: words }
    })
}
