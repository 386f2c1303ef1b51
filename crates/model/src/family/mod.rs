//! The families of decoders. One core runs them all; each family's file reads from `config.json` only what differs.

mod gemma2;
mod llama;
mod qwen2;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::{ConfigError, unsupported};

/// An architecture, by its `model_type`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// LLaMA 1 to 3, SmolLM2 and others of that layout.
    #[default]
    Llama,
    /// Qwen2 and Qwen2.5.
    Qwen2,
    /// Gemma 2.
    Gemma2,
}

/// What a decoder has beyond a LLaMA without biases, which is the default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Variant {
    /// Biases of the query, key and value projections.
    pub qkv_bias: bool,
    /// Bias of the attention's output projection.
    pub output_bias: bool,
    /// Biases of the MLP's projections.
    pub mlp_bias: bool,
    /// Of the MLP's gate.
    pub activation: Activation,
    /// Scores are divided by the root of this; of `head_dim` where there is none.
    pub query_pre_attn_scalar: Option<f64>,
    /// Scores become cap · tanh(score / cap).
    pub attention_softcap: Option<f64>,
    /// Logits become cap · tanh(logit / cap).
    pub logit_softcap: Option<f64>,
    /// Tokens, itself included, that a token of a sliding layer sees.
    pub sliding_window: usize,
    /// Which layers slide, `[layers]`; none where empty.
    pub sliding_layers: Vec<bool>,
    /// Embeddings are multiplied by √d_model.
    pub scaled_embeddings: bool,
    /// Norms multiply by 1 + weight.
    pub unit_offset_norms: bool,
    /// Attention and MLP have a norm after them too.
    pub sandwich_norms: bool,
}

impl Default for Variant {
    fn default() -> Self {
        Self {
            qkv_bias: false,
            output_bias: false,
            mlp_bias: false,
            activation: Activation::Silu,
            query_pre_attn_scalar: None,
            attention_softcap: None,
            logit_softcap: None,
            sliding_window: 0,
            sliding_layers: Vec::new(),
            scaled_embeddings: false,
            unit_offset_norms: false,
            sandwich_norms: false,
        }
    }
}

impl Variant {
    /// The window of a layer, if it slides.
    pub fn window(&self, layer: usize) -> Option<usize> {
        (self.sliding_layers.get(layer) == Some(&true)).then_some(self.sliding_window)
    }
}

/// The MLP's activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// x · sigmoid(x).
    Silu,
    /// GELU by tanh.
    GeluTanh,
}

impl Activation {
    fn read(field: &'static str, json: &Value, default: Self) -> Result<Self, ConfigError> {
        match json[field].as_str() {
            None if json[field].is_null() => Ok(default),
            Some("silu" | "swish") => Ok(Self::Silu),
            Some("gelu_pytorch_tanh" | "gelu_new") => Ok(Self::GeluTanh),
            _ => Err(unsupported(field, &json[field], "expected \"silu\" or \"gelu_pytorch_tanh\"")),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Silu => "silu",
            Self::GeluTanh => "gelu_pytorch_tanh",
        }
    }
}

/// Values that transformers takes where a field is absent.
pub(crate) struct Defaults {
    pub head_dim: Option<usize>,
    pub positions: usize,
    pub tied: bool,
}

impl Family {
    /// The family that a configuration names.
    pub(crate) fn read(json: &Value) -> Result<Self, ConfigError> {
        match json["model_type"].as_str() {
            Some("llama") => Ok(Self::Llama),
            Some("qwen2") => Ok(Self::Qwen2),
            Some("gemma2") => Ok(Self::Gemma2),
            _ => {
                let expected = "expected \"llama\", \"qwen2\" or \"gemma2\"";
                Err(unsupported("model_type", &json["model_type"], expected))
            }
        }
    }

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Llama => "Llama",
            Self::Qwen2 => "Qwen2",
            Self::Gemma2 => "Gemma 2",
        }
    }

    pub(crate) fn defaults(self) -> Defaults {
        match self {
            Self::Llama => llama::DEFAULTS,
            Self::Qwen2 => qwen2::DEFAULTS,
            Self::Gemma2 => gemma2::DEFAULTS,
        }
    }

    /// What a configuration of this family asks for beyond the shared fields.
    pub(crate) fn variant(self, json: &Value, layers: usize) -> Result<Variant, ConfigError> {
        match self {
            Self::Llama => llama::read(json),
            Self::Qwen2 => qwen2::read(json, layers),
            Self::Gemma2 => gemma2::read(json, layers),
        }
    }

    /// Adds this family's fields to a configuration.
    pub(crate) fn write(self, variant: &Variant, json: &mut Value) {
        match self {
            Self::Llama => llama::write(variant, json),
            Self::Qwen2 => qwen2::write(variant, json),
            Self::Gemma2 => gemma2::write(variant, json),
        }
    }
}

/// `layer_types` of transformers 5: which layers slide; `None` where the field is absent.
fn sliding_layers(json: &Value, layers: usize) -> Result<Option<Vec<bool>>, ConfigError> {
    let field = &json["layer_types"];
    let Some(types) = field.as_array() else { return Ok(None) };
    let slides = |kind: &Value| match kind.as_str() {
        Some("sliding_attention") => Some(true),
        Some("full_attention") => Some(false),
        _ => None,
    };
    let found: Option<Vec<bool>> = types.iter().map(slides).collect();
    match found {
        Some(found) if found.len() == layers => Ok(Some(found)),
        _ => Err(unsupported(
            "layer_types",
            field,
            "expected sliding_attention or full_attention for every layer",
        )),
    }
}

/// A window of at least one token.
fn window(json: &Value, default: u64) -> Result<usize, ConfigError> {
    let field = &json["sliding_window"];
    let window = if field.is_null() { Some(default) } else { field.as_u64() };
    let window = window.and_then(|window| usize::try_from(window).ok()).filter(|&window| window > 0);
    window.ok_or_else(|| unsupported("sliding_window", field, "expected at least 1"))
}

fn layer_types(variant: &Variant) -> Value {
    let name = |&slides: &bool| if slides { "sliding_attention" } else { "full_attention" };
    variant.sliding_layers.iter().map(name).collect()
}
