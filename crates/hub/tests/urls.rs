//! Plain servers: a file, a model's folder, a pack.

mod common;

use common::*;
use maec_checkpoint::FileSet;
use maec_hub::fake::{FakeHub, Fault};
use maec_hub::{Error, MemoryStore};

fn shards() -> [(&'static str, Vec<u8>); 2] {
    [
        ("model-00001-of-00002.safetensors", weights("a", 8, 1)),
        ("model-00002-of-00002.safetensors", weights("b", 8, 2)),
    ]
}

const INDEX: &str =
    r#"{"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}"#;

/// A server with a sharded model below `/m/`.
fn sharded(index: &str) -> FakeHub {
    let fake = FakeHub::start().expect("a free port");
    fake.file("/m/config.json", br#"{"model_type":"llama"}"#.to_vec());
    fake.file("/m/tokenizer.json", b"{}".to_vec());
    fake.file("/m/model.safetensors.index.json", index.into());
    for (name, bytes) in shards() {
        fake.file(&format!("/m/{name}"), bytes);
    }
    fake
}

#[test]
fn a_folder_is_found_out() {
    let fake = sharded(INDEX);
    let (hub, _) = client(&fake, MemoryStore::default());
    let files = block_on(hub.open(&remote(&format!("{}/m/", fake.url())))).expect("a model");
    let names =
        ["config.json", shards()[0].0, shards()[1].0, "model.safetensors.index.json", "tokenizer.json"];
    assert_eq!(files.paths(), names);
    assert_eq!(files.remote().to_string(), format!("{}/m/", fake.url()));
    assert_eq!(look(&hub, &files).expect("a model folder").len(), 2);
    block_on(hub.fetch(&files, &names, on)).expect("a fetch");
    assert_eq!(read(&files, names[1]).expect("all"), shards()[0].1);
    assert!(fake.seen().iter().all(|seen| seen.authorization.is_some()), "this server is the hub, too");
}

#[test]
fn storage_that_refuses_what_it_lacks() {
    let fake = sharded(INDEX);
    for absent in ["generation_config", "chat_template", "manifest", "special_tokens", "tokenizer_config"] {
        fake.fault(absent, Fault::Status(403), u32::MAX);
    }
    let (hub, _) = client(&fake, MemoryStore::default());
    assert!(block_on(hub.open(&remote(&format!("{}/m/", fake.url())))).is_ok());
}

#[test]
fn folders_that_are_none() {
    let fake = sharded(INDEX);
    let (hub, _) = client(&fake, MemoryStore::default());
    let error = block_on(hub.open(&remote(&format!("{}/empty/", fake.url())))).expect_err("nothing there");
    assert!(matches!(error, Error::Nothing { .. }), "{error}");
    for hostile in [
        r#"{"weight_map":{"a":"../x.safetensors"}}"#,
        r#"{"weight_map":{"a":"a/b"}}"#,
        "<html>",
        r#"{"weight_map":3}"#,
    ] {
        let fake = sharded(hostile);
        let (hub, _) = client(&fake, MemoryStore::default());
        let error = block_on(hub.open(&remote(&format!("{}/m/", fake.url())))).expect_err(hostile);
        assert!(matches!(error, Error::BadListing { .. }), "{error}");
        check_message(&error, "index.json");
    }
    let fake = sharded(r#"{"weight_map":{"a":"model-00009.safetensors"}}"#);
    let (hub, _) = client(&fake, MemoryStore::default());
    let error = block_on(hub.open(&remote(&format!("{}/m/", fake.url())))).expect_err("no such shard");
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
}

#[test]
fn one_file_of_a_server_without_ranges_or_headers() {
    for fault in [Fault::WholeFile, Fault::NoContentRange] {
        let fake = FakeHub::start().expect("a free port");
        let bytes = weights("x", 500, 3);
        let url = fake.file("/a b.safetensors", bytes.clone()).replace(' ', "%20");
        let url = format!("{url}?download=true");
        fake.file("/a%20b.safetensors", bytes.clone());
        fake.fault("safetensors", fault, u32::MAX);
        let (hub, _) = client(&fake, MemoryStore::default());
        let files = block_on(hub.open(&remote(&url))).expect("a file");
        assert_eq!(files.files(), [("a b.safetensors".to_owned(), bytes.len() as u64)]);
        block_on(hub.fetch(&files, &["a b.safetensors"], on)).expect("a fetch");
        assert_eq!(read(&files, "a b.safetensors").expect("all"), bytes);
    }
}

#[test]
fn a_pack_lists_its_files_with_their_hashes() {
    let pack = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/packs/tiny");
    let fake = FakeHub::start().expect("a free port");
    let manifest = std::fs::read(pack.join("manifest.json")).expect("the tiny pack");
    let parsed = maec_checkpoint::Manifest::parse(&manifest).expect("a manifest");
    fake.file("/p/manifest.json", manifest);
    for path in parsed.files.keys() {
        fake.file(&format!("/p/{path}"), std::fs::read(pack.join(path)).expect(path));
    }
    let (hub, _) = client(&fake, MemoryStore::default());
    let files = block_on(hub.open(&remote(&format!("{}/p/", fake.url())))).expect("a pack");
    assert_eq!(files.files().len(), parsed.files.len() + 1);
    let all = maec_hub::model_files(&*files);
    block_on(hub.fetch(&files, &all, on)).expect("a fetch");
    fake.fault(&parsed.base, Fault::WrongByte, 1);
    let (hub, _) = client(&fake, MemoryStore::default());
    let files = block_on(hub.open(&remote(&format!("{}/p/", fake.url())))).expect("a pack");
    let error = block_on(hub.fetch(&files, &all, on)).expect_err("a wrong byte");
    assert!(matches!(error, Error::WrongHash { .. }), "{error}");
}
