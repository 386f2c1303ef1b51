//! mergekit's outputs, value by value: `tests/goldens/mergekit`.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;

use maec_checkpoint::{Weights, open_weights};
use maec_merge::config::{ConfigJob, Loaded};
use maec_merge::engine::{Job, MemoryOutput, Pool, run, shards};
use maec_recipe::mergekit::Config;
use serde_json::Value;

use super::setup::METHODS;

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens/mergekit").join(name)
}

/// The merge of a configuration's text.
fn merge(yaml: &str) -> impl Weights {
    let config = Config::from_yaml(yaml).expect("a configuration");
    let mut names = config.models();
    names.sort_by_key(|name| name.to_string());
    names.dedup();
    let open = |name: &maec_recipe::mergekit::ModelName| Loaded {
        name: name.clone(),
        weights: open_weights(&path(&name.model)).expect("a model"),
    };
    let models: Vec<Loaded> = names.into_iter().map(open).collect();
    let mut job = ConfigJob::new(&config, &models).expect("no problems");
    let shards = shards(job.outputs(), u64::MAX, &BTreeMap::new()).expect("shards");
    let mut output = MemoryOutput::default();
    let pool = Pool::new(2).expect("threads");
    run(&mut job, &shards, &mut output, &pool, &mut |_| ControlFlow::Continue(())).expect("a merge");
    output.into_weights(job.outputs(), &shards).expect("a model")
}

#[test]
fn values_are_mergekits() {
    let text = std::fs::read(path("cases.json")).expect("cases.json");
    let cases: Value = serde_json::from_slice(&text).expect("JSON");
    let mut compared = BTreeMap::new();
    for case in cases["cases"].as_array().expect("cases") {
        let (name, method) = (case["name"].as_str().expect("a name"), case["method"].as_str().expect("one"));
        // What joins vocabularies first has tests of its own.
        if !METHODS.iter().any(|(known, ..)| *known == method) || name.starts_with("tokenizer") {
            continue;
        }
        let mut yaml = std::fs::read_to_string(path(&format!("{name}.yaml"))).expect("a configuration");
        if name == "karcher_base" {
            // mergekit adds a base that is not listed; here it must be.
            yaml = yaml.replace("models:\n", "models:\n  - model: inputs/base\n");
        }
        let tolerance = case["tolerance"].as_f64().expect("a tolerance") as f32;
        let expected = open_weights(&path(&format!("{name}.safetensors"))).expect("a golden");
        let found = merge(&yaml);
        assert_eq!(found.tensors().len(), expected.tensors().len(), "{name}");
        for info in expected.tensors() {
            assert_eq!(found.info(&info.name).expect("a tensor").shape, info.shape, "{name}");
            let theirs = expected.read_f32(&info.name).expect("values");
            for (at, (x, y)) in
                found.read_f32(&info.name).expect("values").into_iter().zip(theirs).enumerate()
            {
                let allowed = tolerance * (1.0 + y.abs());
                assert!((x - y).abs() <= allowed, "{name}, {}, element {at}: {x} is not {y}", info.name);
            }
        }
        *compared.entry(method.to_owned()).or_insert(0) += 1;
    }
    assert!(METHODS.iter().all(|(method, ..)| compared.contains_key(*method)), "{compared:?}");
}
