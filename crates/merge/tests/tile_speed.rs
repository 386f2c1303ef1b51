//! How fast tiles are merged that are in memory already, on one thread: `cargo xtask bench tiles` runs this natively and in
//! Chromium's worker on the same bf16 values. Asserts that something was merged, and prints.
#![allow(clippy::print_stdout)] // natively, the figures are what it is for

#[path = "tile_speed/models.rs"]
mod models;

use std::sync::Arc;

use maec_checkpoint::{MemoryWeights, Weights, model_hash};
use maec_merge::MaecJob;
use maec_merge::config::{ConfigJob, Loaded};
use maec_merge::engine::{Job, Pool, Scratch, TensorMerge, ranges};
use maec_merge::methods::Totals;
use maec_recipe::mergekit::{Config, Dialect, Key, Layout, ModelEntry, ModelName, Setting, Values};
use models::{ELEMENTS, Instant, TURNS, maec, model, roles, say};

#[cfg(target_arch = "wasm32")]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);

/// A mergekit file of a method over a base and three models.
fn config(method: &str, parameters: &[(&str, f64)]) -> Config {
    let name = |model: &str| ModelName { model: model.into(), revision: None, lora: None, line: None };
    let set = |&(name, value): &(&str, f64)| (Key::from(name), Setting::Number(value));
    let entry = |model| ModelEntry { model: name(model), parameters: Values::default() };
    Config {
        merge_method: Key::from(method),
        base_model: Some(name("0")),
        layout: Layout::Models(["1", "2", "3"].map(entry).into()),
        parameters: Values(parameters.iter().map(set).collect()),
        dtype: None,
        out_dtype: None,
        tokenizer: None,
        chat_template: None,
        dialect: Dialect::default(),
        seed: None,
    }
}

/// Surveys and merges every tile; the bytes that came out.
fn merge(job: &dyn Job) -> usize {
    let (mut scratch, mut out, mut written) = (Scratch::default(), Vec::new(), 0);
    let mut tensor: Box<dyn TensorMerge> = job.tensor(0).expect("a tensor");
    while let Some(sizes) = tensor.next() {
        let mut totals = Totals::new(sizes);
        for range in ranges(tensor.as_ref(), ELEMENTS) {
            tensor.look(range, &mut scratch, &mut totals).expect("statistics");
        }
        tensor.learn(&totals);
    }
    for range in ranges(tensor.as_ref(), ELEMENTS) {
        out.clear();
        tensor.merge(range, &mut scratch, &mut out).expect("a tile");
        written += out.len();
    }
    written
}

/// Prints the rate of the fastest turn, in bytes of `inputs` models a second.
fn measure(what: &str, inputs: usize, mut turn: impl FnMut() -> usize) {
    let once = |_| {
        let begun = Instant::now();
        assert_eq!(turn(), 2 * ELEMENTS, "{what}");
        begun.elapsed().as_secs_f64()
    };
    let fastest = (0..TURNS).map(once).fold(f64::INFINITY, f64::min);
    say(&format!("tiles {what} {:.3} GB/s", (inputs * 2 * ELEMENTS) as f64 / fastest / 1e9));
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[ignore = "it measures: cargo xtask bench tiles"]
fn tiles_in_memory() {
    let models: Vec<Arc<MemoryWeights>> = (0..5).map(|number| model(number, ELEMENTS)).collect();
    let loaded = |place: usize| {
        let weights: Arc<dyn Weights> = models[place].clone();
        let name = ModelName { model: place.to_string(), revision: None, lora: None, line: None };
        Loaded { name, stored: weights.clone(), weights }
    };
    let four: Vec<Loaded> = (0..4).map(loaded).collect();
    for (method, parameters) in [
        ("linear", &[("weight", 0.4)][..]),
        ("task_arithmetic", &[("weight", 0.4)]),
        ("ties", &[("weight", 0.4), ("density", 0.5)]),
        ("dare_linear", &[("weight", 0.4), ("density", 0.5)]),
    ] {
        let config = config(method, parameters);
        let job = ConfigJob::new(&config, &four).expect("no problems");
        measure(method, 4, || merge(&job));
    }
    let (recipe, inputs) = (maec(), roles(&models));
    let pool = Pool::new(1).expect("a thread");
    measure("maec", 5, || {
        let mut job = MaecJob::new(&inputs, &recipe, false).expect("no problems");
        while job.prepare(&pool, usize::MAX).expect("statistics").is_some() {}
        merge(&job)
    });
    measure("sha-256", 1, || model_hash(models[0].as_ref()).map_or(0, |_| 2 * ELEMENTS));
}
