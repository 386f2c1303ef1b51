//! `maec plan` and `maec merge` on mergekit files: what is written, what is refused, and a merge that is killed.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{json, maec, ok, refused};
use maec_checkpoint::{FileSource, ModelFolder, SafetensorsReader, Weights, model_hash};
use tempfile::TempDir;

/// A folder with mergekit's golden models and files.
fn goldens() -> TempDir {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens/mergekit");
    let dir = TempDir::new().unwrap();
    copy(&from, dir.path());
    dir
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to)
        } else {
            assert!(fs::copy(entry.path(), to).is_ok())
        }
    }
}

#[test]
fn a_merge_is_a_folder_that_others_open_with_its_provenance() {
    let dir = goldens();
    let report = json(dir.path(), "merge ties.yaml --out merged --shard-size 2kB");
    let merged = ModelFolder::open(&dir.path().join("merged")).unwrap();
    assert!(merged.shards().len() > 1);
    assert_eq!(report["output_hash"], model_hash(&merged).unwrap());
    let metadata = merged.metadata();
    assert_eq!(metadata["format"], "pt");
    assert!(metadata["maec_merge"].contains("merge_method: ties"), "{metadata:?}");
    assert!(metadata["maec_inputs"].contains(report["inputs"][0]["fingerprint"].as_str().unwrap()));
    let index = fs::read_to_string(dir.path().join("merged/model.safetensors.index.json")).unwrap();
    let index: serde_json::Value = serde_json::from_str(&index).unwrap();
    let bytes: usize = merged.tensors().iter().map(maec_checkpoint::TensorInfo::bytes).sum();
    assert_eq!(index["metadata"]["total_size"], bytes);
    let card = fs::read_to_string(dir.path().join("merged/README.md")).unwrap();
    assert!(card.starts_with("---\n") && card.contains("- merge\n") && card.contains("inputs/a"), "{card}");
    // What was written says how to make it again, and may be replaced.
    let again = json(dir.path(), "merge merged/recipe.yaml --models . --out again.safetensors");
    assert_eq!(again["output_hash"], report["output_hash"]);
    ok(dir.path(), "merge ties.yaml --out merged");
    assert!(!dir.path().join("merged/model.safetensors.index.json").exists());
}

#[test]
fn layers_vocabularies_and_adapters_reach_the_written_files() {
    let dir = goldens();
    let config = |folder: &str| -> serde_json::Value {
        serde_json::from_str(&fs::read_to_string(dir.path().join(folder).join("config.json")).unwrap())
            .unwrap()
    };
    ok(dir.path(), "merge slices_passthrough.yaml --out slices");
    assert_eq!(config("slices")["num_hidden_layers"], 5);
    let report = json(dir.path(), "merge tokenizer_union.yaml --out union");
    assert_eq!(config("union")["vocab_size"], 11);
    assert!(!report["tokens"].as_array().unwrap().is_empty());
    let tokenizer = fs::read_to_string(dir.path().join("union/tokenizer.json")).unwrap();
    let tokenizer: serde_json::Value = serde_json::from_str(&tokenizer).unwrap();
    assert!(!tokenizer["added_tokens"].as_array().unwrap().is_empty());
    ok(dir.path(), "merge lora.yaml --out merged.safetensors");
    let open = |file: &str| {
        SafetensorsReader::open(Arc::new(FileSource::open(&dir.path().join(file)).unwrap())).unwrap()
    };
    let (merged, golden) = (open("merged.safetensors"), open("lora.safetensors"));
    for info in golden.tensors() {
        let pairs =
            merged.read_f32(&info.name).unwrap().into_iter().zip(golden.read_f32(&info.name).unwrap());
        for (found, expected) in pairs {
            assert!((found - expected).abs() <= 1e-6 * (1.0 + expected.abs()), "{}", info.name);
        }
    }
}

#[test]
fn a_plan_lists_every_problem_with_its_line_and_exits_with_2() {
    let dir = goldens();
    let plan = json(dir.path(), "plan ties.yaml");
    assert_eq!(
        (plan["plan"]["tensors"].as_u64(), plan["problems"].as_array().map(Vec::len)),
        (Some(21), Some(0))
    );
    fs::write(
        dir.path().join("bad.yaml"),
        "merge_method: ties\nbase_model: inputs/base\nmodels:\n  - model: inputs/a\n    parameters: {densty: 0.3, weight: 1}\n  \
         - model: inputs/words\n    parameters: {weight: [{filter: nowhere, value: 1}]}\n",
    )
    .unwrap();
    let output = maec(dir.path()).args(["plan", "bad.yaml"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stdout).unwrap();
    for part in
        ["line 5: `ties` has no parameter `densty`; did you mean `density`?", "`nowhere`", "inputs/words"]
    {
        assert!(said.contains(part), "no {part} in:\n{said}");
    }
    let message = refused(dir.path(), 2, "merge bad.yaml --out merged");
    assert!(message.contains("densty") && message.contains("maec plan"), "{message}");
    assert!(!dir.path().join("merged").exists());
    let output = maec(dir.path()).args(["plan", "ties.yaml", "--memory", "1kB"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    refused(dir.path(), 2, "merge ties.yaml --out merged --shard-size much");
}

#[test]
fn an_output_is_never_one_of_its_inputs() {
    let dir = goldens();
    for out in ["inputs/a", "inputs", "inputs/a/model.safetensors", "ties.yaml"] {
        refused(dir.path(), 2, &format!("merge ties.yaml --out {out}"));
    }
}

/// A merge killed in the middle, wherever that is, is resumed to the same bytes; the model is large enough to be caught at it.
#[cfg(unix)]
#[test]
fn a_killed_merge_is_resumed_to_the_same_bytes() {
    let dir = TempDir::new().unwrap();
    for (name, seed) in [("base", 1), ("a", 2)] {
        ok(dir.path(), &format!("bench model --shape tiny --dtype float32 --seed {seed} --out {name}"));
    }
    let recipe =
        "merge_method: ties\nbase_model: base\nmodels: [{model: a, parameters: {weight: 1, density: 0.5}}]\n";
    fs::write(dir.path().join("ties.yaml"), recipe).unwrap();
    let hash = |folder: &str| model_hash(&ModelFolder::open(&dir.path().join(folder)).unwrap()).unwrap();
    ok(dir.path(), "merge ties.yaml --out whole --shard-size 1MB");
    let journal = dir.path().join("out.maec.tmp/.maec-journal");
    let mut caught = 0;
    for lines in [2, 10, 30] {
        let mut command: Command = maec(dir.path());
        command.args(["merge", "ties.yaml", "--out", "out", "--shard-size", "1MB", "--threads", "1"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(20) && child.try_wait().unwrap().is_none() {
            if fs::read_to_string(&journal).is_ok_and(|text| text.lines().count() > lines) {
                child.kill().unwrap();
                break;
            }
        }
        child.wait().unwrap();
        let was_killed = dir.path().join("out.maec.tmp").exists();
        caught += usize::from(was_killed);
        ok(dir.path(), "merge ties.yaml --out out --shard-size 1MB --resume");
        assert_eq!(hash("out"), hash("whole"));
        assert!(!dir.path().join("out.maec.tmp").exists());
        fs::remove_dir_all(dir.path().join("out")).unwrap();
    }
    assert!(caught > 0, "no merge was slow enough to be killed");
}

#[test]
fn a_merge_killed_before_its_folder_had_its_name_is_finished_by_the_next() {
    let dir = goldens();
    let at = |name: &str| dir.path().join(name);
    for line in ["merge ties.yaml --out out --resume", "merge ties.yaml --out out"] {
        let report = json(dir.path(), "merge ties.yaml --out out");
        // The last steps of a merge are to remove the mark of what is unfinished and to rename the folder.
        fs::rename(at("out"), at("out.maec.tmp")).unwrap();
        assert_eq!(json(dir.path(), line)["output_hash"], report["output_hash"]);
        assert!(at("out/model.safetensors").is_file() && !at("out.maec.tmp").exists());
    }
    // Another merge that fails after it leaves the finished one under its name.
    fs::rename(at("out"), at("out.maec.tmp")).unwrap();
    let line = "merge broken.yaml --out out";
    let text = fs::read_to_string(at("ties.yaml")).unwrap();
    fs::write(at("broken.yaml"), text).unwrap();
    let mut weights = fs::read(at("inputs/a/model.safetensors")).unwrap();
    let end = weights.len();
    weights[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(at("inputs/a/model.safetensors"), weights).unwrap();
    let output = maec(dir.path()).args(line.split(' ')).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(at("out/model.safetensors").is_file() && !at("out.maec.tmp").exists());
}

#[test]
fn adapters_merge_with_each_other_without_their_base() {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens/peft");
    let dir = TempDir::new().unwrap();
    copy(&from, dir.path());
    let mut adapters: Vec<String> = fs::read_dir(dir.path().join("adapters"))
        .unwrap()
        .map(|entry| format!("adapters/{}", entry.unwrap().file_name().into_string().unwrap()))
        .collect();
    adapters.sort();
    let one = &adapters[0];
    let report = json(dir.path(), &format!("adapters {one} --weights 0.5 --out half"));
    assert_eq!(report["relative_error"], 0.0);
    let report = json(dir.path(), "adapters half half --how svd --rank 1 --out low");
    assert!(report["relative_error"].as_f64().unwrap() > 0.0, "{report}");
    assert!(dir.path().join("low/adapter_config.json").is_file());
    refused(dir.path(), 2, "adapters half --how svd --out x");
    refused(dir.path(), 2, "adapters half half --weights 1 --out x");
    refused(dir.path(), 2, "adapters half --out half");
}
