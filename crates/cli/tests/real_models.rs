//! Models as people have them: from the hub, with a real tokenizer, forward, generation, benchmarks.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use maec_checkpoint::{FileSource, SafetensorsReader, Weights};
use maec_hub::fake::{FakeHub, Fault};

use common::{maec, said, tree};

fn goldens(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens").join(name)
}

fn open(path: &Path) -> SafetensorsReader {
    SafetensorsReader::open(Arc::new(FileSource::open(path).unwrap())).unwrap()
}

/// A small random model with SmolLM2's kind of tokenizer, in `model/`.
fn model(folder: &Path) {
    let source = goldens("tokenizers/bpe_smollm2/tokenizer.json");
    let tokenizer = fs::read_to_string(&source).unwrap();
    let json: serde_json::Value = serde_json::from_str(&tokenizer).unwrap();
    let largest = |tokens: &serde_json::Value| {
        tokens.as_array().into_iter().flatten().filter_map(|token| token["id"].as_u64()).max().unwrap_or(0)
    };
    let vocabulary = json["model"]["vocab"].as_object().unwrap().len() as u64;
    let rows = vocabulary.max(largest(&json["added_tokens"]) + 1);
    let config = serde_json::json!({
        "model_type": "llama", "vocab_size": rows, "hidden_size": 32, "intermediate_size": 48,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "tie_word_embeddings": true,
        "max_position_embeddings": 512, "bos_token_id": 0, "eos_token_id": 2,
    });
    fs::write(folder.join("config.json"), config.to_string()).unwrap();
    let config = maec_model::ModelConfig::from_json(&config.to_string()).unwrap();
    let mut state = 1_u32;
    let tensors: Vec<(String, Vec<usize>, Vec<f32>)> = config
        .tensors()
        .into_iter()
        .map(|(name, shape)| {
            let values = (0..shape.iter().product()).map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / (1 << 24) as f32 - 0.5
            });
            (name, shape, values.collect())
        })
        .collect();
    let tensors: Vec<(&str, &[usize], &[f32])> = tensors
        .iter()
        .map(|(name, shape, values)| (name.as_str(), shape.as_slice(), values.as_slice()))
        .collect();
    fs::create_dir(folder.join("model")).unwrap();
    common::tensors(&folder.join("model/model.safetensors"), &tensors);
    fs::rename(folder.join("config.json"), folder.join("model/config.json")).unwrap();
    fs::write(folder.join("model/tokenizer.json"), tokenizer).unwrap();
}

#[test]
fn forward_gives_what_transformers_gave() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["llama3", "qwen2_bf16_sharded", "gemma2"] {
        let model = goldens(name);
        let golden = model.join("golden.safetensors");
        let line =
            format!("forward --model {} --input {} --out out.safetensors", model.display(), golden.display());
        common::ok(folder.path(), &line);
        let (ours, golden) = (open(&folder.path().join("out.safetensors")), open(&golden));
        let mask = golden.read_bytes("attention_mask").unwrap();
        let seen: Vec<bool> =
            mask.as_chunks::<8>().0.iter().map(|bit| i64::from_le_bytes(*bit) == 1).collect();
        let names = golden.tensors().iter().map(|info| info.name.as_str());
        let states: Vec<&str> =
            names.filter(|name| name.contains("hidden_states") || name.contains("layer_out")).collect();
        assert!(states.len() > 3);
        for tensor in states.into_iter().chain(["logits"]) {
            assert_eq!(
                ours.info(tensor).unwrap().shape,
                golden.info(tensor).unwrap().shape,
                "{name} {tensor}"
            );
            let (ours, golden) = (ours.read_f32(tensor).unwrap(), golden.read_f32(tensor).unwrap());
            let width = ours.len() / seen.len();
            let rows = ours.chunks(width).zip(golden.chunks(width)).zip(&seen).filter(|(_, seen)| **seen);
            for ((ours, golden), _) in rows {
                for (a, b) in ours.iter().zip(golden) {
                    assert!((a - b).abs() <= 2e-4, "{name} {tensor}: {a} against {b}");
                }
            }
        }
    }
}

#[test]
fn padding_on_the_left_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (model, golden) = (goldens("llama3"), open(&goldens("llama3/golden.safetensors")));
    // Rotary positions are relative: the same tokens one place further to the right see the same.
    let ids = golden.read_bytes("input_ids").unwrap();
    let short: Vec<f32> =
        ids[..40].as_chunks::<8>().0.iter().map(|id| i64::from_le_bytes(*id) as f32).collect();
    let write = |file: &str, ids: &[f32], mask: &[f32]| {
        let integers = |values: &[f32]| -> Vec<u8> {
            values.iter().flat_map(|&value| (value as i64).to_le_bytes()).collect()
        };
        let (ids_bytes, mask_bytes) = (integers(ids), integers(mask));
        let header = format!(
            r#"{{"input_ids":{{"dtype":"I64","shape":[1,{n}],"data_offsets":[0,{a}]}},"attention_mask":{{"dtype":"I64","shape":[1,{n}],"data_offsets":[{a},{b}]}}}}"#,
            n = ids.len(),
            a = ids_bytes.len(),
            b = 2 * ids_bytes.len()
        );
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend(ids_bytes);
        bytes.extend(mask_bytes);
        fs::write(folder.path().join(file), bytes).unwrap();
    };
    write("plain.safetensors", &short, &[1.0; 5]);
    let padded: Vec<f32> = [0.0, 0.0].into_iter().chain(short).collect();
    write("padded.safetensors", &padded, &[0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
    let logits = |input: &str| {
        let line = format!("forward --model {} --input {input} --out out.safetensors", model.display());
        common::ok(folder.path(), &line);
        open(&folder.path().join("out.safetensors")).read_f32("logits").unwrap()
    };
    let (plain, padded) = (logits("plain.safetensors"), logits("padded.safetensors"));
    let vocab = plain.len() / 5;
    assert!(padded[..2 * vocab].iter().all(|&logit| logit == 0.0));
    for (a, b) in plain.iter().zip(&padded[2 * vocab..]) {
        assert!((a - b).abs() < 1e-4, "{a} against {b}");
    }
    write("gap.safetensors", &padded[..3], &[1.0, 0.0, 1.0]);
    let line = format!("forward --model {} --input gap.safetensors --out gone.safetensors", model.display());
    assert!(common::refused(folder.path(), 1, &line).contains("attention_mask"));
}

/// The companion with a fake hub and a cache of its own.
fn at_hub(folder: &Path, hub: &FakeHub, token: Option<&str>) -> Command {
    let mut command = maec(folder);
    command.env("HF_ENDPOINT", hub.url()).env("XDG_CACHE_HOME", folder.join("cache")).env_remove("HF_TOKEN");
    if let Some(token) = token {
        command.env("HF_TOKEN", token);
    }
    command
}

fn files(folder: &Path) -> Vec<(&'static str, Vec<u8>)> {
    ["config.json", "tokenizer.json", "model.safetensors"]
        .map(|name| (name, fs::read(folder.join("model").join(name)).unwrap()))
        .to_vec()
}

#[test]
fn a_model_of_the_hub_runs_and_is_fetched_once() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    model(folder);
    let hub = FakeHub::start().unwrap();
    let commit = hub.repository("org/tiny", &files(folder));
    hub.fault("model.safetensors", Fault::Status(503), 1);
    let line = ["generate", "--model", "org/tiny@main", "--prompt", "Hello world", "--max-new-tokens", "8"];
    let output = at_hub(folder, &hub, Some("hf_secret")).args(line).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{stderr}");
    let local = maec(folder)
        .args(line.map(|word| if word == "org/tiny@main" { "model" } else { word }))
        .output()
        .unwrap();
    assert_eq!(output.stdout, local.stdout);
    assert!(stderr.contains("8 new tokens"), "{stderr}");
    for (path, bytes) in tree(&folder.join("cache")) {
        let bytes = bytes.unwrap_or_default();
        assert!(!bytes.windows(9).any(|part| part == b"hf_secret"), "{}", path.display());
    }
    let served = hub.bytes_served();
    let again = at_hub(folder, &hub, None).args(line).output().unwrap();
    assert_eq!(again.stdout, output.stdout);
    assert!(hub.bytes_served() - served < 5000, "the weights moved twice");

    let recipe = "version: 1\nmerge_method: task_vector\nbase_model: org/tiny@main\nability: {model: org/tiny@main}\n\
                  reference: {model: org/tiny}\nlanguages: []\nparameters: {lambda: 1.0}\n";
    fs::write(folder.join("recipe.yaml"), recipe).unwrap();
    let output =
        at_hub(folder, &hub, None).args(["merge", "recipe.yaml", "--out", "merged"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let written = fs::read_to_string(folder.join("merged/recipe.yaml")).unwrap();
    assert!(written.contains(&format!("org/tiny@{commit}")) && !written.contains("@main"), "{written}");
}

/// A model of 4 MB in two files with an index, without a tokenizer.
fn sharded(folder: &Path, name: &str, shift: f32) -> Vec<(&'static str, Vec<u8>)> {
    const FILES: [&str; 2] = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    const TENSORS: [&str; 2] = ["model.embed_tokens.weight", "model.layers.0.mlp.up_proj.weight"];
    let folder = folder.join(name);
    fs::create_dir(&folder).unwrap();
    let mut map = serde_json::Map::new();
    for (file, tensor) in FILES.into_iter().zip(TENSORS) {
        let values: Vec<f32> = (0..1024 * 512).map(|i| (i % 1000) as f32 / 500.0 - shift).collect();
        common::tensors(&folder.join(file), &[(tensor, &[1024, 512], &values)]);
        map.insert(tensor.into(), file.into());
    }
    let index = serde_json::json!({ "metadata": {}, "weight_map": map });
    fs::write(folder.join("model.safetensors.index.json"), index.to_string()).unwrap();
    fs::write(folder.join("config.json"), r#"{"model_type": "llama", "num_hidden_layers": 1}"#).unwrap();
    let files = ["config.json", "model.safetensors.index.json", FILES[0], FILES[1]];
    files.map(|file| (file, fs::read(folder.join(file)).unwrap())).to_vec()
}

#[test]
fn a_plan_of_remote_models_reads_headers_and_a_merge_fetches_what_is_clean() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let hub = FakeHub::start().unwrap();
    for (name, shift) in [("base", 1.0), ("a", 0.5)] {
        hub.repository(&format!("org/{name}"), &sharded(folder, name, shift));
    }
    let recipe = |of: &str| {
        format!(
            "merge_method: ties\nbase_model: {of}base\n\
             models: [{{model: {of}a, parameters: {{weight: 1, density: 0.5}}}}]\n"
        )
    };
    fs::write(folder.join("local.yaml"), recipe("")).unwrap();
    fs::write(folder.join("hub.yaml"), recipe("org/")).unwrap();
    fs::write(folder.join("bad.yaml"), recipe("org/").replace("density", "densty")).unwrap();
    fs::write(
        folder.join("maec.yaml"),
        "version: 1\nmerge_method: task_vector\nbase_model: org/base\nability: {model: org/a}\n\
         reference: {model: org/a}\nlanguages: []\n",
    )
    .unwrap();
    let at = |line: &str| at_hub(folder, &hub, None).args(line.split(' ')).output().unwrap();
    // Four files of weights of 2 MB, of which a block each has the header.
    let (weights, most) = (4 * 2_097_152, 4 * maec_hub::BLOCK_BYTES + 20_000);
    for (line, code) in [("plan maec.yaml", 0), ("plan hub.yaml", 0), ("plan bad.yaml", 2)] {
        let output = at(line);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{line}: {said}");
        assert!(hub.bytes_served() < most, "{line}: {} bytes of {weights} came", hub.bytes_served());
    }
    let message = said(&at("merge bad.yaml --out merged"), 2, "merge bad.yaml");
    assert!(message.contains("densty") && hub.bytes_served() < most, "{message}");
    let hash = |output: std::process::Output| -> String {
        let report: serde_json::Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        report["output_hash"].as_str().unwrap().to_owned()
    };
    let merged = hash(at("merge hub.yaml --out merged --json"));
    assert_eq!(merged, hash(at("merge local.yaml --out here --json")));
    assert!((weights..weights + 40_000).contains(&hub.bytes_served()), "{}", hub.bytes_served());
}

#[test]
fn a_hub_that_refuses_is_said_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let hub = FakeHub::start().unwrap();
    let line = "generate --model org/none@main --prompt x";
    let output = at_hub(folder.path(), &hub, Some("hf_secret")).args(line.split(' ')).output().unwrap();
    let message = said(&output, 1, line);
    assert!(message.contains("org/none") && !message.contains("hf_secret"), "{message}");
    // What looks like a path of this folder is none of the hub's business.
    fs::create_dir(folder.path().join("org")).unwrap();
    let seen = hub.seen().len();
    let line = "generate --model org/none --prompt x";
    let output = at_hub(folder.path(), &hub, None).args(line.split(' ')).output().unwrap();
    assert!(said(&output, 1, line).contains("org/none"));
    assert_eq!(hub.seen().len(), seen);
}

#[test]
fn benchmarks_go_on_where_they_were_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    model(folder);
    let rows: String =
        (0..6).map(|i| format!("{{\"prompt\": \"{i} and {i} is\", \"answer\": \"{}\"}}\n", 2 * i)).collect();
    fs::write(folder.join("sums.jsonl"), rows).unwrap();
    let choices = "{\"question\": \"The sky is\", \"choices\": [\"blue\", \"a cat\"], \"answer\": 0}\n";
    fs::write(folder.join("choices.jsonl"), choices).unwrap();
    let line = "eval --model model --task jsonl --file sums.jsonl --max-new-tokens 4 --journal answers";
    let part = common::json(folder, &format!("{line} --limit 2"));
    assert_eq!(part[0]["samples"].as_array().unwrap().len(), 2);
    let all = common::json(folder, line);
    let samples = all[0]["samples"].as_array().unwrap();
    assert_eq!(samples.len(), 6);
    assert_eq!(samples[..2], part[0]["samples"].as_array().unwrap()[..]);
    assert_eq!(
        common::json(folder, &line.replace(" --journal answers", ""))[0]["samples"],
        all[0]["samples"]
    );
    let message = common::refused(folder, 1, &line.replace("tokens 4", "tokens 5"));
    assert!(message.contains("max_new_tokens: 4 then, 5 now"), "{message}");
    let likelihood = common::json(folder, "eval --model model --task jsonl --file choices.jsonl");
    assert_eq!(likelihood[0]["groups"][0]["n"], 1);
    fs::write(folder.join("text.txt"), "Hello world, hello sky. ".repeat(40)).unwrap();
    let text = common::json(folder, "eval --model model --task text --file text.txt --languages en");
    let perplexity = text[0]["groups"][0]["scores"]["perplexity"]["value"].as_f64().unwrap();
    // Random weights know nothing: near the size of the vocabulary, within a wide margin.
    assert!((50.0..5e4).contains(&perplexity), "{perplexity}");
    assert!(common::refused(folder, 2, "eval --model model --task mgsm").contains("MAEC_DATA"));
}
