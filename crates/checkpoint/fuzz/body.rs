//! What is done with hostile bytes, by the fuzz targets and by the test over their seeds.
#![allow(dead_code)] // every target uses its own part

use std::collections::BTreeMap;
use std::sync::Arc;

use maec_checkpoint::{
    Manifest, MemoryFiles, MemorySink, MemorySource, ModelFolder, ModelSummary, SafetensorsReader,
    SparseDelta, Weights, write_safetensors,
};

/// Opens a safetensors file. If that is accepted, its tensors must fill it exactly and survive being written again.
pub fn safetensors(bytes: &[u8]) {
    let Some(reader) = open(bytes) else { return };
    let mut total = 8 + u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes"));
    for info in reader.tensors() {
        let data = reader.read_bytes(&info.name).expect("an accepted tensor lies inside the file");
        assert_eq!(data.len(), info.bytes());
        total += data.len() as u64;
    }
    assert_eq!(total, bytes.len() as u64, "tensors fill the file");

    let again = open(&copy(&reader)).expect("what was read can be written");
    assert_eq!(again.tensors(), reader.tensors());
    for info in reader.tensors() {
        assert_eq!(again.read_bytes(&info.name).ok(), reader.read_bytes(&info.name).ok());
    }
    delta(bytes);
}

/// Opens a sparse delta. If that is accepted, every tensor's entries are an error or ascend.
fn delta(bytes: &[u8]) {
    let Ok(delta) = SparseDelta::open(Arc::new(MemorySource::new("delta", bytes))) else { return };
    for name in delta.tensors() {
        if let Ok(Some(entries)) = delta.entries(name) {
            assert!(entries.positions.is_sorted_by(|a, b| a < b), "positions ascend");
        }
    }
}

/// Opens two shards with an index. If that is accepted, it must name just what they hold.
pub fn index(bytes: &[u8]) {
    let shard = |tensor: &str| {
        let json = format!(r#"{{"{tensor}":{{"dtype":"U8","shape":[],"data_offsets":[0,1]}}}}"#);
        [&(json.len() as u64).to_le_bytes()[..], json.as_bytes(), &[7]].concat()
    };
    let files = [
        ("config.json", b"{}".to_vec()),
        ("model.safetensors.index.json", bytes.to_vec()),
        ("1.safetensors", shard("a")),
        ("2.safetensors", shard("b")),
    ];
    let files = files.map(|(name, bytes)| (name.to_owned(), bytes));
    let Ok(folder) = ModelFolder::from_files(&MemoryFiles::new("set", files)) else { return };
    for info in folder.tensors() {
        assert_eq!(folder.read_bytes(&info.name).expect("an accepted tensor is in its shard"), [7]);
    }
    let summary = ModelSummary::of(&folder).expect("a config");
    assert_eq!(summary.shards, summary.tensors.len());
}

/// Parses a pack's manifest. If that is accepted, it must survive being written again.
pub fn manifest(bytes: &[u8]) {
    let Ok(manifest) = Manifest::parse(bytes) else { return };
    let json = serde_json::to_vec(&manifest).expect("a manifest is JSON");
    assert_eq!(Manifest::parse(&json).expect("what was read can be written"), manifest);
}

fn open(bytes: &[u8]) -> Option<SafetensorsReader> {
    SafetensorsReader::open(Arc::new(MemorySource::new("file", bytes))).ok()
}

fn copy(reader: &SafetensorsReader) -> Vec<u8> {
    let sink = MemorySink::new();
    let metadata: BTreeMap<_, _> = reader.metadata().clone();
    write_safetensors(&mut sink.clone(), reader.tensors(), &metadata, &mut |info, write| {
        write(&reader.read_bytes(&info.name)?)
    })
    .expect("memory takes everything");
    sink.take()
}
