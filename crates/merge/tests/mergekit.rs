//! Every merge that mergekit 0.1.5 made for `tests/goldens/mergekit`, made again by the streaming engine and compared value by
//! value.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::print_stdout, reason = "--nocapture shows how far the values are apart")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use maec_checkpoint::lora::Adapter;
use maec_checkpoint::{DirFiles, FileSource, ModelFolder, SafetensorsReader, Weights};
use maec_merge::config::{ConfigJob, Joined, Loaded, Problem, join_vocabularies};
use maec_merge::engine::{Job, MemoryOutput, Pool, run, shards};
use maec_recipe::mergekit::Config;
use serde::Deserialize;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens/mergekit")
}

#[derive(Deserialize)]
struct Cases {
    cases: Vec<Case>,
    refused: BTreeMap<String, Refused>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    method: String,
    tolerance: f32,
    /// Elements by tensor of which mergekit's own result is one of several.
    #[serde(default)]
    undecided: BTreeMap<String, Vec<usize>>,
}

#[derive(Deserialize)]
struct Refused {
    config: String,
}

fn cases() -> Cases {
    let text = fs::read_to_string(folder().join("cases.json")).expect("the goldens");
    serde_json::from_str(&text).expect("cases")
}

/// The models of a configuration, opened below the goldens' folder.
fn load(config: &Config) -> (Vec<Loaded>, Vec<Option<String>>) {
    let open = |name: &maec_recipe::mergekit::ModelName| {
        let path = folder().join(&name.model);
        let mut weights: Arc<dyn Weights> = Arc::new(ModelFolder::open(&path).expect("a model"));
        if let Some(lora) = &name.lora {
            let files = DirFiles::open(&folder().join(&lora.model)).expect("a folder");
            weights = Arc::new(Adapter::open(&files).expect("an adapter").onto_f32(weights).expect("fits"));
        }
        let tokenizer = fs::read_to_string(path.join("tokenizer.json")).ok();
        let stored: Arc<dyn Weights> = Arc::new(ModelFolder::open(&path).expect("a model"));
        (Loaded { name: name.clone(), weights, stored }, tokenizer)
    };
    config.models().into_iter().map(open).unzip()
}

fn merge(config: &Config) -> Result<impl Weights, Vec<Problem>> {
    let (loaded, tokenizers) = load(config);
    let Joined { models, .. } =
        join_vocabularies(config, loaded, &tokenizers).map_err(|problem| vec![*problem])?;
    let mut job = ConfigJob::new(config, &models)?;
    let shards = shards(job.outputs(), u64::MAX, &BTreeMap::new()).expect("a file");
    let mut output = MemoryOutput::default();
    let go_on = &mut |_: maec_merge::Progress<'_>| ControlFlow::Continue(());
    run(&mut job, &shards, &mut output, &Pool::new(2).expect("threads"), go_on).expect("a merge");
    Ok(output.into_weights(job.outputs(), &shards).expect("files as planned"))
}

/// The largest difference in units of what is allowed, which is tolerance · (1 + |expected|) as in NumPy's `allclose`.
fn compare(case: &Case) -> Result<f32, String> {
    let text = fs::read_to_string(folder().join(format!("{}.yaml", case.name))).expect("a configuration");
    let config = Config::from_yaml(&text).map_err(|error| error.to_string())?;
    let merged = merge(&config).map_err(|problems| problems[0].to_string())?;
    let golden = folder().join(format!("{}.safetensors", case.name));
    let golden =
        SafetensorsReader::open(Arc::new(FileSource::open(&golden).expect("a golden"))).expect("readable");
    let names = |weights: &dyn Weights| -> Vec<(String, Vec<usize>, String)> {
        let infos = weights.tensors().iter();
        infos.map(|info| (info.name.clone(), info.shape.clone(), info.dtype.to_string())).collect()
    };
    if names(&merged) != names(&golden) {
        return Err(format!("tensors differ: {:?} against {:?}", names(&merged), names(&golden)));
    }
    let mut worst = 0f32;
    for info in golden.tensors() {
        let (found, expected) = (merged.read_f32(&info.name).unwrap(), golden.read_f32(&info.name).unwrap());
        let undecided = case.undecided.get(&info.name).map_or(&[][..], Vec::as_slice);
        for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
            if !undecided.contains(&i) {
                let difference = (found - expected).abs() / (case.tolerance * (1.0 + expected.abs()));
                if difference.is_nan() || difference > 1.0 {
                    return Err(format!("{}[{i}] is {found} and mergekit's is {expected}", info.name));
                }
                worst = worst.max(difference);
            }
        }
    }
    Ok(worst)
}

#[test]
fn every_merge_of_mergekits_comes_out_the_same() {
    let cases = cases().cases;
    let mut failed = Vec::new();
    for case in &cases {
        match compare(case) {
            Ok(worst) => println!("{:<28} {:.3} of the tolerance {:e}", case.name, worst, case.tolerance),
            Err(error) => failed.push(format!("{}: {error}", case.name)),
        }
    }
    assert!(failed.is_empty(), "{} of {} differ:\n{}", failed.len(), cases.len(), failed.join("\n"));
}

#[test]
fn every_method_without_chance_has_a_golden() {
    let compared: BTreeSet<String> = cases().cases.into_iter().map(|case| case.method).collect();
    let random = ["dare_linear", "dare_ties", "della", "della_linear"];
    for method in maec_merge::methods::METHODS {
        let name = method.about().name;
        assert!(compared.contains(name) || random.contains(&name), "`{name}` is compared with nothing");
    }
}

#[test]
fn what_mergekit_refuses_is_refused_before_a_weight_is_read() {
    let refused = cases().refused;
    assert_eq!(refused.len(), 14, "the goldens have other cases");
    for (name, refused) in refused {
        let Ok(config) = Config::from_yaml(&refused.config) else { continue };
        assert!(merge(&config).is_err(), "`{name}` was merged:\n{}", refused.config);
    }
}
