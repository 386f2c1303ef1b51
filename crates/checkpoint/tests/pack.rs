//! Packs: every byte verified, nothing outside the folder reached, nothing half-written.

mod common;

use std::collections::BTreeMap;
use std::fs;

use common::{assert_message, assert_same, file, model, tensor};
use maec_checkpoint::{
    DeltaPositions, DeltaRole, Dtype, Error, Manifest, MemorySink, MemoryWeights, Pack, PackDelta,
    PackLanguage, fingerprint, sha256_hex, write_delta, write_pack,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

type Files = BTreeMap<String, Vec<u8>>;

fn weights(name: &str, first: f64) -> MemoryWeights {
    model(name, vec![tensor("w", Dtype::BF16, &[2, 2], &[first, 2.0, 3.0, 4.0])])
}

fn manifest() -> Manifest {
    let delta = |id: &str, role, language: Option<&str>| PackDelta {
        id: id.into(),
        role,
        language: language.map(Into::into),
        file: format!("deltas/{id}.safetensors"),
    };
    let language = |code: &str, name: &str| PackLanguage { code: code.into(), name: name.into() };
    Manifest {
        format: Manifest::FORMAT.into(),
        version: Manifest::VERSION,
        title: "Test".into(),
        seed: 7,
        command: "maec pack".into(),
        versions: [("maec".into(), "0.1.0".into())].into(),
        lambda: 0.35,
        languages: vec![language("en", "English"), language("es", "Spanish")],
        base: "base/model.safetensors".into(),
        config: "base/config.json".into(),
        tokenizer: "base/tokenizer.json".into(),
        deltas: vec![
            delta("a-l0", DeltaRole::Ability, None),
            delta("l0", DeltaRole::Reference, None),
            delta("es", DeltaRole::Language, Some("es")),
        ],
        problems: "problems.jsonl".into(),
        validation: Some("validation.jsonl".into()),
        heldout: "heldout.jsonl".into(),
        recipe: "recipe.json".into(),
        recorded: "recorded.json".into(),
        files: BTreeMap::new(),
    }
}

fn files() -> Files {
    let base = weights("base", 1.0);
    let mut files = Files::from([("base/model.safetensors".into(), file(&base, &BTreeMap::new()))]);
    for (i, id) in ["a-l0", "l0", "es"].into_iter().enumerate() {
        let sink = MemorySink::new();
        let trained = weights(id, 5.0 + i as f64);
        write_delta(&mut sink.clone(), &base, &trained, DeltaPositions::Changed, None, &BTreeMap::new())
            .unwrap();
        files.insert(format!("deltas/{id}.safetensors"), sink.take());
    }
    for path in ["base/config.json", "base/tokenizer.json", "recipe.json", "recorded.json"] {
        files.insert(path.into(), b"{}".to_vec());
    }
    for path in ["problems.jsonl", "validation.jsonl", "heldout.jsonl", "NOTICE.txt"] {
        files.insert(path.into(), format!("{path}\n").into_bytes());
    }
    files
}

/// A complete manifest as JSON, its files listed.
fn json_for(files: &Files) -> Value {
    let mut json = serde_json::to_value(manifest()).unwrap();
    let entry = |bytes: &Vec<u8>| json!({"sha256": sha256_hex(bytes), "bytes": bytes.len()});
    json["files"] = files.iter().map(|(path, bytes)| (path.clone(), entry(bytes))).collect();
    json
}

fn open(json: &Value, files: Files) -> Result<Pack, Error> {
    Pack::from_files(json.to_string().as_bytes(), files)
}

#[test]
fn a_pack_round_trips() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("pack");
    let id = write_pack(&path, manifest(), files()).unwrap();
    let bytes = fs::read(path.join("manifest.json")).unwrap();
    assert_eq!((id.len(), &id), (16, &sha256_hex(&bytes)[..16].to_owned()));
    let pack = Pack::open(&path).unwrap();
    assert_eq!(pack.id(), id);
    assert_eq!(pack.manifest().files.len(), files().len());
    assert_eq!(Manifest { files: BTreeMap::new(), ..pack.manifest().clone() }, manifest());
    assert_same(pack.base().as_ref(), &weights("base", 1.0));
    assert_eq!(pack.base_fingerprint(), fingerprint(&weights("base", 1.0)).unwrap());
    for (i, id) in ["a-l0", "l0", "es"].into_iter().enumerate() {
        assert_same(&pack.weights(id).unwrap(), &weights(id, 5.0 + i as f64));
    }
    assert_eq!(pack.text(&pack.manifest().problems).unwrap(), "problems.jsonl\n");
    assert_eq!(pack.file("NOTICE.txt").unwrap(), b"NOTICE.txt\n");
    assert_message(&pack.file("none").unwrap_err(), &["no file `none`"]);
    assert_message(&pack.weights("fr").unwrap_err(), &["no delta `fr`", "a-l0, l0, es"]);
    // The same pack gives the same bytes, and replaces the old one.
    assert_eq!(write_pack(&path, manifest(), files()).unwrap(), id);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn only_a_pack_is_replaced() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("pack");
    write_pack(&path, manifest(), files()).unwrap();
    fs::write(path.join("deltas/notes.txt"), "mine").unwrap();
    let error = write_pack(&path, manifest(), files()).unwrap_err();
    assert!(matches!(error, Error::WontReplace { .. }));
    assert_eq!(fs::read(path.join("deltas/notes.txt")).unwrap(), b"mine");
}

#[test]
fn a_broken_pack_is_not_written() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("pack");
    let mut lacking = files();
    lacking.remove("recipe.json");
    assert_message(
        &write_pack(&path, manifest(), lacking).unwrap_err(),
        &["`recipe.json` is not among its files"],
    );
    let mut outside = files();
    outside.insert("../evil".into(), vec![]);
    assert_message(
        &write_pack(&path, manifest(), outside).unwrap_err(),
        &["`../evil` is not a plain relative path"],
    );
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn changed_and_missing_files_are_named() {
    let json = json_for(&files());
    open(&json, files()).unwrap();
    for path in files().into_keys() {
        let mut missing = files();
        missing.remove(&path);
        assert!(matches!(open(&json, missing), Err(Error::MissingPackFile { path: p }) if p == path));
        let mut longer = files();
        longer.get_mut(&path).unwrap().push(0);
        assert_message(&open(&json, longer).unwrap_err(), &[&path, "length"]);
        let mut changed = files();
        changed.get_mut(&path).unwrap()[0] ^= 1;
        assert_message(&open(&json, changed).unwrap_err(), &[&path, "SHA-256"]);
    }
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("pack");
    assert_message(&Pack::open(&path).unwrap_err(), &["manifest.json", "does not exist"]);
    write_pack(&path, manifest(), files()).unwrap();
    fs::write(path.join("recipe.json"), "{} ").unwrap();
    assert_message(&Pack::open(&path).unwrap_err(), &["recipe.json", "length"]);
    fs::remove_file(path.join("recipe.json")).unwrap();
    assert_message(&Pack::open(&path).unwrap_err(), &["no file `recipe.json`"]);
}

#[test]
fn a_delta_for_another_base_is_refused() {
    let mut files = files();
    files.insert("base/model.safetensors".into(), file(&weights("base", 1.5), &BTreeMap::new()));
    let error = open(&json_for(&files), files).unwrap_err();
    assert!(matches!(error, Error::OtherBase { .. }));
    assert_message(&error, &["deltas/a-l0.safetensors", "base/model.safetensors"]);
}

#[test]
fn hostile_manifests_are_refused() {
    let change = |pointer: &str, value: Value| {
        let mut json = json_for(&files());
        *json.pointer_mut(pointer).unwrap() = value;
        json
    };
    let mut unknown = json_for(&files());
    unknown["extra"] = json!(1);
    let mut cases = vec![
        (json!([]), "manifest"),
        (json!({}), "missing field"),
        (unknown, "unknown field `extra`"),
        (change("/format", json!("zip")), "`zip` version 1"),
        (change("/version", json!(2)), "version 2"),
        (change("/seed", json!(-1)), "-1"),
        (change("/languages", json!([])), "no language"),
        (change("/languages/1/code", json!("en")), "language `en` is empty or occurs twice"),
        (change("/deltas/1/id", json!("a-l0")), "delta `a-l0` is empty or occurs twice"),
        (change("/deltas/1/role", json!("ability")), "2 deltas with the role ability"),
        (change("/deltas/1/role", json!("other")), "unknown variant `other`"),
        (change("/deltas/2/language", json!("fr")), "`fr`, which is not among its languages"),
        (change("/deltas/2/language", json!(null)), "delta `es` names no language"),
        (change("/deltas/1/language", json!("es")), "its role is another"),
        (change("/recipe", json!("recipe2.json")), "`recipe2.json` is not among its files"),
        (change("/files/recipe.json/sha256", json!("ABC")), "64 lower-case hex digits"),
        (change("/files/recipe.json/bytes", json!(u64::MAX)), "more than"),
        (
            change(
                "/files",
                (0..300).map(|i| (format!("f{i}"), json!({"sha256": "0", "bytes": 0}))).collect(),
            ),
            "300 files",
        ),
    ];
    for path in [
        "/etc/passwd",
        "../x",
        "a/../x",
        "a//b",
        "",
        "a/",
        "C:x",
        "a\\b",
        "a b",
        ".x",
        "x.",
        "é",
        "manifest.json",
    ] {
        cases.push((change("/problems", json!(path)), "not a plain relative path"));
    }
    cases.push((change("/problems", json!("x".repeat(201))), "not a plain relative path"));
    for (json, reason) in cases {
        let error = open(&json, files()).unwrap_err();
        assert!(matches!(error, Error::BadManifest { .. }), "{error}");
        assert_message(&error, &[reason]);
    }
    assert_message(&Manifest::parse(&vec![b' '; (1 << 20) + 1]).unwrap_err(), &["1048577 bytes"]);
}

#[test]
fn a_pack_may_be_without_validation_problems() {
    let mut files = files();
    files.remove("validation.jsonl");
    let mut json = json_for(&files);
    json.as_object_mut().unwrap().remove("validation");
    let pack = open(&json, files.clone()).unwrap();
    assert_eq!(pack.manifest().validation, None);
    // What was written without the field is written without it again: its id stays.
    let again = serde_json::to_value(pack.manifest()).unwrap();
    assert!(again.get("validation").is_none());

    let error = open(&json_for(&files), files).unwrap_err();
    assert_message(&error, &["`validation.jsonl` is not among its files"]);
}

proptest! {
    #[test]
    fn damaged_manifests_never_panic(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let files = files();
        let mut bytes = json_for(&files).to_string().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(pack) = Pack::from_files(&bytes, files) {
            prop_assert_eq!(pack.id(), &sha256_hex(&bytes)[..16]);
        }
    }

    #[test]
    fn lambda_keeps_its_bits(lambda in 0.0f64..4.0) {
        let written = serde_json::to_vec(&Manifest { lambda, ..manifest() }).unwrap();
        let json: Value = serde_json::from_slice(&written).unwrap();
        prop_assert_eq!(json["lambda"].as_f64().unwrap().to_bits(), lambda.to_bits());
    }
}
