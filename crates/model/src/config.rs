//! `config.json` of Llama-architecture models, as transformers 4 and 5 write it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

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

/// Shape and constants of a Llama decoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LlamaConfig {
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
    /// Longest sequence the model was made for.
    pub max_position_embeddings: usize,
    /// The output matrix is the embedding.
    pub tie_word_embeddings: bool,
    /// Token that starts a text.
    pub bos_token_id: Option<u32>,
    /// Token that ends a text.
    pub eos_token_id: Option<u32>,
    /// Token that pads; its embedding gets no gradient from being looked up, as in transformers.
    pub pad_token_id: Option<u32>,
}

impl LlamaConfig {
    /// Reads a `config.json` of transformers 4 or 5.
    ///
    /// # Errors
    /// Names the field and the value that this decoder can't honour, instead of running wrong.
    pub fn from_json(text: &str) -> Result<Self, ConfigError> {
        let json: Value = serde_json::from_str(text)?;
        let model_type = json["model_type"].as_str().unwrap_or("");
        if model_type != "llama" {
            return Err(unsupported("model_type", &json["model_type"], "expected \"llama\""));
        }
        let activation = json["hidden_act"].as_str().unwrap_or("silu");
        if activation != "silu" {
            return Err(unsupported("hidden_act", &json["hidden_act"], "expected \"silu\""));
        }
        for field in ["attention_bias", "mlp_bias"] {
            if json[field].as_bool() == Some(true) {
                return Err(unsupported(field, &json[field], "expected false"));
            }
        }
        // transformers 5 keeps θ and the scaling together in rope_parameters.
        let rope = &json["rope_parameters"];
        let scaling = if rope.is_object() { &rope["rope_type"] } else { &json["rope_scaling"] };
        if !(scaling.is_null() || scaling.as_str() == Some("default")) {
            return Err(unsupported("rope_scaling", scaling, "expected none"));
        }
        let theta = rope["rope_theta"].as_f64().or_else(|| json["rope_theta"].as_f64()).unwrap_or(10_000.0);
        let raw: Raw = serde_json::from_value(json.clone())?;
        let head_dim = raw.head_dim.unwrap_or(raw.hidden_size / raw.num_attention_heads.max(1));
        let config = Self {
            vocab_size: raw.vocab_size,
            hidden_size: raw.hidden_size,
            intermediate_size: raw.intermediate_size,
            num_hidden_layers: raw.num_hidden_layers,
            num_attention_heads: raw.num_attention_heads,
            num_key_value_heads: raw.num_key_value_heads.unwrap_or(raw.num_attention_heads),
            head_dim,
            rms_norm_eps: raw.rms_norm_eps.unwrap_or(1e-6),
            rope_theta: theta,
            max_position_embeddings: raw.max_position_embeddings.unwrap_or(2048),
            tie_word_embeddings: raw.tie_word_embeddings.unwrap_or(false),
            bos_token_id: raw.bos_token_id,
            eos_token_id: first_id(&json["eos_token_id"]),
            pad_token_id: raw.pad_token_id,
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
        if self.vocab_size == 0 {
            return bad("vocab_size", 0, "expected at least 1");
        }
        if self.hidden_size == 0 {
            return bad("hidden_size", 0, "expected at least 1");
        }
        if self.intermediate_size == 0 {
            return bad("intermediate_size", 0, "expected at least 1");
        }
        if self.head_dim == 0 || !self.head_dim.is_multiple_of(2) {
            return bad("head_dim", self.head_dim, "expected an even number");
        }
        if self.num_key_value_heads == 0 || !self.num_attention_heads.is_multiple_of(self.num_key_value_heads)
        {
            return bad(
                "num_key_value_heads",
                self.num_key_value_heads,
                "expected a divisor of num_attention_heads",
            );
        }
        Ok(())
    }

    /// The `config.json` that both transformers 4 and 5 open; `dtype` is the stored one, such as `bfloat16`.
    pub fn to_json(&self, dtype: &str) -> String {
        let json = serde_json::json!({
            "architectures": ["LlamaForCausalLM"],
            "attention_bias": false,
            "attention_dropout": 0.0,
            "bos_token_id": self.bos_token_id,
            "eos_token_id": self.eos_token_id,
            "head_dim": self.head_dim,
            "hidden_act": "silu",
            "hidden_size": self.hidden_size,
            "initializer_range": 0.02,
            "intermediate_size": self.intermediate_size,
            "max_position_embeddings": self.max_position_embeddings,
            "mlp_bias": false,
            "model_type": "llama",
            "num_attention_heads": self.num_attention_heads,
            "num_hidden_layers": self.num_hidden_layers,
            "num_key_value_heads": self.num_key_value_heads,
            "pad_token_id": self.pad_token_id,
            "rms_norm_eps": self.rms_norm_eps,
            "rope_scaling": null,
            "rope_theta": self.rope_theta,
            "tie_word_embeddings": self.tie_word_embeddings,
            "torch_dtype": dtype,
            "use_cache": true,
            "vocab_size": self.vocab_size,
        });
        serde_json::to_string_pretty(&json).expect("a JSON value always serialises")
    }

    /// Number of parameters that are stored (a tied output matrix is stored once).
    pub fn parameters(&self) -> usize {
        let d = self.hidden_size;
        let attention = 2 * d * self.head_dim * (self.num_attention_heads + self.num_key_value_heads);
        let layer = attention + 3 * d * self.intermediate_size + 2 * d;
        let head = if self.tie_word_embeddings { 0 } else { self.vocab_size * d };
        self.vocab_size * d + self.num_hidden_layers * layer + d + head
    }
}

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
    bos_token_id: Option<u32>,
    pad_token_id: Option<u32>,
}

fn first_id(value: &Value) -> Option<u32> {
    let single = value.as_array().map_or(Some(value), |list| list.first())?;
    single.as_u64().and_then(|id| u32::try_from(id).ok())
}

fn unsupported(field: &'static str, value: &Value, expected: &'static str) -> ConfigError {
    ConfigError::Unsupported { field, value: value.to_string(), expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> LlamaConfig {
        LlamaConfig {
            vocab_size: 300,
            hidden_size: 64,
            intermediate_size: 96,
            num_hidden_layers: 2,
            num_attention_heads: 4,
            num_key_value_heads: 2,
            head_dim: 16,
            rms_norm_eps: 1e-5,
            rope_theta: 1e4,
            max_position_embeddings: 128,
            tie_word_embeddings: true,
            bos_token_id: Some(2),
            eos_token_id: Some(3),
            pad_token_id: Some(0),
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        let config = sample();
        assert_eq!(LlamaConfig::from_json(&config.to_json("bfloat16")).unwrap(), config);
    }

    #[test]
    fn an_unsupported_field_is_named_with_its_value() {
        for (field, value) in
            [("model_type", "\"mamba\""), ("attention_bias", "true"), ("hidden_act", "\"relu\"")]
        {
            let mut json: Value = serde_json::from_str(&sample().to_json("float32")).unwrap();
            json[field] = serde_json::from_str(value).unwrap();
            let message = LlamaConfig::from_json(&json.to_string()).unwrap_err().to_string();
            assert!(message.contains(field) && message.contains(value), "{message}");
        }
    }
}
