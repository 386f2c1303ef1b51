//! What `maec train` keeps of a run beside its model, adapters, presets and prepared corpora.

mod common;

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::{json, maec, ok, refused, said, tensors, tree, world};
use maec_checkpoint::{FileSource, SafetensorsReader, Weights, convert};
use serde_json::Value;

const BASE: &str =
    "train --init config.json --tokenizer world --corpus world/base.jsonl --batch 4 --warmup 2";

/// A world and an untrained base for it.
fn base(folder: &Path) {
    world(folder);
    ok(folder, &format!("{BASE} --steps 2 --out base"));
}

/// The lines of a file of metrics.
fn metrics(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn values(path: &Path, tensor: &str) -> Vec<f32> {
    let file = SafetensorsReader::open(std::sync::Arc::new(FileSource::open(path).unwrap())).unwrap();
    let info = file.tensors().iter().find(|info| info.name == tensor).unwrap().clone();
    convert::decode_f32(info.dtype, &file.read_bytes(tensor).unwrap()).unwrap()
}

#[test]
fn an_adapter_is_trained_gone_on_with_and_merged() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    base(folder);
    let lora = "train --model base --corpus world/ability --batch 4 --warmup 1 --lr 1e-2 --steps 4";
    let summary = json(folder, &format!("{lora} --lora-rank 3 --lora-alpha 6 --out first"));
    // Queries [16, 16] and values [8, 16] of two layers, each with a [3, 16] and a [16 or 8, 3].
    assert_eq!(summary["trained_parameters"], 2 * 3 * ((16 + 16) + (16 + 8)));
    let config: Value =
        serde_json::from_str(&fs::read_to_string(folder.join("first/adapter_config.json")).unwrap()).unwrap();
    assert_eq!((&config["r"], &config["lora_alpha"]), (&Value::from(3), &Value::from(6.0)));
    assert_eq!(config["base_model_name_or_path"], "base");
    ok(folder, &format!("{lora} --adapter first --out second"));

    fs::write(
        folder.join("m.yaml"),
        "merge_method: linear\ndtype: float32\nmodels:\n  - model: base+second\n    parameters: {weight: 1}\n",
    )
    .unwrap();
    ok(folder, "merge m.yaml --out merged");
    // W + α/r · B·A, by hand.
    let name = "model.layers.1.self_attn.v_proj";
    let factor = |part: &str| {
        let name = format!("base_model.model.{name}.lora_{part}.weight");
        values(&folder.join("second/adapter_model.safetensors"), &name)
    };
    let (a, b) = (factor("A"), factor("B"));
    assert!(b.iter().any(|value| *value != 0.0));
    let weight = format!("{name}.weight");
    let before = values(&folder.join("base/model.safetensors"), &weight);
    let after = values(&folder.join("merged/model.safetensors"), &weight);
    for (index, (before, after)) in before.iter().zip(&after).enumerate() {
        let (row, column) = (index / 16, index % 16);
        let change: f32 = (0..3).map(|k| b[row * 3 + k] * a[k * 16 + column]).sum();
        assert!((before + 2.0 * change - after).abs() < 1e-6, "{index}: {before} {change} {after}");
    }

    // Finished is finished, and only the same run may say so.
    let done = format!("{lora} --adapter first --out second --resume");
    let before = tree(folder);
    assert_eq!(ok(folder, &done), "");
    assert_eq!(tree(folder), before);
    assert!(
        refused(folder, 1, &done.replace("--adapter first", "--lora-rank 2")).contains("not of this run")
    );
    fs::write(folder.join("second/notes"), "mine").unwrap();
    assert!(refused(folder, 1, &format!("{lora} --lora-rank 2 --out second")).contains("not made by maec"));
}

#[test]
fn adapters_that_make_no_sense_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    base(folder);
    let line = "train --model base --corpus world/ability --steps 1 --out out";
    for (with, says) in [
        ("--lora-rank 0", "the rank is 0"),
        ("--lora-alpha 0", "alpha is 0"),
        ("--lora-rank 2 --lora-targets nothing", "`nothing` is no linear layer"),
        ("--lora-rank 2 --dtype bfloat16", "float32"),
        ("--lora-rank 2 --neurons a.safetensors", "--neurons"),
        ("--lora-rank 2 --adapter a", "--adapter"),
    ] {
        let message = refused(folder, 2, &format!("{line} {with}"));
        assert!(message.contains(says), "{with}: {message}");
    }
    // An adapter of another model.
    fs::create_dir(folder.join("other")).unwrap();
    let config = r#"{"peft_type":"LORA","r":1,"lora_alpha":1,"target_modules":["q_proj"]}"#;
    fs::write(folder.join("other/adapter_config.json"), config).unwrap();
    let name = |factor| format!("base_model.model.model.layers.0.self_attn.q_proj.lora_{factor}.weight");
    let (a, b) = (name("A"), name("B"));
    let factors: [(&str, &[usize], &[f32]); 2] = [(&a, &[1, 4], &[1.0; 4]), (&b, &[4, 1], &[1.0; 4])];
    tensors(&folder.join("other/adapter_model.safetensors"), &factors);
    let message = refused(folder, 2, &format!("{line} --adapter other"));
    assert!(message.contains("use the base that it was trained on"), "{message}");
}

#[test]
fn metrics_and_report_of_a_killed_run_know_every_step_once() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    base(folder);
    let line = "train --model base --corpus world/ability --batch 4 --steps 120 --lora-rank 2 --checkpoint-every 7 \
                --evaluate-every 20 --heldout world/heldout/en.jsonl";
    ok(folder, &format!("{line} --out whole --metrics whole.jsonl"));
    let cut = format!("{line} --out cut --metrics cut.jsonl --report cut.html --resume");
    let mut child = maec(folder)
        .args(cut.split_whitespace())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (snapshot, deadline) =
        (folder.join("cut.run/snapshot.safetensors"), Instant::now() + Duration::from_secs(60));
    while !snapshot.is_file() {
        assert!(Instant::now() < deadline, "there is no checkpoint after a minute");
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        folder.join("cut.run/metrics.jsonl").is_file() && !folder.join("cut").exists(),
        "killed too late"
    );
    // Another rank is another run.
    // What a kill left unfinished may be cleared up by a refused start.
    let refused =
        |line: String| said(&maec(folder).args(line.split_whitespace()).output().unwrap(), 1, &line);
    let message = refused(cut.replace("--lora-rank 2", "--lora-rank 3"));
    assert!(message.contains("rank 2") && message.contains("rank 3"), "{message}");
    let message = refused(format!("{cut} --final-ratio 0.5"));
    assert!(message.contains("final_ratio: none → 0.5"), "{message}");
    ok(folder, &cut);

    let (whole, cut) = (metrics(&folder.join("whole.jsonl")), metrics(&folder.join("cut.jsonl")));
    assert_eq!(cut.len(), 120);
    for (step, (whole, cut)) in whole.iter().zip(&cut).enumerate() {
        assert_eq!(cut["step"], step + 1);
        for name in ["loss", "gradient_norm", "learning_rate", "tokens", "evaluation"] {
            assert_eq!(whole[name], cut[name], "{name} of step {}", step + 1);
        }
        assert_eq!(cut["evaluation"].is_object(), (step + 1) % 20 == 0);
    }
    assert!(cut[119]["seconds"].as_f64() > cut[6]["seconds"].as_f64());
    let bytes = |out: &str| fs::read(folder.join(out).join("adapter_model.safetensors")).unwrap();
    assert!(bytes("whole") == bytes("cut"), "a resumed adapter is the same");
    let html = fs::read_to_string(folder.join("cut.html")).unwrap();
    assert!(
        html.contains("120 of 120") && html.contains("Evaluation") && html.matches("<details>").count() == 5
    );
    assert!(!folder.join("cut.run").exists());
}

#[test]
fn the_published_preset_accumulates_to_its_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    world(folder);
    let line = "train --init config.json --tokenizer world --corpus world/base.jsonl --preset published \
                --tokens-per-step 200 --steps 3";
    let masked = json(folder, &format!("{line} --metrics a.jsonl --out a"));
    let steps = metrics(&folder.join("a.jsonl"));
    assert_eq!(steps[0]["learning_rate"].as_f64().unwrap(), 5e-5 / 60.0);
    let mut before = 0;
    for step in &steps {
        let tokens = step["tokens"].as_u64().unwrap();
        assert!((200..200 + 128).contains(&(tokens - before)), "{tokens} after {before}");
        before = tokens;
    }
    // What is computed again is the same.
    let kept = json(folder, &format!("{line} --activation-checkpointing=false --out b"));
    assert_eq!(masked["model_hash"], kept["model_hash"]);
    assert_eq!(masked["memory"]["moments"].as_u64(), masked["parameters"].as_u64().map(|n| 8 * n));
    assert!(refused(folder, 2, &format!("{line} --micro-sequences 0 --out c")).contains("micro-batch"));
    assert!(refused(folder, 2, &format!("{line} --final-ratio 2 --out c")).contains("final ratio"));
}

#[test]
fn a_model_in_bf16_is_trained_as_it_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    world(folder);
    ok(folder, &format!("{BASE} --steps 2 --dtype bfloat16 --out base"));
    ok(folder, "neurons --model base --corpus world/ability --steps 2 --batch 4 --out mask");
    let line = "train --model base --corpus world/ability --neurons mask --batch 4 --warmup 1 --steps 4";
    let wide = json(folder, &format!("{line} --out wide"));
    let held = json(folder, &format!("{line} --bf16 --dtype bfloat16 --out held"));
    let [wide_bytes, held_bytes] =
        [&wide, &held].map(|summary| summary["memory"]["weights"].as_u64().unwrap());
    assert!(held_bytes < wide_bytes * 52 / 100, "{held_bytes} of {wide_bytes}");
    let trained = held["trained_parameters"].as_u64().unwrap();
    let masters = held["memory"]["masters"].as_u64().unwrap();
    assert!(masters > 0 && masters <= 4 * trained, "{masters} for {trained}");
    // Outside the mask not a bit is another.
    ok(folder, "delta --base base --trained held --neurons mask --out d.safetensors");
    let message =
        refused(folder, 2, &format!("{} --bf16 --out other", line.replace("--model base", "--model wide")));
    assert!(message.contains("--bf16 would round"), "{message}");
}

#[test]
fn prepared_corpora_are_trained_on_in_windows() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    world(folder);
    ok(folder, "corpus prepare --tokenizer world --source world/base.jsonl --held-out 0.2 --out base");
    ok(folder, "corpus prepare --tokenizer world --source world/ability --held-out 0 --out ability");
    let line =
        "train --init config.json --corpus base --corpus ability:0.5 --batch 3 --seq-len 20 --warmup 1";
    let whole = json(folder, &format!("{line} --steps 4 --evaluate-every 4 --metrics m.jsonl --out model"));
    assert_eq!(whole["tokens"], 4 * 3 * 20);
    let steps = metrics(&folder.join("m.jsonl"));
    // Near the loss of a guess, as its training's is.
    let [training, held_out] = [&steps[3]["loss"], &steps[3]["evaluation"]["base (held-out)"]];
    assert!((training.as_f64().unwrap() - held_out.as_f64().unwrap()).abs() < 0.5, "{training} {held_out}");
    assert!(folder.join("model/tokenizer.json").is_file(), "the corpus brings its tokenizer");

    for (line, says) in [
        (line.replace("--seq-len 20", "--seq-len 129"), "128 positions"),
        (line.replace("--corpus ability:0.5", "--corpus world/ability"), "prepare all of them"),
        (format!("{} --evaluate-every 1", line.replace("--corpus base ", "")), "nothing to measure"),
    ] {
        let message = refused(folder, 2, &format!("{line} --steps 1 --out other"));
        assert!(message.contains(says), "{message}");
    }
    let texts = fs::read_to_string(folder.join("world/tokenizer.json")).unwrap();
    fs::write(folder.join("tokenizer.json"), texts + "\n").unwrap();
    let message = refused(folder, 2, &format!("{line} --steps 1 --out other --tokenizer tokenizer.json"));
    assert!(message.contains("another tokenizer"), "{message}");
}

#[test]
fn files_that_could_not_be_kept_are_found_before_training() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    world(folder);
    let line = format!("{BASE} --steps 1");
    refused(folder, 1, &format!("{line} --out out --metrics missing/m.jsonl"));
    let message = refused(folder, 2, &format!("{line} --out out --report world/base.jsonl"));
    assert!(message.contains("would overwrite the input"), "{message}");
    let message = refused(folder, 2, &format!("{line} --out out --metrics r --report r"));
    assert!(message.contains("two outputs"), "{message}");
    let message = refused(folder, 2, &format!("{line} --out out --heldout world/heldout"));
    assert!(message.contains("--evaluate-every"), "{message}");
    ok(folder, &format!("{line} --out out"));
    let message = refused(folder, 2, &format!("{line} --out out --metrics m.jsonl --resume"));
    assert!(message.contains("too late for `m.jsonl`"), "{message}");
}

#[test]
#[cfg(not(feature = "mpi"))]
fn a_build_without_mpi_does_not_train_twice_over() {
    let folder = tempfile::tempdir().unwrap();
    world(folder.path());
    let line = format!("{BASE} --steps 1 --out out");
    let mut command = maec(folder.path());
    command.env("OMPI_COMM_WORLD_RANK", "1").env("OMPI_COMM_WORLD_SIZE", "2");
    let message = said(&command.args(line.split_whitespace()).output().unwrap(), 2, &line);
    assert!(message.contains("feature mpi") && !folder.path().join("out").exists(), "{message}");
}
