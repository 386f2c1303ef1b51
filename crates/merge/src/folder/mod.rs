//! What stands in a merged model's folder beside its weights, the same wherever it is written.

pub mod card;

use std::collections::BTreeMap;

use maec_checkpoint::{Dtype, TensorInfo, dtype};
use serde::Serialize;
use serde_json::{Map, Value};

/// The weights, where they are one file.
pub const WEIGHTS: &str = "model.safetensors";
/// Which tensor is in which file, where there are several.
pub const INDEX: &str = "model.safetensors.index.json";
/// What was merged.
pub const RECIPE: &str = "recipe.yaml";
/// The model card.
pub const CARD: &str = "README.md";
/// The model's configuration.
pub const CONFIG: &str = "config.json";
/// The tokenizer.
pub const TOKENIZER: &str = "tokenizer.json";
/// Metadata in which model folders of this project list their text files, so that no one else's is ever replaced.
pub const FILES_KEY: &str = "maec_files";

/// Text files of a model's folder that go along with its weights.
pub const TEXTS: [&str; 9] = [
    "chat_template.jinja",
    CONFIG,
    TOKENIZER,
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "generation_config.json",
    "vocab.json",
    "merges.txt",
];

/// Those of [`TEXTS`] that go with a tokenizer.
const TOKENIZER_TEXTS: [&str; 7] = [
    TOKENIZER,
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
];

/// A model that went into a merge.
#[derive(Debug, Clone, Serialize)]
pub struct Input {
    /// As the recipe names it, a revision pinned to its commit.
    pub model: String,
    /// Its fingerprint, 64 hex digits.
    pub fingerprint: String,
    /// Its model hash, 64 hex digits, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
}

/// Puts another model's tokenizer in the place of the one among a model's texts, with all that goes with it.
pub fn take_tokenizer(texts: &mut BTreeMap<String, String>, other: &BTreeMap<String, String>) {
    for name in TOKENIZER_TEXTS {
        match other.get(name) {
            Some(text) => drop(texts.insert(name.into(), text.clone())),
            None => drop(texts.remove(name)),
        }
    }
}

/// What the headers of the weights say of their making.
pub fn provenance(recipe: String, inputs: String) -> BTreeMap<String, String> {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    [("maec_merge", recipe), ("maec_inputs", inputs), ("maec_version", version)]
        .map(|(key, value)| (key.to_owned(), value))
        .into()
}

/// The metadata's list of a folder's texts: those given, and those that every merged folder has.
pub fn list<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let mut names: Vec<&str> = texts.into_iter().collect();
    names.extend([CARD, RECIPE, INDEX]);
    names.join(",")
}

/// Whether a file of this name was written into a folder whose weights have this metadata.
pub fn is_ours(metadata: &BTreeMap<String, String>, file: &str) -> bool {
    let Some(texts) = metadata.get(FILES_KEY) else { return false };
    let is_shard = file.starts_with("model-") && file.ends_with(".safetensors") && file.contains("-of-");
    file == WEIGHTS || is_shard || texts.split(',').any(|text| text == file)
}

/// A `config.json` for merged tensors: their dtype, and `sizes` by key where the text has them; a model with a head of its own
/// is not tied.
///
/// # Errors
///
/// Where the text is no JSON object.
pub fn config(
    text: &str,
    outputs: &[TensorInfo],
    sizes: &[(&str, usize)],
) -> Result<String, serde_json::Error> {
    let mut config: Map<String, Value> = serde_json::from_str(text)?;
    let mut set = |key: &str, value: Value, always: bool| {
        if always || config.contains_key(key) {
            config.insert(key.into(), value);
        }
    };
    if let Some(stored) = most_bytes(outputs).and_then(dtype::torch_name) {
        // transformers 4 reads `torch_dtype`, 5 `dtype`.
        set("torch_dtype", stored.into(), true);
        set("dtype", stored.into(), false);
    }
    if outputs.iter().any(|info| info.name == "lm_head.weight") {
        set("tie_word_embeddings", false.into(), false);
    }
    for &(key, size) in sizes {
        set(key, size.into(), false);
    }
    Ok(format!("{:#}\n", Value::Object(config)))
}

/// The float dtype that most bytes are stored in.
fn most_bytes(tensors: &[TensorInfo]) -> Option<Dtype> {
    let of = |dtype| {
        tensors.iter().filter(|info| info.dtype == dtype).map(|info| info.bytes() as u64).sum::<u64>()
    };
    let found = [Dtype::F64, Dtype::F32, Dtype::F16, Dtype::BF16].into_iter().max_by_key(|&dtype| of(dtype));
    found.filter(|&dtype| of(dtype) > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(name: &str, dtype: Dtype, n: usize) -> TensorInfo {
        TensorInfo { name: name.into(), dtype, shape: vec![n] }
    }

    #[test]
    fn a_configuration_says_what_was_merged() {
        let text = r#"{"dtype": "float32", "tie_word_embeddings": true, "vocab_size": 7}"#;
        let outputs = [tensor("lm_head.weight", Dtype::BF16, 9), tensor("norm", Dtype::F32, 4)];
        let config: Value =
            serde_json::from_str(&config(text, &outputs, &[("vocab_size", 9), ("n_layer", 2)]).unwrap())
                .unwrap();
        let expected = serde_json::json!({"dtype": "bfloat16", "torch_dtype": "bfloat16",
            "tie_word_embeddings": false, "vocab_size": 9});
        assert_eq!(config, expected);
        assert!(super::config("[1]", &outputs, &[]).is_err());
    }

    #[test]
    fn only_what_is_listed_is_ours() {
        let metadata = BTreeMap::from([(FILES_KEY.to_owned(), list(["config.json"]))]);
        for ours in ["config.json", "README.md", "recipe.yaml", WEIGHTS, "model-00001-of-00002.safetensors"] {
            assert!(is_ours(&metadata, ours), "{ours}");
            assert!(!is_ours(&BTreeMap::new(), ours), "{ours}");
        }
        assert!(!is_ours(&metadata, "thesis.txt"));
    }
}
