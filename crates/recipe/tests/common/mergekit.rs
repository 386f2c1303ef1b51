//! mergekit files to test with.
#![allow(dead_code, reason = "every test file uses its own part")]

use maec_recipe::mergekit::{Config, ConfigError, ModelName};

/// The file of the format's description, with everything in it.
pub const TIES: &str = "\
merge_method: ties
base_model: org/base@rev
models:
  - model: org/a
    parameters: {weight: 1.0, density: [1, 0.7, 0.1]}
  - model: org/b+org/lora@v2
    parameters:
      weight: [{filter: mlp, value: 0.5}, {value: 0}]
parameters: {normalize: true, lambda: 1.0}
dtype: float32
out_dtype: bfloat16
tokenizer: {source: union, pad_to_multiple_of: 64}
";

pub const SLICES: &str = "\
merge_method: slerp
slices:
  - sources:
      - model: a
        layer_range: [0, 8]
      - model: b
        layer_range: [0, 8]
    base_model: a
    parameters: {t: [0, 0.5, 1]}
  - sources: [{model: a, layer_range: [8, 9], parameters: {t: 0.3}}, {model: b, layer_range: [3, 4]}]
base_model: b
";

pub fn read(text: &str) -> Config {
    Config::from_yaml(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The message for a text in which `from` stands as `to`.
pub fn refused_in(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    error(&text.replacen(from, to, 1)).to_string()
}

pub fn refused(from: &str, to: &str) -> String {
    refused_in(TIES, from, to)
}

pub fn error(text: &str) -> ConfigError {
    let error = Config::from_yaml(text).expect_err(text);
    assert!(!error.to_string().contains('\n'), "{error}");
    error
}

pub fn name(text: &str) -> ModelName {
    ModelName::parse(text).unwrap()
}
