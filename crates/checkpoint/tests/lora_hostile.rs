//! Adapters that are damaged, of another kind, or beyond what can be applied: each is refused by name.

mod common;

use common::{assert_message, file, info, model, tensor};
use maec_checkpoint::lora::{Adapter, AdapterConfig};
use maec_checkpoint::{Dtype, Error, MemoryFiles, TensorInfo};
use proptest::prelude::*;

type Tensors = Vec<(TensorInfo, Vec<u8>)>;

fn open(config: &[u8], weights: Vec<u8>) -> Result<Adapter, Error> {
    Adapter::open(&MemoryFiles::new(
        "adapter",
        [("adapter_config.json".into(), config.to_vec()), ("adapter_model.safetensors".into(), weights)],
    ))
}

fn floats(name: &str, shape: &[usize]) -> (TensorInfo, Vec<u8>) {
    tensor(name, Dtype::F32, shape, &vec![1.0; shape.iter().product()])
}

fn good() -> Tensors {
    vec![
        floats("base_model.model.q.lora_A.weight", &[2, 3]),
        floats("base_model.model.q.lora_B.weight", &[4, 2]),
    ]
}

fn bytes(tensors: Tensors) -> Vec<u8> {
    file(&model("weights", tensors), &Default::default())
}

const CONFIG: &[u8] = br#"{"peft_type": "LORA", "r": 2}"#;

#[test]
fn a_good_adapter_opens() {
    let adapter = open(CONFIG, bytes(good())).unwrap();
    assert_eq!(adapter.modules().len(), 1);
    assert_eq!((adapter.modules()[0].inputs, adapter.modules()[0].outputs), (3, 4));
    assert_eq!(adapter.modules()[0].scale, 4.0);
}

#[test]
fn files_of_another_kind_are_named() {
    let set = |files: &[(&str, &[u8])]| {
        let files = files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec()));
        Adapter::open(&MemoryFiles::new("adapter", files)).unwrap_err()
    };
    assert_message(&set(&[]), &["adapter", "adapter_config.json", "add"]);
    assert_message(&set(&[("adapter_config.json", CONFIG)]), &["adapter_model.safetensors", "add"]);
    let error = set(&[("adapter_config.json", CONFIG), ("adapter_model.bin", b"PK")]);
    assert_message(&error, &["adapter_model.bin", "code", "safe_serialization"]);
    let error = set(&[("adapter_config.json", CONFIG), ("adapter_model.safetensors", b"PK")]);
    assert!(matches!(&error, Error::NotSafetensors { .. }), "{error}");
}

#[test]
fn configurations_beyond_this_are_named() {
    for (config, parts) in [
        ("", &["adapter_config.json", "cannot be read"][..]),
        ("[1]", &["peft_type", "missing"]),
        ("{}", &["peft_type", "missing"]),
        (r#"{"peft_type": null}"#, &["peft_type", "null"]),
        (r#"{"peft_type": "ADALORA"}"#, &["ADALORA", "LORA"]),
        (r#"{"peft_type": "LORA", "r": -1}"#, &["cannot be read"]),
        (r#"{"peft_type": "LORA", "r": 1.5}"#, &["cannot be read"]),
        (r#"{"peft_type": "LORA", "r": 0}"#, &["rank 0", "`q`"]),
        (r#"{"peft_type": "LORA", "lora_alpha": "8"}"#, &["cannot be read"]),
        (r#"{"peft_type": "LORA", "lora_alpha": NaN}"#, &["cannot be read"]),
        (r#"{"peft_type": "LORA", "rank_pattern": ["q"]}"#, &["cannot be read"]),
        (r#"{"peft_type": "LORA", "rank_pattern": {"q{2}": 2}}"#, &["rank_pattern", "q{2}", "names"]),
        (r#"{"peft_type": "LORA", "alpha_pattern": {"(q": 2}}"#, &["alpha_pattern", "(q", "closed"]),
        (r#"{"peft_type": "LORA", "use_dora": true}"#, &["use_dora", "PEFT"]),
        (r#"{"peft_type": "LORA", "lora_bias": true}"#, &["lora_bias"]),
        (r#"{"peft_type": "LORA", "use_qalora": true}"#, &["use_qalora"]),
        (
            r#"{"peft_type": "LORA", "layer_replication": [[0, 4], [2, 6]]}"#,
            &["layer_replication", "[[0,4],[2,6]]"],
        ),
        (r#"{"peft_type": "LORA", "target_parameters": ["experts"]}"#, &["target_parameters"]),
        (r#"{"peft_type": "LORA", "trainable_token_indices": [1]}"#, &["trainable_token_indices"]),
        (r#"{"peft_type": "LORA", "alora_invocation_tokens": [1]}"#, &["alora_invocation_tokens"]),
        (
            r#"{"peft_type": "LORA", "init_lora_weights": "pissa_niter_4"}"#,
            &["init_lora_weights", "pissa_niter_4"],
        ),
        (r#"{"peft_type": "LORA", "init_lora_weights": "OLoRA"}"#, &["init_lora_weights", "OLoRA"]),
        (
            r#"{"model_type": "roberta", "model_class": "RobertaAdapterModel", "version": "adapters.1.0.1", "config": {}}"#,
            &["AdapterHub", "adapters.1.0.1", "PEFT"],
        ),
        (r#"{"model_class": "BertAdapterModel", "config": {}}"#, &["AdapterHub", "old"]),
    ] {
        let error = open(config.as_bytes(), bytes(good())).unwrap_err();
        assert_message(&error, parts);
        assert!(matches!(&error, Error::NotAdapter { .. }), "{error}");
    }
    let deep = format!("{{\"peft_type\": \"LORA\", \"x\": {}1{}}}", "[".repeat(20), "]".repeat(20));
    assert_message(&open(deep.as_bytes(), bytes(good())).unwrap_err(), &["levels"]);
}

#[test]
fn settings_that_are_off_do_not_matter() {
    let config =
        br#"{"peft_type": "LORA", "r": 2, "use_dora": false, "lora_bias": false, "target_parameters": null,
        "layer_replication": null, "init_lora_weights": true, "loftq_config": {}, "something_new": 3}"#;
    open(config, bytes(good())).unwrap();
}

#[test]
fn tensors_that_make_no_adapter_are_named() {
    let with = |name: &str, shape: &[usize]| [good(), vec![floats(name, shape)]].concat();
    let a = "base_model.model.k.lora_A.weight";
    for (tensors, parts) in [
        (vec![], &["no tensor"][..]),
        (with("q.lora_A.weight", &[2, 3]), &["`q.lora_A.weight`", "base_model.model."]),
        (with("base_model.model.lora_A.weight", &[2, 3]), &["base_model.model.lora_A.weight"]),
        (with("base_model.model.q.lora_magnitude_vector", &[4]), &["lora_magnitude_vector"]),
        (with("base_model.model.q.lora_B.bias", &[4]), &["lora_B.bias"]),
        (with(a, &[2, 3]), &[a, "k.lora_B.weight"]),
        (with("base_model.model.e.lora_embedding_B", &[2, 3]), &["lora_embedding_B", "lora_embedding_A"]),
        (
            with("base_model.model.q.x.base_layer.weight", &[2])
                .into_iter()
                .chain([floats("base_model.model.q.x.weight", &[2])])
                .collect(),
            &["q.x", "another"],
        ),
        (
            vec![floats("base_model.model.q.lora_A.weight", &[3, 3]), good()[1].clone()],
            &["`q`", "[3, 3]", "[4, 2]", "rank 2"],
        ),
        (
            vec![good()[0].clone(), floats("base_model.model.q.lora_B.weight", &[4, 2, 1, 1])],
            &["`q`", "[4, 2, 1, 1]"],
        ),
        (vec![good()[0].clone(), floats("base_model.model.q.lora_B.weight", &[8])], &["`q`", "[8]"]),
    ] {
        let error = open(CONFIG, bytes(tensors)).unwrap_err();
        assert_message(&error, parts);
    }
    let integers =
        vec![(info("base_model.model.q.lora_A.weight", Dtype::I8, &[2, 3]), vec![0; 6]), good()[1].clone()];
    let error = open(CONFIG, bytes(integers)).unwrap_err();
    assert!(matches!(&error, Error::NotFloat { .. }), "{error}");
}

#[test]
fn a_name_in_a_message_stays_one_line() {
    let name = format!("base_model.model.{}\n\u{202e}.lora_C", "x".repeat(500));
    let error = open(CONFIG, bytes(vec![floats(&name, &[1])])).unwrap_err();
    assert_message(&error, &["xxx"]);
}

proptest! {
    #[test]
    fn hostile_configurations_never_panic(json in ".{0,200}") {
        let _ = AdapterConfig::parse(json.as_bytes());
    }

    /// A configuration damaged in one place is read or refused, and what it gives is a number.
    #[test]
    fn damaged_configurations_never_panic(at in 0usize..200, byte: u8) {
        let mut json = br#"{"peft_type": "LORA", "r": 2, "lora_alpha": 4, "rank_pattern": {"^a.(q|k)$": 3, "[a-c]+\\d?": 1}, "bias": "none"}"#.to_vec();
        let at = at % json.len();
        json[at] = byte;
        if let Ok(config) = AdapterConfig::parse(&json) {
            let _ = (config.rank("a.q"), config.scale("a.k"));
        }
    }

    #[test]
    fn hostile_patterns_end(key in r"[a(|)*+?.\[\]^$\\d-]{0,40}") {
        let json = serde_json::json!({"peft_type": "LORA", "rank_pattern": {key: 1}});
        if let Ok(config) = AdapterConfig::parse(json.to_string().as_bytes()) {
            let _ = config.rank("a.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
        }
    }
}
