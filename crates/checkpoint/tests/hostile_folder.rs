//! Hostile model folders: each way to be bad is refused by its own variant.

mod common;

use std::collections::BTreeMap;

use common::{assert_message, file, model, tensor};
use maec_checkpoint::{
    Dtype, Error, FolderProblem, HeaderProblem, MemoryFiles, ModelFolder, ModelSummary, Weights,
};

/// Files by name.
type Files = BTreeMap<String, Vec<u8>>;

const INDEX: &str = "model.safetensors.index.json";

/// A file with the named tensors.
fn shard(names: &[&str]) -> Vec<u8> {
    let tensors = names.iter().map(|name| tensor(name, Dtype::F32, &[1], &[1.0])).collect();
    file(&model("shard", tensors), &BTreeMap::new())
}

/// A sound model in two shards: `a` and `b` in the first, `c` in the second.
fn sound() -> Files {
    let index = r#"{"metadata":{"total_size":12},"weight_map":{"a":"1.safetensors","b":"1.safetensors","c":"2.safetensors"}}"#;
    let files = [
        ("config.json", b"{}".to_vec()),
        (INDEX, index.into()),
        ("1.safetensors", shard(&["a", "b"])),
        ("2.safetensors", shard(&["c"])),
    ];
    files.map(|(name, bytes)| (name.to_owned(), bytes)).into()
}

/// The sound model with another index.
fn indexed(index: impl Into<Vec<u8>>) -> Files {
    let mut files = sound();
    files.insert(INDEX.into(), index.into());
    files
}

/// The sound model with another file in place of one of its own.
fn with(name: &str, bytes: Vec<u8>) -> Files {
    let mut files = sound();
    files.insert(name.into(), bytes);
    files
}

fn without(name: &str) -> Files {
    let mut files = sound();
    files.remove(name).unwrap();
    files
}

fn open(files: Files) -> Result<ModelFolder, Error> {
    ModelFolder::from_files(&MemoryFiles::new("org/model", files))
}

/// Why the files are refused.
fn problem(files: Files) -> FolderProblem {
    why(open(files).unwrap_err())
}

fn why(error: Error) -> FolderProblem {
    assert_message(&error, &["`org/model` is not a model folder: "]);
    match error {
        Error::NotModelFolder { problem, .. } => problem,
        other => panic!("{other}"),
    }
}

/// Text of [`sound`]'s index with one part replaced.
fn edited(from: &str, to: &str) -> String {
    let index = String::from_utf8(sound().remove(INDEX).unwrap()).unwrap();
    assert!(index.contains(from));
    index.replace(from, to)
}

#[test]
fn the_sound_one_opens() {
    let folder = open(sound()).unwrap();
    assert_eq!(folder.tensors().iter().map(|info| info.name.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(folder.shards().len(), 2);
    assert_eq!(folder.read_f32("c").unwrap(), [1.0]);
}

#[test]
fn no_config_and_no_weights() {
    assert_eq!(problem(without("config.json")), FolderProblem::NoConfig);
    assert_eq!(problem(without(INDEX)), FolderProblem::NoWeights);
}

#[test]
fn texts_that_are_no_text() {
    for name in ["config.json", INDEX] {
        assert_eq!(problem(with(name, vec![0xff])), FolderProblem::NotText { file: name.into() });
        let long = FolderProblem::TextTooLong { file: name.into(), len: 100_000_001, max: 100_000_000 };
        assert_eq!(problem(with(name, vec![b' '; 100_000_001])), long);
    }
    // Other texts are read when asked for, and do not keep the weights from being read.
    let folder = open(with("tokenizer.json", vec![0xff])).unwrap();
    let expected = FolderProblem::NotText { file: "tokenizer.json".into() };
    assert_eq!(why(folder.text("tokenizer.json").unwrap_err()), expected);
    assert_eq!(why(folder.texts().unwrap_err()), expected);
}

#[test]
fn config_that_is_no_object() {
    for config in ["", "[]", "{", "7", r#"{"vocab_size":"many"}"#, &"[".repeat(1_000_000)] {
        let folder = open(with("config.json", config.into())).unwrap();
        let found = why(ModelSummary::of(&folder).unwrap_err());
        assert!(matches!(found, FolderProblem::ConfigNotJson { .. }), "{found}");
    }
}

#[test]
fn index_that_is_no_index() {
    let deep = format!(r#"{{"metadata":{}{},"weight_map":{{}}}}"#, "[".repeat(1000), "]".repeat(1000));
    for index in ["", "{", "[]", "{}", r#"{"weight_map":[]}"#, r#"{"weight_map":{"a":1}}"#, &deep] {
        let found = problem(indexed(index));
        assert!(matches!(found, FolderProblem::IndexNotJson { .. }), "{index}: {found}");
    }
    assert_eq!(problem(indexed(r#"{"weight_map":{}}"#)), FolderProblem::IndexEmpty);
}

#[test]
fn index_that_names_a_tensor_twice() {
    let index = edited(r#""c":"#, r#""a":"2.safetensors","c":"#);
    assert_eq!(problem(indexed(index)), FolderProblem::IndexDuplicate { tensor: "a".into() });
}

#[test]
fn index_with_a_path_for_a_file_name() {
    for name in ["../2", "/etc/2", "sub/2", "..", ".2", "", "C:2", "..\\\\2", "2\\u0000"] {
        let found = problem(indexed(edited(r#""2.safetensors""#, &format!("\"{name}\""))));
        assert!(matches!(found, FolderProblem::IndexFileName { .. }), "{name}: {found}");
    }
}

#[test]
fn too_many_shards() {
    let entries: Vec<String> = (0..10_001).map(|i| format!(r#""t{i}":"{i}.safetensors""#)).collect();
    let index = format!(r#"{{"weight_map":{{{}}}}}"#, entries.join(","));
    assert_eq!(problem(indexed(index)), FolderProblem::TooManyShards { count: 10_001, max: 10_000 });
}

#[test]
fn shard_missing() {
    assert_eq!(
        problem(without("2.safetensors")),
        FolderProblem::ShardMissing { file: "2.safetensors".into() }
    );
}

#[test]
fn index_naming_an_absent_tensor() {
    let index = edited(r#""c":"#, r#""z":"2.safetensors","c":"#);
    let (tensor, shard) = ("z".into(), "2.safetensors".into());
    assert_eq!(problem(indexed(index)), FolderProblem::TensorNotInShard { tensor, shard });
    // There, but in the other shard.
    let index = edited(r#""b":"1."#, r#""b":"2."#);
    let (tensor, shard) = ("b".into(), "2.safetensors".into());
    assert_eq!(problem(indexed(index)), FolderProblem::TensorNotInShard { tensor, shard });
}

#[test]
fn tensor_in_two_shards() {
    let (first, second) = ("1.safetensors".into(), "2.safetensors".into());
    let found = problem(with("2.safetensors", shard(&["b", "c"])));
    assert_eq!(found, FolderProblem::TensorInTwoShards { tensor: "b".into(), first, second });
}

#[test]
fn tensor_that_the_index_does_not_name() {
    let found = problem(with("2.safetensors", shard(&["c", "d"])));
    let (tensor, shard) = ("d".into(), "2.safetensors".into());
    assert_eq!(found, FolderProblem::TensorNotIndexed { tensor, shard });
}

#[test]
fn a_broken_shard_is_named() {
    let error = open(with("2.safetensors", vec![0; 7])).unwrap_err();
    assert_message(&error, &["`org/model/2.safetensors` is not a safetensors file"]);
    assert!(matches!(error, Error::NotSafetensors { problem: HeaderProblem::TooShort { len: 7 }, .. }));
}
