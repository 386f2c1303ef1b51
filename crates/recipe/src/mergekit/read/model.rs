//! Models' names, short and long.

use super::super::tree::{Node, Value};
use super::super::{ConfigError, Lora, ModelName, keys};
use super::node::{get, required, text_of, wrong};

/// A model's name: a text, or the mapping that it is short for.
pub(super) fn model(node: &Node) -> Result<ModelName, ConfigError> {
    let name = match &node.value {
        Value::Text(text) => ModelName::parse(text).map_err(|error| match error {
            ConfigError::BadModelName { value, problem, .. } => {
                ConfigError::BadModelName { value, problem, line: node.line }
            }
            other => other,
        })?,
        Value::Map(_) => {
            let entries = keys::MODEL.entries(node)?;
            let (model, revision) = path(required(entries, "model", &keys::MODEL, node, "org/model")?)?;
            let lora = get(entries, "lora").map(path).transpose()?;
            let lora = lora.map(|(model, revision)| Lora { model, revision });
            ModelName { model, revision, lora, line: None }
        }
        _ => {
            return Err(wrong(
                node,
                "a model",
                "its folder or its id on the hub, in quotes if it looks like a number or a flag",
            ));
        }
    };
    Ok(name.at_line(node.line))
}

/// `org/model@rev`, or `{path: org/model, revision: rev}`, in which `@` and `+` are letters like others.
fn path(node: &Node) -> Result<(String, Option<String>), ConfigError> {
    if let Value::Map(_) = &node.value {
        let entries = keys::PATH.entries(node)?;
        let path = text_of(required(entries, "path", &keys::PATH, node, "org/model")?, "path")?;
        let revision = get(entries, "revision").map(|node| text_of(node, "revision")).transpose()?;
        return Ok((path, revision));
    }
    let name = model(node)?;
    match name.lora {
        None => Ok((name.model, name.revision)),
        Some(_) => Err(wrong(node, "a model within a mapping", "one name here, and the adapter as `lora`")),
    }
}
