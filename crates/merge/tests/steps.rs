//! Merges in steps: the same events, bytes and reads however small the steps are.
#![cfg(not(target_arch = "wasm32"))]

mod common;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use common::{Tensor, go_on, model};
use maec_checkpoint::{Dtype, Error, MemoryWeights, TensorInfo, Weights};
use maec_merge::config::{ConfigJob, Loaded};
use maec_merge::engine::{Event, Job, MemoryOutput, Pool, Run, run, shards};
use maec_merge::inspect::{Inspecting, inspect};
use maec_merge::{Inputs, MaecJob};
use maec_recipe::Parameters;
use maec_recipe::mergekit::{Config, ModelName};

const LIMIT: u64 = 100_000;

/// An embedding of several tiles, layers, a norm, and something without elements.
fn random(name: &str, seed: u64) -> MemoryWeights {
    let mut state = seed;
    let mut values = |n: usize| {
        let draw = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f64 / f64::from(1 << 24) - 0.5
        };
        (0..n).map(draw).collect::<Vec<f64>>()
    };
    let dtype = Dtype::BF16;
    let tensors: Vec<Tensor<'_>> = vec![
        ("model.embed_tokens.weight", dtype, &[3000, 67], values(3000 * 67)),
        ("model.layers.0.mlp.up_proj.weight", dtype, &[33, 20], values(660)),
        ("model.layers.1.mlp.up_proj.weight", dtype, &[33, 20], values(660)),
        ("model.norm.weight", dtype, &[20], values(20)),
        ("model.rest.weight", dtype, &[0, 20], values(0)),
    ];
    model(name, &tensors)
}

/// Counts what is read.
struct Counted(MemoryWeights, Arc<AtomicU64>);

impl Weights for Counted {
    fn tensors(&self) -> &[TensorInfo] {
        self.0.tensors()
    }

    fn name(&self) -> &str {
        self.0.name()
    }

    fn read_stored(&self, name: &str, elements: Range<usize>, out: &mut [u8]) -> Result<(), Error> {
        self.1.fetch_add(out.len() as u64, Ordering::Relaxed);
        self.0.read_stored(name, elements, out)
    }
}

/// Three models, and a count of what is read of them.
fn models() -> (Vec<Arc<Counted>>, Arc<AtomicU64>) {
    let count = Arc::<AtomicU64>::default();
    let one = |(name, seed)| Arc::new(Counted(random(name, seed), count.clone()));
    ([("base", 1), ("a", 2), ("b", 3)].map(one).into(), count)
}

fn loaded(models: &[Arc<Counted>]) -> Vec<Loaded> {
    let one = |model: &Arc<Counted>| Loaded {
        name: ModelName::parse(model.name()).expect("a name"),
        weights: model.clone(),
        stored: model.clone(),
    };
    models.iter().map(one).collect()
}

/// The files and the hash that come of all the events, and how many steps it took.
fn stepped(job: &mut dyn Job, most_tiles: usize) -> (Vec<(String, Vec<u8>)>, String, usize) {
    let pool = Pool::new(2).expect("threads");
    let total: usize = job.outputs().iter().map(TensorInfo::elements).sum();
    let (mut steps, mut learned) = (0, 0);
    while let Some(step) = job.prepare(&pool, most_tiles).expect("statistics") {
        (steps, learned) = (steps + 1, learned + step.elements);
    }
    assert_eq!(learned % total, 0, "rounds are whole");
    assert!(job.prepare(&pool, most_tiles).expect("nothing").is_none());
    let shards = shards(job.outputs(), LIMIT, &BTreeMap::new()).expect("shards");
    let mut run = Run::new(job, &shards);
    let (mut files, mut wrote): (Vec<(String, Vec<u8>)>, _) = (Vec::new(), Vec::new());
    while let Some(events) = run.step(&pool, most_tiles).expect("a step") {
        steps += 1;
        for event in events {
            match (event, files.last_mut()) {
                (Event::Begin(shard), _) => files.push((shards[shard].file.clone(), Vec::new())),
                (Event::Bytes(bytes), Some((_, file))) => file.extend(bytes),
                (Event::Wrote(tensor), Some(_)) => wrote.push(tensor),
                (Event::End, Some((_, file))) => {
                    assert_eq!(file.len() as u64, shards[files.len() - 1].bytes);
                }
                (event, None) => panic!("{event:?} before any file"),
            }
        }
    }
    assert_eq!(wrote, (0..job.outputs().len()).collect::<Vec<_>>());
    (files, run.finish(), steps)
}

/// The same by the run that writes on threads of its own.
fn whole(job: &mut dyn Job) -> (Vec<(String, Vec<u8>)>, String) {
    let shards = shards(job.outputs(), LIMIT, &BTreeMap::new()).expect("shards");
    let mut output = MemoryOutput::default();
    let pool = Pool::new(3).expect("threads");
    let hash = run(job, &shards, &mut output, &pool, &mut go_on).expect("a merge");
    (output.files, hash)
}

#[test]
fn steps_of_any_size_write_and_read_the_same() {
    let (models, count) = models();
    let loaded = loaded(&models);
    let list = "base_model: base\nmodels: [{model: a}, {model: b}]\n";
    for (head, rounds) in [
        ("merge_method: task_arithmetic\nparameters: {weight: 0.4}\n", 0),
        ("merge_method: ties\nparameters: {weight: 0.4, density: 0.3}\n", 1),
        ("merge_method: ties\ndialect: paper\nparameters: {weight: 0.4, density: 0.3}\n", 1),
        ("merge_method: dare_linear\nparameters: {weight: 0.4, density: 0.3}\n", 1),
        ("merge_method: model_stock\n", 1),
    ] {
        let config = Config::from_yaml(&format!("{head}{list}")).expect("a configuration");
        let job = || ConfigJob::new(&config, &loaded).expect("no problems");
        let before = count.load(Ordering::Relaxed);
        let expected = whole(&mut job());
        let read = count.load(Ordering::Relaxed) - before;
        let all: u64 = models.iter().flat_map(|it| it.tensors()).map(|info| info.bytes() as u64).sum();
        // Tiles whose statistics were taken may be kept for the merge.
        let most = job().plan(&[], 1).passes as u64 * all;
        assert!((all..=most).contains(&read), "{head}: {read} of {all}");
        let mut fewest = usize::MAX;
        for most_tiles in [usize::MAX, 3, 1] {
            let before = count.load(Ordering::Relaxed);
            let (files, hash, steps) = stepped(&mut job(), most_tiles);
            let read = count.load(Ordering::Relaxed) - before;
            assert!((all..=most).contains(&read), "{head} {most_tiles}: {read} of {all}");
            assert!((files, hash) == expected, "{head} {most_tiles}");
            assert!(rounds == 0 || most_tiles > 1 || steps > fewest, "{head}");
            fewest = fewest.min(steps);
        }
    }
}

#[test]
fn maec_s_statistics_are_taken_in_steps() {
    let (models, _) = models();
    let inputs = Inputs {
        base: models[0].as_ref(),
        ability: models[1].as_ref(),
        reference: models[0].as_ref(),
        languages: vec![models[2].as_ref()],
    };
    let recipe = common::recipe(Parameters { k2: 0.5, ..Parameters::default() }, &[0.5]);
    let job = || MaecJob::new(&inputs, &recipe, false).expect("no problems");
    let expected = whole(&mut job());
    let mut fewest = 0;
    for most_tiles in [usize::MAX, 8, 1] {
        let (files, hash, steps) = stepped(&mut job(), most_tiles);
        assert!((files, hash) == expected, "{most_tiles}");
        assert!(steps >= fewest, "{most_tiles}");
        fewest = steps;
    }
}

#[test]
fn a_look_inside_is_taken_in_steps() {
    let (models, _) = models();
    let named: Vec<(String, Arc<dyn Weights>)> =
        models.iter().map(|it| (it.name().to_owned(), it.clone() as Arc<dyn Weights>)).collect();
    let pool = Pool::new(2).expect("threads");
    let expected = inspect(&named[1..], Some(&named[0]), &pool, &mut go_on).expect("a look");
    for most_tiles in [usize::MAX, 2, 1] {
        let mut look = Inspecting::new(&named[1..], Some(&named[0])).expect("models");
        while look.step(&pool, most_tiles).expect("tiles").is_some() {}
        let (done, total) = look.progress();
        assert_eq!(done, total);
        assert_eq!(look.finish(), expected, "{most_tiles}");
    }
}
