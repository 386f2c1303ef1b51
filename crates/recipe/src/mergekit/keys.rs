//! The keys of each part of a file, and what is said of a key that is none of them.

use super::tree::{Node, Value};
use super::{ConfigError, Key};
use crate::error::shown;
use crate::schema::nearest;

/// A kind of mapping and the keys it can have.
pub(super) struct Section {
    /// What it is called in messages.
    pub(super) name: &'static str,
    keys: &'static [&'static str],
}

const fn section(name: &'static str, keys: &'static [&'static str]) -> Section {
    Section { name, keys }
}

pub(super) static FILE: Section = section(
    "the file",
    &[
        "merge_method",
        "base_model",
        "models",
        "slices",
        "modules",
        "parameters",
        "dtype",
        "out_dtype",
        "tokenizer",
        "tokenizer_source",
        "chat_template",
        "dialect",
        "random_seed",
    ],
);
pub(super) static MODEL_ENTRY: Section = section("an entry of models", &["model", "parameters"]);
pub(super) static SLICE: Section = section("a slice", &["sources", "base_model", "parameters"]);
pub(super) static SOURCE: Section = section("a source of a slice", &["model", "layer_range", "parameters"]);
pub(super) static MODULE: Section = section("a module", &["models", "slices", "parameters"]);
pub(super) static MODEL: Section = section("a model", &["model", "lora"]);
pub(super) static PATH: Section = section("a model's path", &["path", "revision"]);
pub(super) static CONDITION: Section = section("an entry with a filter", &["filter", "value"]);
pub(super) static TOKENIZER: Section = section("tokenizer", &["source", "tokens", "pad_to_multiple_of"]);
pub(super) static TOKEN: Section = section("a token's rule", &["source", "force"]);
pub(super) static ZERO: Section = section("a zero embedding", &["kind"]);
pub(super) static MODEL_TOKEN: Section = section("a model's token", &["kind", "model", "token", "token_id"]);

pub(super) static DTYPES: [&str; 3] = ["float32", "float16", "bfloat16"];
pub(super) static DIALECTS: [&str; 3] = ["mergekit", "paper", "peft"];

/// The methods' parameters, for keys that stand one level too high.
static PARAMETERS: [&str; 19] = [
    "weight",
    "density",
    "normalize",
    "rescale",
    "int8_mask",
    "lambda",
    "gamma",
    "epsilon",
    "t",
    "scale",
    "max_iter",
    "tol",
    "eps",
    "filter_wise",
    "select_topk",
    "normalize_weights",
    "nuslerp_flatten",
    "nuslerp_row_wise",
    "filter",
];

/// Options of mergekit's commands, which people look for in files.
static OPTIONS: [&str; 23] = [
    "allow_crimes",
    "async_write",
    "clone_tensors",
    "copy_tokenizer",
    "cuda",
    "device",
    "gpu_rich",
    "lazy_unpickle",
    "lora_merge_cache",
    "lora_merge_dtype",
    "low_cpu_memory",
    "multi_gpu",
    "num_threads",
    "out_shard_size",
    "quiet",
    "read_to_gpu",
    "safe_serialization",
    "transformers_cache",
    "trust_remote_code",
    "unsafe_truncate_embeddings",
    "verbosity",
    "write_model_card",
    "write_threads",
];

/// Keys of the other kinds of file that mergekit's commands read.
static OTHER_FILES: [(&str, &str); 8] = [
    ("experts", MIXTURE),
    ("experts_per_token", MIXTURE),
    ("gate_mode", MIXTURE),
    ("shared_experts", MIXTURE),
    ("architecture", MIXTURE),
    ("merges", SEVERAL),
    ("name", SEVERAL),
    ("out_path", SEVERAL),
];
const MIXTURE: &str = "a mixture of experts is no merge of weights; make it with mergekit-moe";
const SEVERAL: &str = "give each merge a file of its own, without this key";

impl Section {
    /// The entries of such a mapping, whose keys are all known.
    pub(super) fn entries<'a>(&'static self, node: &'a Node) -> Result<&'a [(Key, Node)], ConfigError> {
        let Value::Map(entries) = &node.value else {
            return Err(ConfigError::WrongKind {
                name: self.name.into(),
                found: node.value.kind().into(),
                expected: "a mapping of keys to values",
                line: node.line,
            });
        };
        match entries.iter().find(|(key, node)| self.refuses(key, node)) {
            Some((key, _)) => Err(self.refusal(key)),
            None => Ok(entries),
        }
    }

    /// Whether this key cannot stand here. What mergekit knows and ignores when it is empty, may be empty.
    fn refuses(&self, key: &Key, node: &Node) -> bool {
        let is_ignored = matches!(node.value, Value::Null) && self.advice(&key.name).is_some();
        !is_ignored && !self.keys.contains(&key.name.as_str())
    }

    /// What to do about a key that mergekit honours here and this program does not.
    fn advice(&self, key: &str) -> Option<&'static str> {
        match (self.name, key) {
            ("a slice", "residual_weight") => Some("leave it out; it does nothing in mergekit 0.1.5 either"),
            ("a model", "override_architecture") => {
                Some("leave it out; the architecture is read from config.json")
            }
            _ => None,
        }
    }

    fn refusal(&'static self, key: &Key) -> ConfigError {
        let name = key.name.as_str();
        let unsupported =
            |advice| ConfigError::Unsupported { what: format!("`{}`", shown(name)), line: key.line, advice };
        if let Some(advice) = self.advice(name) {
            return unsupported(advice);
        }
        let is_file = std::ptr::eq(self, &raw const FILE);
        if is_file && OPTIONS.contains(&name) {
            return unsupported(
                "it is an option of mergekit's commands and says nothing about the merge; leave it out",
            );
        }
        if is_file && let Some((_, advice)) = OTHER_FILES.iter().find(|(other, _)| *other == name) {
            return unsupported(advice);
        }
        if self.keys.contains(&"parameters") && PARAMETERS.contains(&name) {
            return ConfigError::OutsideParameters { key: name.into(), section: self.name, line: key.line };
        }
        ConfigError::UnknownKey {
            key: shown(name),
            section: self.name,
            line: key.line,
            suggestion: nearest(name, self.keys),
            known: self.keys,
        }
    }
}

impl Value {
    /// What this is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "empty",
            Self::Flag(_) => "a flag",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}
