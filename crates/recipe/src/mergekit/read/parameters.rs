//! Parameters: scalars, gradients and filters.

use super::super::tree::{Node, Value};
use super::super::{Condition, ConfigError, Key, Setting, Values, keys};
use super::node::{Entries, get, map, required, text_of, wrong};
use crate::error::shown;
use crate::number::meant;

/// The parameters at one level, none where there are none.
pub(super) fn parameters(entries: &Entries) -> Result<Values, ConfigError> {
    let Some(node) = get(entries, "parameters") else { return Ok(Values::default()) };
    let entries = map(node, "parameters", "a mapping from parameters' names to their values")?;
    let read = |(key, node): &(Key, Node)| Ok((key.clone(), setting(node, key)?));
    entries.iter().map(read).collect::<Result<_, _>>().map(Values)
}

fn setting(node: &Node, key: &Key) -> Result<Setting, ConfigError> {
    let condition = |node| condition(node, key);
    match &node.value {
        Value::Map(_) => Ok(Setting::Conditional(vec![condition(node)?])),
        Value::List(nodes) if nodes.iter().any(|node| matches!(node.value, Value::Map(_))) => {
            nodes.iter().map(condition).collect::<Result<_, _>>().map(Setting::Conditional)
        }
        _ => scalar_or_gradient(node, key),
    }
}

fn condition(node: &Node, key: &Key) -> Result<Condition, ConfigError> {
    if !matches!(node.value, Value::Map(_)) {
        let name = format!("an entry of {}", shown(&key.name));
        return Err(wrong(node, &name, "{filter: …, value: …} in every entry, or numbers alone"));
    }
    let entries = keys::CONDITION.entries(node)?;
    let value = scalar_or_gradient(required(entries, "value", &keys::CONDITION, node, "0.5")?, key)?;
    Ok(Condition { filter: get(entries, "filter").map(|node| text_of(node, "filter")).transpose()?, value })
}

fn scalar_or_gradient(node: &Node, key: &Key) -> Result<Setting, ConfigError> {
    let name = shown(&key.name);
    match &node.value {
        Value::Flag(flag) => Ok(Setting::Flag(*flag)),
        Value::List(nodes) => {
            let point = |node: &Node| match (&node.value, scalar(node, &name)?) {
                (Value::Flag(flag), _) => Ok(f64::from(u8::from(*flag))),
                (_, Setting::Number(number)) => Ok(number),
                (value, _) => {
                    let value = if let Value::Text(text) = value { shown(text) } else { value.kind().into() };
                    let name = format!("a point of {name}");
                    Err(ConfigError::NotANumber { name, value, line: node.line, suggestion: None })
                }
            };
            nodes.iter().map(point).collect::<Result<_, _>>().map(Setting::Gradient)
        }
        _ => scalar(node, &name),
    }
}

fn scalar(node: &Node, name: &str) -> Result<Setting, ConfigError> {
    match &node.value {
        Value::Number(number) => Ok(Setting::Number(*number)),
        Value::Flag(flag) => Ok(Setting::Flag(*flag)),
        Value::Text(text) => match (Setting::number(text), meant(text)) {
            (Some(number), _) => Ok(Setting::Number(number)),
            (None, suggestion @ Some(_)) => Err(ConfigError::NotANumber {
                name: name.into(),
                value: shown(text),
                line: node.line,
                suggestion,
            }),
            (None, None) => Ok(Setting::Text(text.clone())),
        },
        _ => Err(wrong(node, name, "a number, a flag, a word, a list of numbers, or filters")),
    }
}
