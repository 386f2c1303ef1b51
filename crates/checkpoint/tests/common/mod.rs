//! Models for the tests.
#![allow(dead_code)] // every test program uses its own part

use std::collections::BTreeMap;
use std::sync::Arc;

use maec_checkpoint::{
    ByteSink, Dtype, MemorySink, MemorySource, MemoryWeights, SafetensorsReader, TensorInfo, Weights,
    convert, write_safetensors,
};

pub fn info(name: &str, dtype: Dtype, shape: &[usize]) -> TensorInfo {
    TensorInfo { name: name.into(), dtype, shape: shape.into() }
}

/// A float tensor of the given values.
pub fn tensor(name: &str, dtype: Dtype, shape: &[usize], values: &[f64]) -> (TensorInfo, Vec<u8>) {
    let mut bytes = Vec::new();
    convert::narrow(dtype, values, &mut bytes).unwrap();
    (info(name, dtype, shape), bytes)
}

pub fn model(name: &str, tensors: Vec<(TensorInfo, Vec<u8>)>) -> MemoryWeights {
    MemoryWeights::new(name, tensors).unwrap()
}

/// A safetensors file of a model.
pub fn file(weights: &dyn Weights, metadata: &BTreeMap<String, String>) -> Vec<u8> {
    let sink = MemorySink::new();
    write_safetensors(&mut sink.clone(), weights.tensors(), metadata, &mut |info, write| {
        // In pieces, as a streaming caller would.
        weights.read_bytes(&info.name)?.chunks(7).try_for_each(write)
    })
    .unwrap();
    Box::new(sink.clone()).finish().unwrap();
    sink.take()
}

pub fn open(name: &str, bytes: Vec<u8>) -> Result<SafetensorsReader, maec_checkpoint::Error> {
    SafetensorsReader::open(Arc::new(MemorySource::new(name, bytes)))
}

/// A safetensors file with this JSON as its header.
pub fn with_header(json: &str, data: &[u8]) -> Vec<u8> {
    [&(json.len() as u64).to_le_bytes()[..], json.as_bytes(), data].concat()
}

/// Asserts that two models have the same tensors, bit for bit.
pub fn assert_same(a: &dyn Weights, b: &dyn Weights) {
    assert_eq!(a.tensors(), b.tensors());
    for info in a.tensors() {
        assert_eq!(a.read_bytes(&info.name).unwrap(), b.read_bytes(&info.name).unwrap(), "{}", info.name);
    }
}

/// Asserts that an error is one line of a few words that contains all of `parts`.
pub fn assert_message(error: &maec_checkpoint::Error, parts: &[&str]) {
    let message = error.to_string();
    assert!(!message.contains('\n') && message.len() < 400, "{message}");
    for part in parts {
        assert!(message.contains(part), "`{message}` lacks `{part}`");
    }
}
