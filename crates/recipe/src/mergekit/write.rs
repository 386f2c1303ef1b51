//! From a [`Config`] to YAML that mergekit reads, too.

use super::tree::{self, Node, Value};
use super::{
    Config, Dialect, EmbeddingSource, Key, Layout, Lora, ModelName, Module, Setting, TokenId, TokenRule,
    TokenizerSource, TokenizerSpec, Values,
};
use crate::OutDtype;

impl Config {
    /// The merge in mergekit's YAML. Of a valid configuration, [`from_yaml`](Self::from_yaml) reads the same again, to
    /// the bits of its numbers, and mergekit understands it; it ignores `dialect` and `random_seed`, which are written
    /// where they say something.
    pub fn to_yaml(&self) -> String {
        let root = Map::new()
            .with("merge_method", Some(text(&self.merge_method.name)))
            .with("base_model", self.base_model.as_ref().map(model))
            .with_all(layout(&self.layout))
            .with("parameters", parameters(&self.parameters))
            .with("dtype", self.dtype.map(dtype))
            .with("out_dtype", self.out_dtype.map(dtype))
            .with("tokenizer", self.tokenizer.as_ref().map(tokenizer))
            .with("chat_template", self.chat_template.as_deref().map(text))
            .with("random_seed", self.seed.map(|seed| Value::Number(seed as f64).into()))
            .with("dialect", (self.dialect != Dialect::default()).then(|| text(self.dialect.name())));
        tree::print(&root.node())
    }
}

/// A mapping in the making.
struct Map(Vec<(Key, Node)>);

impl Map {
    fn new() -> Self {
        Self(Vec::new())
    }

    /// With this entry, if there is a value.
    fn with(mut self, name: &str, value: Option<Node>) -> Self {
        self.0.extend(value.map(|value| (name.into(), value)));
        self
    }

    fn with_all(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    fn node(self) -> Node {
        Value::Map(self.0).into()
    }
}

fn text(text: &str) -> Node {
    Value::Text(text.into()).into()
}

fn list(nodes: impl Iterator<Item = Node>) -> Option<Node> {
    Some(Value::List(nodes.collect()).into())
}

fn layout(layout: &Layout) -> Map {
    match layout {
        Layout::Models(entries) => Map::new().with(
            "models",
            list(entries.iter().map(|entry| {
                let parameters = parameters(&entry.parameters);
                Map::new().with("model", Some(model(&entry.model))).with("parameters", parameters).node()
            })),
        ),
        Layout::Slices(slices) => Map::new().with(
            "slices",
            list(slices.iter().map(|slice| {
                let sources = list(slice.sources.iter().map(|source| {
                    let ends = [source.layers.start, source.layers.end];
                    let range = list(ends.into_iter().map(|end| Value::Number(end as f64).into()));
                    Map::new()
                        .with("model", Some(model(&source.model)))
                        .with("layer_range", range)
                        .with("parameters", parameters(&source.parameters))
                        .node()
                }));
                Map::new()
                    .with("sources", sources)
                    .with("base_model", slice.base_model.as_ref().map(model))
                    .with("parameters", parameters(&slice.parameters))
                    .node()
            })),
        ),
        Layout::Modules(modules) => {
            let module = |(name, module): &(String, Module)| {
                let node =
                    self::layout(&module.layout).with("parameters", parameters(&module.parameters)).node();
                (Key::from(name.as_str()), node)
            };
            Map::new().with("modules", Some(Value::Map(modules.iter().map(module).collect()).into()))
        }
    }
}

/// A model's name as a text, or, where that would be read as another name, as a mapping.
fn model(name: &ModelName) -> Node {
    let short = name.to_string();
    if ModelName::parse(&short).as_ref() == Ok(name) { text(&short) } else { long(name) }
}

/// A model's name as a mapping.
fn long(name: &ModelName) -> Node {
    let path = |model: &str, revision: &Option<String>| {
        Map::new().with("path", Some(text(model))).with("revision", revision.as_deref().map(text)).node()
    };
    let lora = name.lora.as_ref().map(|Lora { model, revision }| path(model, revision));
    Map::new().with("model", Some(path(&name.model, &name.revision))).with("lora", lora).node()
}

fn parameters(values: &Values) -> Option<Node> {
    let entries = values.0.iter().map(|(key, value)| (key.clone(), setting(value)));
    (!values.is_empty()).then(|| Value::Map(entries.collect()).into())
}

fn setting(setting: &Setting) -> Node {
    let value = match setting {
        Setting::Number(number) => Value::Number(*number),
        Setting::Flag(flag) => Value::Flag(*flag),
        Setting::Text(text) => Value::Text(text.clone()),
        Setting::Gradient(points) => {
            Value::List(points.iter().map(|&point| Value::Number(point).into()).collect())
        }
        Setting::Conditional(conditions) => {
            let condition = conditions.iter().map(|condition| {
                let filter = condition.filter.as_deref().map(text);
                Map::new().with("filter", filter).with("value", Some(self::setting(&condition.value))).node()
            });
            Value::List(condition.collect())
        }
    };
    value.into()
}

fn dtype(dtype: OutDtype) -> Node {
    text(match dtype {
        OutDtype::Float32 => "float32",
        OutDtype::Float16 => "float16",
        OutDtype::Bfloat16 => "bfloat16",
    })
}

fn tokenizer(spec: &TokenizerSpec) -> Node {
    let source = match &spec.source {
        TokenizerSource::Union => text("union"),
        TokenizerSource::Base => text("base"),
        TokenizerSource::Model(name) => model(name),
    };
    let rule = |(token, rule): &(String, TokenRule)| {
        let source = rule.source.as_ref().map(embedding);
        let force = rule.force.then(|| Value::Flag(true).into());
        (Key::from(token.as_str()), Map::new().with("source", source).with("force", force).node())
    };
    let tokens = spec.tokens.iter().map(rule);
    let padding = spec.pad_to_multiple_of.map(|multiple| Value::Number(multiple.into()).into());
    Map::new()
        .with("source", Some(source))
        .with("tokens", (!spec.tokens.is_empty()).then(|| Value::Map(tokens.collect()).into()))
        .with("pad_to_multiple_of", padding)
        .node()
}

fn embedding(source: &EmbeddingSource) -> Node {
    match source {
        EmbeddingSource::Zero => Map::new().with("kind", Some(text("zero"))).node(),
        EmbeddingSource::Model(name) => model(name),
        EmbeddingSource::ModelToken { model: name, token } => {
            let (key, token) = match token {
                TokenId::Text(token) => ("token", text(token)),
                TokenId::Id(id) => ("token_id", Value::Number((*id).into()).into()),
            };
            let kind = Some(text("model_token"));
            // mergekit 0.1.5 does not read two revisions in one text here.
            let has_two =
                name.revision.is_some() && name.lora.as_ref().is_some_and(|lora| lora.revision.is_some());
            let name = if has_two { long(name) } else { model(name) };
            Map::new().with("kind", kind).with("model", Some(name)).with(key, Some(token)).node()
        }
    }
}
