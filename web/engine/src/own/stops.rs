//! The tokens that end a text.

use maec_model::ModelConfig;
use serde_json::Value;

/// The tokens that end a text, by `generation_config.json` and `config.json`.
pub(crate) fn stop_tokens(generation: &str, config: &ModelConfig) -> Vec<u32> {
    let mut stops = eos(generation);
    stops.extend(&config.eos_token_ids);
    stops.sort_unstable();
    stops.dedup();
    stops
}

/// `eos_token_id`, one or a list; none where the text says nothing of it.
fn eos(text: &str) -> Vec<u32> {
    let json: Value = serde_json::from_str(text).unwrap_or_default();
    let id = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
    match &json["eos_token_id"] {
        Value::Array(list) => list.iter().filter_map(id).collect(),
        one => id(one).into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn end_tokens_are_one_or_a_list() {
        assert_eq!(eos(r#"{"eos_token_id": 2}"#), [2]);
        assert_eq!(eos(r#"{"eos_token_id": [128001, 128009]}"#), [128001, 128009]);
        assert!(eos(r#"{"eos_token_id": null}"#).is_empty() && eos("{}").is_empty() && eos("").is_empty());
        assert!(eos(r#"{"eos_token_id": [-1, "x", 99999999999]}"#).is_empty());
    }
}
