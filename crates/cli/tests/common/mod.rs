//! Running the companion, and small inputs for it.
#![allow(dead_code, reason = "every test binary uses its own part")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use maec_checkpoint::{ByteSink, Dtype, FileSink, TensorInfo, convert, write_safetensors};

/// The companion, in a folder.
pub fn maec(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_maec"));
    command.current_dir(folder).env_remove("MAEC_DATA").env_remove("HF_TOKEN");
    command
}

/// Runs a command line (words apart by white space) that must succeed; returns its standard output.
pub fn ok(folder: &Path, line: &str) -> String {
    let output = maec(folder).args(line.split_whitespace()).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "maec {line}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// As [`ok`], with `--json`.
pub fn json(folder: &Path, line: &str) -> serde_json::Value {
    serde_json::from_str(&ok(folder, &format!("{line} --json"))).unwrap()
}

/// Runs a command line that must fail with a code, print nothing, say one line and change no file; returns the line.
pub fn refused(folder: &Path, code: i32, line: &str) -> String {
    let before = tree(folder);
    let output = maec(folder).args(line.split_whitespace()).output().unwrap();
    assert_eq!(tree(folder), before, "maec {line}");
    assert!(output.stdout.is_empty(), "maec {line}: {}", String::from_utf8_lossy(&output.stdout));
    said(&output, code, line)
}

/// The one line of a failure.
pub fn said(output: &Output, code: i32, line: &str) -> String {
    let stderr = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(code), "maec {line}: {stderr}");
    let message = stderr.strip_prefix("error: ").unwrap_or_else(|| panic!("maec {line}: {stderr}"));
    assert_eq!(message.matches('\n').count(), 1, "maec {line}: {stderr}");
    message.trim_end().to_owned()
}

/// Every file below a folder with its bytes, and every folder.
pub fn tree(folder: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(tree(&path));
            found.insert(path, None);
        } else {
            found.insert(path.clone(), Some(fs::read(&path).unwrap()));
        }
    }
    found
}

/// Unfinished files and folders below a folder.
pub fn unfinished(folder: &Path) -> Vec<PathBuf> {
    tree(folder)
        .into_keys()
        .filter(|path| path.extension().is_some_and(|extension| extension == "tmp"))
        .collect()
}

/// Writes a safetensors file of F32 tensors.
pub fn tensors(path: &Path, tensors: &[(&str, &[usize], &[f32])]) {
    let info = |name: &str, shape: &[usize]| TensorInfo {
        name: name.into(),
        dtype: Dtype::F32,
        shape: shape.to_vec(),
    };
    let infos: Vec<TensorInfo> = tensors.iter().map(|(name, shape, _)| info(name, shape)).collect();
    let mut sink = FileSink::create(path).unwrap();
    write_safetensors(&mut sink, &infos, &BTreeMap::new(), &mut |info, write| {
        let values = tensors.iter().find(|(name, ..)| *name == info.name).unwrap().2;
        let mut bytes = Vec::new();
        convert::encode_f32(Dtype::F32, values, &mut bytes)?;
        write(&bytes)
    })
    .unwrap();
    Box::new(sink).finish().unwrap();
}

/// A small world in `world/`, and `config.json` for a small model of it.
pub fn world(folder: &Path) {
    ok(
        folder,
        "world --out world --seed 3 --base-documents 400 --general-documents 120 --ability-documents 120 \
         --heldout-documents 8 --validation-problems 5 --test-problems 12",
    );
    let tokenizer = fs::read_to_string(folder.join("world/tokenizer.json")).unwrap();
    let tokenizer: serde_json::Value = serde_json::from_str(&tokenizer).unwrap();
    let vocabulary = tokenizer["model"]["vocab"].as_object().unwrap().len();
    let config = serde_json::json!({
        "model_type": "llama", "vocab_size": vocabulary, "hidden_size": 16, "intermediate_size": 24,
        "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8,
        "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": true,
        "bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0, "initializer_range": 0.05,
    });
    fs::write(folder.join("config.json"), config.to_string()).unwrap();
}
