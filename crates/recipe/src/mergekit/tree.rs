//! YAML as a tree in which everything knows its line.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_saphyr::{DuplicateKeyPolicy, FlowMap, FlowSeq, NonFiniteFloatPolicy, Spanned};

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

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.value {
            Value::Map(entries) if self.is_small() => FlowMap(Entries(entries)).serialize(serializer),
            Value::Map(entries) => Entries(entries).serialize(serializer),
            Value::List(nodes) if nodes.iter().all(Self::is_leaf) => FlowSeq(nodes).serialize(serializer),
            Value::List(nodes) => {
                let mut list = serializer.serialize_seq(Some(nodes.len()))?;
                for node in nodes {
                    list.serialize_element(node)?;
                }
                list.end()
            }
            Value::Null => serializer.serialize_unit(),
            Value::Flag(flag) => serializer.serialize_bool(*flag),
            Value::Number(number) => match whole(*number) {
                Some(whole) => serializer.serialize_i64(whole),
                None => serializer.serialize_f64(*number),
            },
            Value::Text(text) => serializer.serialize_str(text),
        }
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

    /// Whether this reads best on one line: `{filter: mlp, value: 0.5}`.
    fn is_small(&self) -> bool {
        matches!(&self.value, Value::Map(entries) if entries.iter().any(|(key, _)| key.name == "value"))
    }
}

/// A number that is written without a point. Zero below zero is none: its sign would be lost.
fn whole(number: f64) -> Option<i64> {
    let is_whole = number.fract() == 0.0 && number.abs() <= Config::MAX_SEED as f64;
    (is_whole && !(number == 0.0 && number.is_sign_negative())).then_some(number as i64)
}

/// A map's entries, written in their order.
struct Entries<'a>(&'a [(Key, Node)]);

impl Serialize for Entries<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, node) in self.0 {
            map.serialize_entry(&key.name, node)?;
        }
        map.end()
    }
}
