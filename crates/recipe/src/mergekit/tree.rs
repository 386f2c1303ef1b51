//! YAML as a tree in which everything knows its line.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_saphyr::{DoubleQuoted, DuplicateKeyPolicy, FlowMap, FlowSeq, NonFiniteFloatPolicy, Spanned};

use super::{Config, ConfigError, Key};
use crate::error::{shown, without_place};

/// A value and its line.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// The line it starts on (an alias's own), counted from 1.
    pub(super) line: Option<u64>,
    pub(super) value: Value,
}

/// What YAML can say.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Null,
    Flag(bool),
    Number(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

impl From<Value> for Node {
    fn from(value: Value) -> Self {
        Self { line: None, value }
    }
}

/// Reads one document of a sane size; alias bombs, deep nests and repeated keys are refused.
pub(super) fn parse(text: &str) -> Result<Node, ConfigError> {
    if text.len() > Config::MAX_BYTES {
        return Err(ConfigError::TooLong { bytes: text.len() });
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_nodes: 50_000, max_depth: 32, max_events: 200_000, max_total_scalar_bytes: Config::MAX_BYTES },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 50_000 },
        // `010` is eight in one reader and ten in another: it is shown to its reader as it stands.
        leading_zero_numbers_as_strings: true,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
    };
    let root: Node = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        use serde_saphyr::Error;
        let line = error.location().map(|location| location.line()).filter(|&line| line > 0);
        let error = match error.without_snippet() {
            Error::AliasError { error, .. } => error,
            error => error,
        };
        let message = match error {
            Error::MultipleDocuments { .. } => {
                "it holds several documents; give each merge a file of its own".into()
            }
            Error::Budget { .. } | Error::AliasReplayLimitExceeded { .. } => {
                "it nests or repeats more than any merge does; write it out plainly".into()
            }
            other => shown(without_place(&other.to_string())),
        };
        ConfigError::Malformed { line, message }
    })?;
    root.has_distinct_keys()?;
    Ok(root)
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Self { line: line(&spanned), value: spanned.value })
    }
}

/// The line of something read.
fn line<T>(spanned: &Spanned<T>) -> Option<u64> {
    Some(spanned.referenced.line()).filter(|&line| line > 0)
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping, a list, a number, a flag or a text")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Flag(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number as f64))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number as f64))
    }

    fn visit_i128<E>(self, number: i128) -> Result<Value, E> {
        Ok(Value::Number(number as f64))
    }

    fn visit_u128<E>(self, number: u128) -> Result<Value, E> {
        Ok(Value::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = list.next_element()? {
            nodes.push(node);
        }
        Ok(Value::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let line = line(&key);
            entries.push((Key { name: key.value, line }, map.next_value()?));
        }
        Ok(Value::Map(entries))
    }
}

/// A tree as YAML that mergekit's reader understands, too.
pub(super) fn print(root: &Node) -> String {
    serde_saphyr::to_string(&Printed(root, Style::Block)).expect("a tree of texts and numbers can be written")
}

/// How lists and maps are written.
#[derive(Clone, Copy)]
enum Style {
    /// An entry a line, but for what reads best on one.
    Block,
    /// Within a line. Nothing in there may ask for its own style: the printer would keep it for what follows.
    Flow,
}

/// A node about to be written.
struct Printed<'a>(&'a Node, Style);

impl Serialize for Printed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let &Self(node, style) = self;
        match (&node.value, style) {
            (Value::Map(entries), Style::Block) if node.is_small() => {
                FlowMap(PrintedMap(entries, Style::Flow)).serialize(serializer)
            }
            (Value::Map(entries), _) => PrintedMap(entries, style).serialize(serializer),
            (Value::List(nodes), Style::Block) if nodes.iter().all(Node::is_leaf) => {
                FlowSeq(PrintedList(nodes, Style::Flow)).serialize(serializer)
            }
            (Value::List(nodes), _) => PrintedList(nodes, style).serialize(serializer),
            (Value::Null, _) => serializer.serialize_unit(),
            (Value::Flag(flag), _) => serializer.serialize_bool(*flag),
            (Value::Number(number), _) => match whole(*number) {
                Some(whole) => serializer.serialize_i64(whole),
                None => serializer.serialize_f64(*number),
            },
            // PyYAML takes a `?` within braces for the beginning of a key.
            (Value::Text(text), Style::Flow) if text.contains('?') => {
                DoubleQuoted(text).serialize(serializer)
            }
            (Value::Text(text), _) => serializer.serialize_str(text),
        }
    }
}

/// A mapping about to be written, in its order.
struct PrintedMap<'a>(&'a [(Key, Node)], Style);

impl Serialize for PrintedMap<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, node)| (&key.name, Printed(node, self.1))))
    }
}

/// A list about to be written.
struct PrintedList<'a>(&'a [Node], Style);

impl Serialize for PrintedList<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|node| Printed(node, self.1)))
    }
}

impl Node {
    /// Refuses a key that stands twice in one mapping.
    fn has_distinct_keys(&self) -> Result<(), ConfigError> {
        match &self.value {
            Value::Map(entries) => {
                let mut names = BTreeSet::new();
                for (key, node) in entries {
                    if !names.insert(&key.name) {
                        let name = format!("the key `{}`", shown(&key.name));
                        return Err(ConfigError::Duplicate { name, line: key.line });
                    }
                    node.has_distinct_keys()?;
                }
                Ok(())
            }
            Value::List(nodes) => nodes.iter().try_for_each(Self::has_distinct_keys),
            _ => Ok(()),
        }
    }

    /// Whether this is neither a list nor a map.
    fn is_leaf(&self) -> bool {
        !matches!(self.value, Value::List(_) | Value::Map(_))
    }

    /// Whether this is an entry with a filter, which reads best on one line: `{filter: mlp, value: 0.5}`.
    fn is_small(&self) -> bool {
        let is_of_entry = |key: &Key| matches!(key.name.as_str(), "filter" | "value");
        matches!(&self.value, Value::Map(entries) if !entries.is_empty() && entries.iter().all(|(key, _)| is_of_entry(key)))
    }
}

/// A number that is written without a point. Zero below zero is none: its sign would be lost.
fn whole(number: f64) -> Option<i64> {
    let is_whole = number.fract() == 0.0 && number.abs() <= Config::MAX_SEED as f64;
    (is_whole && !(number == 0.0 && number.is_sign_negative())).then_some(number as i64)
}
