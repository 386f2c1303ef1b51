//! Qwen2 and Qwen2.5: biases on query, key and value; upper layers may slide.

use serde_json::{Value, json};

use super::{Activation, Defaults, Variant, layer_types, sliding_layers, window};
use crate::config::ConfigError;

pub(super) const DEFAULTS: Defaults = Defaults { head_dim: None, positions: 32768, tied: false };

pub(super) fn read(json: &Value, layers: usize) -> Result<Variant, ConfigError> {
    let sliding = json["use_sliding_window"].as_bool() == Some(true);
    // transformers 4 names the first layer that slides, 5 every layer's kind.
    let first = json["max_window_layers"].as_u64().unwrap_or(28);
    let by_number = || (0..layers).map(|layer| sliding && layer as u64 >= first).collect();
    let sliding_layers = sliding_layers(json, layers)?.unwrap_or_else(by_number);
    let any = sliding_layers.contains(&true);
    Ok(Variant {
        qkv_bias: true,
        activation: Activation::read("hidden_act", json, Activation::Silu)?,
        sliding_window: if any { window(json, 4096)? } else { 0 },
        sliding_layers: if any { sliding_layers } else { Vec::new() },
        ..Variant::default()
    })
}

pub(super) fn write(variant: &Variant, json: &mut Value) {
    json["architectures"] = json!(["Qwen2ForCausalLM"]);
    json["model_type"] = "qwen2".into();
    json["hidden_act"] = variant.activation.name().into();
    let slides = !variant.sliding_layers.is_empty();
    json["use_sliding_window"] = slides.into();
    json["sliding_window"] = if slides { variant.sliding_window.into() } else { Value::Null };
    if slides {
        json["layer_types"] = layer_types(variant);
    }
}
