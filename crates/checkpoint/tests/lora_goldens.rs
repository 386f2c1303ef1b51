//! Adapters that PEFT made, put onto their bases as PEFT's `merge_and_unload` does (`tests/goldens/peft`).

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use maec_checkpoint::lora::Adapter;
use maec_checkpoint::{DirFiles, Weights, open_weights};
use serde_json::Value;

fn goldens() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens/peft")
}

#[test]
fn every_adapter_gives_the_weights_that_peft_merges() {
    let cases = fs::read(goldens().join("cases.json")).unwrap();
    let cases: Value = serde_json::from_slice(&cases).unwrap();
    let cases = cases["adapters"].as_array().unwrap();
    assert!(cases.len() >= 8, "{} cases", cases.len());
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let tolerance = case["tolerance"].as_f64().unwrap();
        let base = open_weights(&goldens().join("inputs").join(case["model"].as_str().unwrap())).unwrap();
        let expected = open_weights(&goldens().join(format!("{name}.safetensors"))).unwrap();
        let adapter =
            Adapter::open(&DirFiles::open(&goldens().join("adapters").join(name)).unwrap()).unwrap();
        let adapted = adapter.onto(base.clone()).unwrap();
        let mut changed = BTreeSet::new();
        for info in adapted.tensors() {
            let found = adapted.read_f32(&info.name).unwrap();
            let from = match expected.info(&info.name) {
                Ok(info) => {
                    changed.insert(info.name.clone());
                    expected.read_f32(&info.name).unwrap()
                }
                // What PEFT left alone is left alone here, to the bit.
                Err(_) => base.read_f32(&info.name).unwrap(),
            };
            let allowed = if changed.contains(&info.name) { tolerance } else { 0.0 };
            for (i, (found, expected)) in found.iter().zip(&from).enumerate() {
                let off = f64::from((found - expected).abs());
                assert!(off <= allowed, "{name}: {} at {i}: {found} for {expected}", info.name);
            }
        }
        let listed = case["changed"].as_array().unwrap().len();
        assert_eq!(changed.len(), listed, "{name}");
    }
}
