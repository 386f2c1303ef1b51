//! A world of both abilities: written with its translations, and asked as a whole.

mod common;

use std::fs;

use common::{json, ok, refused};

const WORLD: &str = "world --out world --abilities both --translated --base-documents 60 --general-documents 20 \
                     --ability-documents 40 --heldout-documents 4 --validation-problems 5 --test-problems 8";
const CONFIG: &str = r#"{"model_type": "llama", "vocab_size": 518, "hidden_size": 16, "intermediate_size": 24,
    "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2, "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": true, "pad_token_id": 0}"#;

#[test]
fn a_world_is_asked_for_every_ability_that_it_has() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    assert!(ok(folder, WORLD).contains("science/translated/te.jsonl"));
    fs::write(folder.join("config.json"), CONFIG).unwrap();
    ok(
        folder,
        "train --init config.json --tokenizer world --corpus world/science/ability --corpus world/translated \
         --corpus world/science/translated/es.jsonl --steps 2 --batch 4 --warmup 0 --out model",
    );

    let table = ok(folder, "eval --model model --world world");
    for heading in ["n = 8 problems a language", "n = 8 questions a language", "Perplexity of held-out text"]
    {
        assert!(table.contains(heading), "{table}");
    }
    let report = json(folder, "eval --model model --questions world/science/test --limit 6");
    let languages = report["models"][0]["languages"].as_array().unwrap();
    assert_eq!(languages.len(), 5);
    for language in languages {
        assert_eq!(language["choices"]["accuracy"]["n"], 6);
        assert!(language.get("accuracy").is_none() && language["samples"] == serde_json::json!([]));
        for sample in language["choices"]["samples"].as_array().unwrap() {
            let likelihoods: Vec<f64> = serde_json::from_value(sample["log_likelihoods"].clone()).unwrap();
            let chosen = sample["chosen"].as_u64().unwrap() as usize;
            assert_eq!(likelihoods.len(), 4);
            assert!(likelihoods.iter().all(|&value| value <= likelihoods[chosen] && value < 0.0));
            assert_eq!(sample["correct"], sample["chosen"] == sample["expected"]);
        }
    }
    assert!(refused(folder, 2, "eval --model model --world model").contains("neither test nor science/test"));
}
