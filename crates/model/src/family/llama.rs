//! LLaMA 1 to 3 and SmolLM2: the core as it is, perhaps with biases.

use serde_json::{Value, json};

use super::{Activation, Defaults, Variant};
use crate::config::ConfigError;

pub(super) const DEFAULTS: Defaults = Defaults { head_dim: None, positions: 2048, tied: false };

pub(super) fn read(json: &Value) -> Result<Variant, ConfigError> {
    let attention_bias = json["attention_bias"].as_bool() == Some(true);
    Ok(Variant {
        qkv_bias: attention_bias,
        output_bias: attention_bias,
        mlp_bias: json["mlp_bias"].as_bool() == Some(true),
        activation: Activation::read("hidden_act", json, Activation::Silu)?,
        ..Variant::default()
    })
}

pub(super) fn write(variant: &Variant, json: &mut Value) {
    json["architectures"] = json!(["LlamaForCausalLM"]);
    json["model_type"] = "llama".into();
    json["attention_bias"] = variant.qkv_bias.into();
    json["mlp_bias"] = variant.mlp_bias.into();
    json["hidden_act"] = variant.activation.name().into();
}
