//! From YAML to a [`Config`].

use std::ops::Range;

use super::keys::{self, Section};
use super::tree::{self, Node, Value};
use super::{
    Condition, Config, ConfigError, Dialect, EmbeddingSource, Key, Layout, Lora, ModelEntry, ModelName,
    Module, OutputSlice, Setting, SliceSource, TokenId, TokenRule, TokenizerSource, TokenizerSpec, Values,
};
use crate::OutDtype;
use crate::error::shown;
use crate::number::meant;
use crate::schema::nearest;

/// The entries of a mapping.
type Entries = [(Key, Node)];

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

/// A model's name: a text, or the mapping that it is short for.
fn model(node: &Node) -> Result<ModelName, ConfigError> {
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

fn parameters(entries: &Entries) -> Result<Values, ConfigError> {
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

fn dtype(entries: &Entries, key: &'static str) -> Result<Option<OutDtype>, ConfigError> {
    const DTYPES: [OutDtype; 3] = [OutDtype::Float32, OutDtype::Float16, OutDtype::Bfloat16];
    get(entries, key).map(|node| word(node, key, &keys::DTYPES, &DTYPES)).transpose()
}

fn tokenizer(entries: &Entries) -> Result<Option<TokenizerSpec>, ConfigError> {
    let legacy = entries.iter().find(|(key, node)| key.name == "tokenizer_source" && !is_null(node));
    let Some(node) = get(entries, "tokenizer") else {
        let spec = |source| TokenizerSpec { source, ..TokenizerSpec::default() };
        return legacy.map(|(_, node)| tokenizer_source(node).map(spec)).transpose();
    };
    if let Some((key, _)) = legacy {
        let name = "the tokenizer (`tokenizer` and `tokenizer_source`)".into();
        return Err(ConfigError::Duplicate { name, line: key.line });
    }
    let entries = keys::TOKENIZER.entries(node)?;
    let mut tokens = Vec::new();
    if let Some(node) = get(entries, "tokens") {
        for (key, node) in map(node, "tokens", "a mapping from tokens to {source: …}")? {
            tokens.push((key.name.clone(), token_rule(node)?));
        }
    }
    const MULTIPLE: &str = "a whole number from 1, for example 64";
    let pad = get(entries, "pad_to_multiple_of");
    let pad = pad.map(|node| whole(node, "pad_to_multiple_of", MULTIPLE, u64::from(u32::MAX))).transpose()?;
    Ok(Some(TokenizerSpec {
        source: get(entries, "source").map(tokenizer_source).transpose()?.unwrap_or_default(),
        tokens,
        pad_to_multiple_of: pad.map(|multiple| multiple as u32),
    }))
}

fn tokenizer_source(node: &Node) -> Result<TokenizerSource, ConfigError> {
    match &node.value {
        Value::Text(text) if text == "union" => Ok(TokenizerSource::Union),
        Value::Text(text) if text == "base" => Ok(TokenizerSource::Base),
        _ => model(node).map(TokenizerSource::Model),
    }
}

fn token_rule(node: &Node) -> Result<TokenRule, ConfigError> {
    let entries = keys::TOKEN.entries(node)?;
    let force = match get(entries, "force") {
        None => false,
        Some(Node { value: Value::Flag(force), .. }) => *force,
        Some(node) => return Err(wrong(node, "force", "true or false")),
    };
    Ok(TokenRule { source: get(entries, "source").map(embedding).transpose()?, force })
}

fn embedding(node: &Node) -> Result<EmbeddingSource, ConfigError> {
    let Value::Map(entries) = &node.value else { return model(node).map(EmbeddingSource::Model) };
    let Some(kind) = get(entries, "kind") else { return model(node).map(EmbeddingSource::Model) };
    let is_zero = word(kind, "kind", &["zero", "model_token"], &[true, false])?;
    if is_zero {
        keys::ZERO.entries(node)?;
        return Ok(EmbeddingSource::Zero);
    }
    let entries = keys::MODEL_TOKEN.entries(node)?;
    let name = required(entries, "model", &keys::MODEL_TOKEN, node, "org/model")?;
    let token = match (get(entries, "token"), get(entries, "token_id")) {
        (Some(node), None) => TokenId::Text(text_of(node, "token")?),
        (None, Some(node)) => {
            let id = whole(node, "token_id", "a whole number from 0", u64::from(u32::MAX))?;
            TokenId::Id(id as u32)
        }
        _ => {
            return Err(wrong(node, "the source of a token", "one of `token` and `token_id` beside `model`"));
        }
    };
    Ok(EmbeddingSource::ModelToken { model: model(name)?, token })
}

/// The value of a key, unless it is empty.
fn get<'a>(entries: &'a Entries, name: &str) -> Option<&'a Node> {
    entries.iter().find(|(key, node)| key.name == name && !is_null(node)).map(|(_, node)| node)
}

fn required<'a>(
    entries: &'a Entries,
    key: &'static str,
    section: &Section,
    at: &Node,
    example: &'static str,
) -> Result<&'a Node, ConfigError> {
    let missing = || ConfigError::MissingKey { key, section: section.name, line: at.line, example };
    get(entries, key).ok_or_else(missing)
}

fn is_null(node: &Node) -> bool {
    matches!(node.value, Value::Null)
}

fn wrong(node: &Node, name: &str, expected: &'static str) -> ConfigError {
    ConfigError::WrongKind { name: name.into(), found: node.value.kind().into(), expected, line: node.line }
}

fn list<'a>(node: &'a Node, name: &str, expected: &'static str) -> Result<&'a [Node], ConfigError> {
    match &node.value {
        Value::List(nodes) if nodes.is_empty() => {
            Err(ConfigError::Empty { name: name.into(), what: expected, line: node.line })
        }
        Value::List(nodes) => Ok(nodes),
        _ => Err(wrong(node, name, expected)),
    }
}

fn map<'a>(node: &'a Node, name: &str, expected: &'static str) -> Result<&'a Entries, ConfigError> {
    if let Value::Map(entries) = &node.value { Ok(entries) } else { Err(wrong(node, name, expected)) }
}

fn text_of(node: &Node, name: &str) -> Result<String, ConfigError> {
    match &node.value {
        Value::Text(text) => Ok(text.clone()),
        _ => Err(wrong(node, name, "a text, in quotes if it looks like a number or a flag")),
    }
}

fn whole(node: &Node, name: &str, expected: &'static str, largest: u64) -> Result<u64, ConfigError> {
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
fn word<T: Copy>(
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
