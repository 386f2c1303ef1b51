//! `config.json` of decoders, as transformers 4 and 5 write it: what all families share.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::family::{Family, Variant};
use crate::rotary::RopeScaling;

/// Why a `config.json` can't be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// Not JSON, or a field is missing or of the wrong type.
    #[error("config.json is not readable: {0}; check that it is a Hugging Face model configuration")]
    Json(#[from] serde_json::Error),
    /// A field has a value that this decoder can't honour.
    #[error("config.json: {field} = {value} is not supported; {expected}")]
    Unsupported {
        /// The field.
        field: &'static str,
        /// Its value.
        value: String,
        /// What would be.
        expected: &'static str,
    },
}

/// Shape and constants of a decoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelConfig {
    /// The architecture.
    #[serde(default)]
    pub family: Family,
    /// Rows of the embedding.
    pub vocab_size: usize,
    /// d_model.
    pub hidden_size: usize,
    /// Width of the MLP.
    pub intermediate_size: usize,
    /// Decoder layers.
    pub num_hidden_layers: usize,
    /// Query heads.
    pub num_attention_heads: usize,
    /// Key and value heads (grouped-query attention); equal to the query heads when absent.
    pub num_key_value_heads: usize,
    /// Width of one head.
    pub head_dim: usize,
    /// ε of the RMS norms.
    pub rms_norm_eps: f64,
    /// Base θ of the rotary embedding.
    pub rope_theta: f64,
    /// How its frequencies are stretched, if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rope_scaling: Option<RopeScaling>,
    /// Longest sequence the model was made for.
    pub max_position_embeddings: usize,
    /// The output matrix is the embedding.
    pub tie_word_embeddings: bool,
    /// Token that starts a text.
    pub bos_token_id: Option<u32>,
    /// Tokens that end a text.
    #[serde(default)]
    pub eos_token_ids: Vec<u32>,
    /// Token that pads; its embedding gets no gradient from being looked up, as in transformers.
    pub pad_token_id: Option<u32>,
    /// What differs from a LLaMA without biases.
    #[serde(default)]
    pub variant: Variant,
}

impl ModelConfig {
    /// Reads a `config.json` of transformers 4 or 5.
    ///
    /// # Errors
    /// Names the field and the value that this decoder can't honour, instead of running wrong.
    pub fn from_json(text: &str) -> Result<Self, ConfigError> {
        let json: Value = serde_json::from_str(text)?;
        let family = Family::read(&json)?;
        let defaults = family.defaults();
        for (field, harmless) in [("quantization_config", Value::Null), ("pretraining_tp", Value::from(1))] {
            if !json[field].is_null() && json[field] != harmless {
                return Err(unsupported(field, &json[field], "expected it to be absent"));
            }
        }
        let raw: Raw = serde_json::from_value(json.clone())?;
        let rope = Rope::read(&json)?;
        let heads = raw.num_attention_heads;
        let head_dim = raw.head_dim.or(defaults.head_dim).unwrap_or(raw.hidden_size / heads.max(1));
        let config = Self {
            family,
            vocab_size: raw.vocab_size,
            hidden_size: raw.hidden_size,
            intermediate_size: raw.intermediate_size,
            num_hidden_layers: raw.num_hidden_layers,
            num_attention_heads: heads,
            num_key_value_heads: raw.num_key_value_heads.unwrap_or(heads),
            head_dim,
            rms_norm_eps: raw.rms_norm_eps.unwrap_or(1e-6),
            rope_theta: rope.theta,
            rope_scaling: rope.scaling,
            max_position_embeddings: raw.max_position_embeddings.unwrap_or(defaults.positions),
            tie_word_embeddings: raw.tie_word_embeddings.unwrap_or(defaults.tied),
            bos_token_id: ids(&json["bos_token_id"]).first().copied(),
            eos_token_ids: ids(&json["eos_token_id"]),
            pad_token_id: raw.pad_token_id.and_then(|id| u32::try_from(id).ok()),
            variant: family.variant(&json, raw.num_hidden_layers)?,
        };
        config.check()?;
        Ok(config)
    }

    /// Refuses a shape that no model has.
    ///
    /// # Errors
    /// [`ConfigError`] names the field.
    pub fn check(&self) -> Result<(), ConfigError> {
        let bad = |field, value: usize, expected| Err(unsupported(field, &Value::from(value), expected));
        let sizes = [
            ("vocab_size", self.vocab_size, 1 << 24),
            ("hidden_size", self.hidden_size, 1 << 20),
            ("intermediate_size", self.intermediate_size, 1 << 22),
            ("num_attention_heads", self.num_attention_heads, 1 << 14),
            ("max_position_embeddings", self.max_position_embeddings, 1 << 30),
        ];
        for (field, size, most) in sizes {
            if size == 0 {
                return bad(field, 0, "expected at least 1");
            }
            if size > most {
                return bad(field, size, "expected a size that a model has");
            }
        }
        if self.num_hidden_layers > 1 << 14 {
            return bad("num_hidden_layers", self.num_hidden_layers, "expected a number that a model has");
        }
        if self.head_dim == 0 || !self.head_dim.is_multiple_of(2) || self.head_dim > 1 << 16 {
            return bad("head_dim", self.head_dim, "expected an even number");
        }
        if self.num_key_value_heads == 0 || !self.num_attention_heads.is_multiple_of(self.num_key_value_heads)
        {
            let expected = "expected a divisor of num_attention_heads";
            return bad("num_key_value_heads", self.num_key_value_heads, expected);
        }
        Ok(())
    }

    /// The `config.json` that both transformers 4 and 5 open; `dtype` is the stored one, such as `bfloat16`.
    pub fn to_json(&self, dtype: &str) -> String {
        let eos = match self.eos_token_ids.as_slice() {
            [] => Value::Null,
            [one] => Value::from(*one),
            several => Value::from(several),
        };
        let mut json = serde_json::json!({
            "attention_dropout": 0.0,
            "bos_token_id": self.bos_token_id,
            "eos_token_id": eos,
            "head_dim": self.head_dim,
            "hidden_size": self.hidden_size,
            "initializer_range": 0.02,
            "intermediate_size": self.intermediate_size,
            "max_position_embeddings": self.max_position_embeddings,
            "num_attention_heads": self.num_attention_heads,
            "num_hidden_layers": self.num_hidden_layers,
            "num_key_value_heads": self.num_key_value_heads,
            "pad_token_id": self.pad_token_id,
            "rms_norm_eps": self.rms_norm_eps,
            "rope_scaling": self.rope_scaling.map(RopeScaling::to_json),
            "rope_theta": self.rope_theta,
            "tie_word_embeddings": self.tie_word_embeddings,
            "torch_dtype": dtype,
            "use_cache": true,
            "vocab_size": self.vocab_size,
        });
        self.family.write(&self.variant, &mut json);
        serde_json::to_string_pretty(&json).expect("a JSON value always serialises")
    }

    /// Number of parameters that are stored (a tied output matrix is stored once).
    pub fn parameters(&self) -> usize {
        self.tensors().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum()
    }
}

/// The fields that every family has under the same name.
#[derive(Deserialize)]
struct Raw {
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    rms_norm_eps: Option<f64>,
    max_position_embeddings: Option<usize>,
    tie_word_embeddings: Option<bool>,
    pad_token_id: Option<i64>,
}

/// θ and the scaling: transformers 5 keeps both in `rope_parameters`, 4 in two fields.
struct Rope {
    theta: f64,
    scaling: Option<RopeScaling>,
}

impl Rope {
    fn read(json: &Value) -> Result<Self, ConfigError> {
        let together = &json["rope_parameters"];
        let (field, scaling) = match together.is_object() {
            true => ("rope_parameters", together),
            false => ("rope_scaling", &json["rope_scaling"]),
        };
        let theta = together["rope_theta"].as_f64().or_else(|| json["rope_theta"].as_f64());
        let partial = [&json["partial_rotary_factor"], &together["partial_rotary_factor"]];
        if let Some(part) = partial.into_iter().find(|part| !part.is_null() && part.as_f64() != Some(1.0)) {
            return Err(unsupported("partial_rotary_factor", part, "expected 1"));
        }
        Ok(Self { theta: theta.unwrap_or(10_000.0), scaling: RopeScaling::read(field, scaling)? })
    }
}

/// One id or a list of them.
fn ids(value: &Value) -> Vec<u32> {
    let one = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
    match value.as_array() {
        Some(list) => list.iter().filter_map(one).collect(),
        None => one(value).into_iter().collect(),
    }
}

pub(crate) fn unsupported(field: &'static str, value: &Value, expected: &'static str) -> ConfigError {
    ConfigError::Unsupported { field, value: value.to_string(), expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(family: Family) -> ModelConfig {
        ModelConfig {
            family,
            vocab_size: 300,
            hidden_size: 64,
            intermediate_size: 96,
            num_hidden_layers: 2,
            num_attention_heads: 4,
            num_key_value_heads: 2,
            head_dim: 16,
            rms_norm_eps: 1e-5,
            rope_theta: 1e4,
            rope_scaling: None,
            max_position_embeddings: 128,
            tie_word_embeddings: true,
            bos_token_id: Some(2),
            eos_token_ids: vec![3],
            pad_token_id: Some(0),
            variant: family.variant(&Value::Null, 2).unwrap(),
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for family in [Family::Llama, Family::Qwen2, Family::Gemma2] {
            let mut config = sample(family);
            config.rope_scaling = Some(RopeScaling::Linear { factor: 2.0 });
            config.eos_token_ids = vec![3, 7];
            assert_eq!(ModelConfig::from_json(&config.to_json("bfloat16")).unwrap(), config);
        }
    }

    #[test]
    fn an_unsupported_field_is_named_with_its_value() {
        for (field, value) in [
            ("model_type", "\"mamba\""),
            ("hidden_act", "\"relu\""),
            ("quantization_config", "{\"bits\":4}"),
            ("partial_rotary_factor", "0.5"),
            ("rope_scaling", "{\"factor\":4.0,\"rope_type\":\"yarn\"}"),
            ("head_dim", "15"),
            ("vocab_size", "99999999999"),
            ("num_key_value_heads", "3"),
        ] {
            let mut json: Value = serde_json::from_str(&sample(Family::Llama).to_json("float32")).unwrap();
            json[field] = serde_json::from_str(value).unwrap();
            let message = ModelConfig::from_json(&json.to_string()).unwrap_err().to_string();
            assert!(message.contains(field) && message.contains(value), "{message}");
        }
    }
}
