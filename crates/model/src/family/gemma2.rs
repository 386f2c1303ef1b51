//! Gemma 2: four norms with unit offset, scaled embeddings, soft-capped scores and logits, every other layer sliding.

use serde_json::{Value, json};

use super::{Activation, Defaults, Variant, layer_types, sliding_layers, window};
use crate::config::{ConfigError, unsupported};

pub(super) const DEFAULTS: Defaults = Defaults { head_dim: Some(256), positions: 8192, tied: true };

pub(super) fn read(json: &Value, layers: usize) -> Result<Variant, ConfigError> {
    let bidirectional = &json["use_bidirectional_attention"];
    if bidirectional.as_bool() == Some(true) {
        return Err(unsupported("use_bidirectional_attention", bidirectional, "expected false"));
    }
    let attention_bias = json["attention_bias"].as_bool() == Some(true);
    // transformers reads `hidden_activation` and ignores `hidden_act`.
    let activation = Activation::read("hidden_activation", json, Activation::GeluTanh)?;
    // Layers 0, 2, 4 … slide where nothing else is said.
    let every_other = || (0..layers).map(|layer| layer % 2 == 0).collect();
    Ok(Variant {
        qkv_bias: attention_bias,
        output_bias: attention_bias,
        mlp_bias: false,
        activation,
        query_pre_attn_scalar: Some(positive("query_pre_attn_scalar", json, 256.0)?.unwrap_or(256.0)),
        attention_softcap: positive("attn_logit_softcapping", json, 50.0)?,
        logit_softcap: positive("final_logit_softcapping", json, 30.0)?,
        sliding_window: window(json, 4096)?,
        sliding_layers: sliding_layers(json, layers)?.unwrap_or_else(every_other),
        scaled_embeddings: true,
        unit_offset_norms: true,
        sandwich_norms: true,
    })
}

pub(super) fn write(variant: &Variant, json: &mut Value) {
    json["architectures"] = json!(["Gemma2ForCausalLM"]);
    json["model_type"] = "gemma2".into();
    json["attention_bias"] = variant.qkv_bias.into();
    json["hidden_activation"] = variant.activation.name().into();
    json["query_pre_attn_scalar"] = variant.query_pre_attn_scalar.into();
    json["attn_logit_softcapping"] = variant.attention_softcap.into();
    json["final_logit_softcapping"] = variant.logit_softcap.into();
    json["sliding_window"] = variant.sliding_window.into();
    json["layer_types"] = layer_types(variant);
}

/// A positive number, its default where the field is absent, nothing where it is null.
fn positive(field: &'static str, json: &Value, default: f64) -> Result<Option<f64>, ConfigError> {
    let Some(value) = json.get(field) else { return Ok(Some(default)) };
    match value.as_f64() {
        None if value.is_null() => Ok(None),
        Some(number) if number > 0.0 && number.is_finite() => Ok(Some(number)),
        _ => Err(unsupported(field, value, "expected a positive number or null")),
    }
}
