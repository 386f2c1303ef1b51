//! From YAML to a [`Config`].

mod model;
mod node;
mod parameters;
mod tokenizer;

use std::ops::Range;

use self::model::model;
use self::node::{Entries, get, is_null, list, map, required, text_of, whole, word, wrong};
use self::parameters::parameters;
use self::tokenizer::tokenizer;
use super::keys;
use super::tree::{self, Node, Value};
use super::{Config, ConfigError, Dialect, Key, Layout, ModelEntry, Module, OutputSlice, SliceSource};
use crate::OutDtype;
use crate::error::shown;

impl Config {
    /// Reads and validates a merge written in mergekit's YAML (so also in JSON).
    ///
    /// # Errors
    ///
    /// When the text is not such a file, or [`validate`](Self::validate) refuses it.
    pub fn from_yaml(text: &str) -> Result<Self, ConfigError> {
        let root = tree::parse(text)?;
        let file = keys::FILE.entries(&root)?;
        let merge_method = required(file, "merge_method", &keys::FILE, &root, "ties")?;
        let config = Self {
            merge_method: Key { name: text_of(merge_method, "merge_method")?, line: merge_method.line },
            base_model: get(file, "base_model").map(model).transpose()?,
            layout: layout(file, "the file", &["models", "slices", "modules"])?,
            parameters: parameters(file)?,
            dtype: dtype(file, "dtype")?,
            out_dtype: dtype(file, "out_dtype")?,
            tokenizer: tokenizer(file)?,
            chat_template: get(file, "chat_template")
                .map(|node| text_of(node, "chat_template"))
                .transpose()?,
            dialect: match get(file, "dialect") {
                Some(node) => {
                    word(node, "dialect", &keys::DIALECTS, &Dialect::ALL.map(|(_, dialect)| dialect))?
                }
                None => Dialect::default(),
            },
            seed: get(file, "random_seed")
                .map(|node| whole(node, "random_seed", "a whole number from 0 to 2^53", Self::MAX_SEED))
                .transpose()?,
        };
        config.validate()?;
        Ok(config)
    }
}

/// Whether a text is meant as a mergekit file rather than a [`Recipe`](crate::Recipe): a mapping with `merge_method` and
/// without `version` and a recipe's other keys. It may still be a bad one.
pub fn looks_like_mergekit(text: &str) -> bool {
    let names: Vec<String> = match tree::parse(text) {
        Ok(Node { value: Value::Map(entries), .. }) => entries.into_iter().map(|(key, _)| key.name).collect(),
        Ok(_) => return false,
        // What cannot be parsed is known by its lines' beginnings, so that the right reader says what is wrong.
        Err(_) => {
            text.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name.to_owned()).collect()
        }
    };
    let has = |name: &str| names.iter().any(|key| key == name);
    has("merge_method") && !["version", "ability", "reference", "languages"].into_iter().any(has)
}

/// `models`, `slices` or `modules`.
fn layout(entries: &Entries, section: &str, allowed: &'static [&'static str]) -> Result<Layout, ConfigError> {
    let found: Vec<&(Key, Node)> =
        entries.iter().filter(|(key, node)| allowed.contains(&key.name.as_str()) && !is_null(node)).collect();
    let &[(key, node)] = &found[..] else {
        let found = found.into_iter().map(|(key, _)| key.clone()).collect();
        return Err(ConfigError::Layout { section: section.into(), found, allowed });
    };
    match key.name.as_str() {
        "models" => list(node, "models", "a list of models")?
            .iter()
            .map(entry)
            .collect::<Result<_, _>>()
            .map(Layout::Models),
        "slices" => list(node, "slices", "a list of slices")?
            .iter()
            .map(slice)
            .collect::<Result<_, _>>()
            .map(Layout::Slices),
        _ => {
            let modules = map(node, "modules", "a mapping from the modules' names to their layouts")?;
            if modules.is_empty() {
                return Err(ConfigError::Empty {
                    name: "modules".into(),
                    what: "at least one module",
                    line: key.line,
                });
            }
            modules.iter().map(module).collect::<Result<_, _>>().map(Layout::Modules)
        }
    }
}

fn entry(node: &Node) -> Result<ModelEntry, ConfigError> {
    let entries = keys::MODEL_ENTRY.entries(node)?;
    let name = required(entries, "model", &keys::MODEL_ENTRY, node, "org/model")?;
    Ok(ModelEntry { model: model(name)?, parameters: parameters(entries)? })
}

fn slice(node: &Node) -> Result<OutputSlice, ConfigError> {
    let entries = keys::SLICE.entries(node)?;
    let example = "[{model: org/model, layer_range: [0, 8]}]";
    let sources = required(entries, "sources", &keys::SLICE, node, example)?;
    Ok(OutputSlice {
        sources: list(sources, "sources", "a list of sources")?
            .iter()
            .map(source)
            .collect::<Result<_, _>>()?,
        base_model: get(entries, "base_model").map(model).transpose()?,
        parameters: parameters(entries)?,
    })
}

fn source(node: &Node) -> Result<SliceSource, ConfigError> {
    let entries = keys::SOURCE.entries(node)?;
    let name = required(entries, "model", &keys::SOURCE, node, "org/model")?;
    let range = required(entries, "layer_range", &keys::SOURCE, node, "[0, 8]")?;
    Ok(SliceSource { model: model(name)?, layers: layers(range)?, parameters: parameters(entries)? })
}

fn layers(node: &Node) -> Result<Range<usize>, ConfigError> {
    const EXPECTED: &str =
        "two whole numbers, the first layer and the one after the last, for example [0, 8]";
    let ends = list(node, "layer_range", EXPECTED)?;
    let [start, end] = ends else {
        return Err(wrong(node, "layer_range", EXPECTED));
    };
    let end_of = |end| whole(end, "layer_range", EXPECTED, u64::from(u32::MAX)).map(|layer| layer as usize);
    Ok(end_of(start)?..end_of(end)?)
}

fn module((key, node): &(Key, Node)) -> Result<(String, Module), ConfigError> {
    let entries = keys::MODULE.entries(node)?;
    let section = format!("the module {}", shown(&key.name));
    let layout = layout(entries, &section, &["models", "slices"])?;
    Ok((key.name.clone(), Module { layout, parameters: parameters(entries)? }))
}
fn dtype(entries: &Entries, key: &'static str) -> Result<Option<OutDtype>, ConfigError> {
    const DTYPES: [OutDtype; 3] = [OutDtype::Float32, OutDtype::Float16, OutDtype::Bfloat16];
    get(entries, key).map(|node| word(node, key, &keys::DTYPES, &DTYPES)).transpose()
}
