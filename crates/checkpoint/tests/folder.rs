//! Model folders, and files and folders that appear whole or not at all.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use common::{assert_message, assert_same, file, model, tensor};
use maec_checkpoint::{
    AtomicFolder, ByteSink, ByteSource, Dtype, Error, FileSink, FileSource, MemoryWeights, ModelFiles,
    ModelFolder, Weights, model_hash, open_weights, write_file, write_model_folder,
};
use tempfile::TempDir;

fn small() -> MemoryWeights {
    let values = [1.0, -2.5, 3.25, 0.0];
    model("small", vec![tensor("a", Dtype::BF16, &[2, 2], &values), tensor("b", Dtype::F32, &[4], &values)])
}

fn write(path: &Path, weights: &dyn Weights) -> Result<(), Error> {
    let text = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    write_model_folder(
        path,
        ModelFiles {
            texts: [text("config.json", "{}"), text("tokenizer.json", "[]"), text("README.md", "# m\n")]
                .into(),
            tensors: weights.tensors(),
            metadata: [text("seed", "7")].into(),
            data: &mut |info, write| write(&weights.read_bytes(&info.name)?),
        },
    )
}

/// The names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_folder_round_trips() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("model");
    write(&path, &small()).unwrap();
    assert_eq!(names(dir.path()), ["model"]);
    assert_eq!(names(&path), ["README.md", "config.json", "model.safetensors", "tokenizer.json"]);
    let folder = ModelFolder::open(&path).unwrap();
    assert_eq!((folder.config(), folder.text("tokenizer.json").unwrap().as_deref()), ("{}", Some("[]")));
    assert_eq!((folder.metadata()["seed"].as_str(), folder.metadata()["format"].as_str()), ("7", "pt"));
    assert_same(&folder, &small());
    assert_same(open_weights(&path).unwrap().as_ref(), &small());
    assert_same(open_weights(&path.join("model.safetensors")).unwrap().as_ref(), &small());
}

#[test]
fn only_what_we_made_is_replaced() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("model");
    let other = model("other", vec![tensor("c", Dtype::F16, &[1], &[1.0])]);
    fs::create_dir(&path).unwrap();
    write(&path, &small()).unwrap();
    // With a trailing slash, the temporary folder must still be a sibling.
    write(&dir.path().join("model/"), &other).unwrap();
    assert_same(&ModelFolder::open(&path).unwrap(), &other);
    assert_eq!(names(dir.path()), ["model"]);

    let refused = |path: &Path| {
        let before = path.is_dir().then(|| names(path));
        let error = write(path, &small()).unwrap_err();
        assert!(matches!(error, Error::WontReplace { .. }), "{error}");
        assert_message(&error, &["was not made by maec", path.to_str().unwrap()]);
        assert_eq!(path.is_dir().then(|| names(path)), before);
    };
    fs::write(path.join("notes.txt"), "mine").unwrap();
    refused(&path);
    fs::remove_file(path.join("notes.txt")).unwrap();
    fs::create_dir(path.join("README.md.d")).unwrap();
    refused(&path);
    fs::remove_dir(path.join("README.md.d")).unwrap();
    write(&path, &small()).unwrap();

    // Someone's own model folder, and a file.
    let own = dir.path().join("own");
    fs::create_dir(&own).unwrap();
    fs::write(own.join("config.json"), "{}").unwrap();
    refused(&own);
    fs::write(own.join("model.safetensors"), file(&small(), &BTreeMap::new())).unwrap();
    refused(&own);
    let plain = dir.path().join("plain");
    fs::write(&plain, "text").unwrap();
    refused(&plain);
    assert_eq!(fs::read(&plain).unwrap(), b"text");
}

#[test]
fn a_failed_write_leaves_what_was_there() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("model");
    let fail = |path: &Path| {
        let weights = small();
        let mut data = |info: &maec_checkpoint::TensorInfo,
                        write: &mut dyn FnMut(&[u8]) -> Result<(), Error>| {
            if info.name == "a" { write(&[0; 8]) } else { Err(Error::Missing { path: "disk".into() }) }
        };
        let files = ModelFiles {
            texts: [("config.json".into(), "{}".into())].into(),
            tensors: weights.tensors(),
            metadata: BTreeMap::new(),
            data: &mut data,
        };
        assert!(matches!(write_model_folder(path, files), Err(Error::Missing { .. })));
    };
    fail(&path);
    assert!(names(dir.path()).is_empty());
    write(&path, &small()).unwrap();
    fail(&path);
    assert_same(&ModelFolder::open(&path).unwrap(), &small());
    assert_eq!(names(dir.path()), ["model"]);
    assert_message(&write(&dir.path().join("no/model"), &small()).unwrap_err(), &["/no` does not exist"]);
}

#[test]
fn a_crash_between_renames_is_repaired() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("model");
    write(&path, &small()).unwrap();
    // As a crash leaves it: the old folder moved away, the new one not yet in place.
    fs::rename(&path, dir.path().join("model.maec-old.tmp")).unwrap();
    fs::create_dir(dir.path().join("model.maec.tmp")).unwrap();
    drop(AtomicFolder::create(&path, |_| true).unwrap());
    assert_same(&ModelFolder::open(&path).unwrap(), &small());
    assert_eq!(names(dir.path()), ["model"]);
    // As it leaves it a moment later: the new folder in place, the old one not yet removed.
    fs::create_dir(dir.path().join("model.maec-old.tmp")).unwrap();
    write(&path, &small()).unwrap();
    assert_eq!(names(dir.path()), ["model"]);
}

#[test]
fn a_file_appears_whole_or_not_at_all() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("f.bin");
    let mut sink = FileSink::create(&path).unwrap();
    sink.write_all(b"half").unwrap();
    assert_eq!(names(dir.path()), ["f.bin.maec.tmp"]);
    drop(sink);
    assert!(names(dir.path()).is_empty());
    write_file(&path, b"whole").unwrap();
    drop(FileSink::create(&path).unwrap());
    assert_eq!((names(dir.path()), fs::read(&path).unwrap()), (vec!["f.bin".into()], b"whole".to_vec()));
    assert!(FileSink::create(dir.path()).is_err());

    let source = FileSource::open(&path).unwrap();
    let mut part = [0; 3];
    source.read_at(2, &mut part).unwrap();
    assert_eq!((&part, source.len()), (b"ole", 5));
    assert_message(&source.read_at(3, &mut part).unwrap_err(), &["f.bin", "ends after 5 bytes"]);
    assert_message(&source.read_at(u64::MAX, &mut part).unwrap_err(), &["f.bin"]);
    assert_message(&FileSource::open(&dir.path().join("g.bin")).unwrap_err(), &["g.bin", "does not exist"]);
    assert_message(&FileSource::open(dir.path()).unwrap_err(), &["a folder"]);
    #[cfg(unix)]
    assert_message(&FileSource::open(Path::new("/dev/zero")).unwrap_err(), &["/dev/zero", "a device"]);
}

/// Writes a model as two shards with the given index.
fn sharded(dir: &Path, index: &str) {
    let part = |i: usize| {
        model(
            "part",
            vec![{
                let info = &small().tensors()[i].clone();
                (info.clone(), small().read_bytes(&info.name).unwrap())
            }],
        )
    };
    fs::write(dir.join("config.json"), "{}").unwrap();
    fs::write(dir.join("model-00001-of-00002.safetensors"), file(&part(1), &BTreeMap::new())).unwrap();
    fs::write(dir.join("model-00002-of-00002.safetensors"), file(&part(0), &BTreeMap::new())).unwrap();
    fs::write(dir.join("model.safetensors.index.json"), index).unwrap();
}

#[test]
fn shards_are_one_model() {
    let dir = TempDir::new().unwrap();
    let good = r#"{"metadata":{"total_size":24},"weight_map":{"b":"model-00001-of-00002.safetensors","a":"model-00002-of-00002.safetensors"}}"#;
    sharded(dir.path(), good);
    let folder = ModelFolder::open(dir.path()).unwrap();
    assert_same(&folder, &small());
    assert_eq!(model_hash(&folder).unwrap(), model_hash(&small()).unwrap());
    assert_eq!(folder.text("tokenizer.json").unwrap(), None);

    for (index, parts) in [
        ("{", ["not a model folder", "index.json"]),
        (&good.replace("\"a\"", "\"z\""), ["model-00002", "`z`"]),
        (&good.replace("model-00002", "model-00003"), ["model-00003-of-00002", "missing"]),
        (&good.replace("model-00002", "../model-00002"), ["`../model-00002", "not a plain file name"]),
        (&good.replace("model-00002", "C:model-00002"), ["`C:model-00002", "not a plain file name"]),
        (&good.replace("model-00002-of-00002.safetensors", ".."), ["`..`", "not a plain file name"]),
    ] {
        sharded(dir.path(), index);
        assert_message(&ModelFolder::open(dir.path()).unwrap_err(), &parts);
    }
}

#[test]
fn what_is_no_model_folder_is_named() {
    let dir = TempDir::new().unwrap();
    let open = || ModelFolder::open(dir.path()).unwrap_err();
    assert_message(&ModelFolder::open(&dir.path().join("none")).unwrap_err(), &["none", "does not exist"]);
    assert_message(&open(), &["no config.json"]);
    fs::write(dir.path().join("config.json"), [0xff]).unwrap();
    assert_message(&open(), &["config.json is not UTF-8"]);
    fs::write(dir.path().join("config.json"), "{}").unwrap();
    assert_message(&open(), &["neither model.safetensors nor"]);
    fs::write(dir.path().join("model.safetensors"), "nonsense").unwrap();
    assert_message(&open(), &["model.safetensors"]);
    assert_message(
        &open_weights(&dir.path().join("x.safetensors")).map(|_| ()).unwrap_err(),
        &["does not exist"],
    );
}

/// The outside checkpoints, where `MAEC_FIXTURES` names them; hashes computed with Python's hashlib.
#[test]
fn outside_checkpoints_hash_alike() {
    let Some(fixtures) = std::env::var_os("MAEC_FIXTURES") else { return };
    for (name, tensors, expected) in [
        ("qwen2_bf16_sharded", 38, "1d7ff66b19abf85368f730eaf6e93ac6a001c3c4496ca6189fec16d21375dfd6"),
        ("smollm2", 38, "47460eeae100e0be663df0669fc30e0784b1cc7cace3f61bf007e493618dbcac"),
    ] {
        let folder = ModelFolder::open(&Path::new(&fixtures).join(name)).unwrap();
        assert_eq!(folder.tensors().len(), tensors);
        assert_eq!(model_hash(&folder).unwrap(), expected, "{name}");
    }
}
