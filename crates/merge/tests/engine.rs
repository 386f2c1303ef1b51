//! The streaming engine: what it writes, whatever the tiles, threads, files and interruptions.
#![cfg(not(target_arch = "wasm32"))]

mod common;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use common::{Tensor, go_on, model};
use maec_checkpoint::{AtomicFolder, Dtype, Error, MemoryWeights, ModelFolder, Weights, model_hash};
use maec_merge::MergeError;
use maec_merge::config::{ConfigJob, Loaded};
use maec_merge::engine::{FilesOutput, Job, MemoryOutput, Output, Pool, Shard, run, shards};
use maec_recipe::mergekit::{Config, ModelName};

/// Layers, an embedding of more than one tile, a norm, and a head.
fn random(name: &str, seed: u64, dtype: Dtype) -> MemoryWeights {
    let mut state = seed;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / f64::from(1 << 24) - 0.5
    };
    let mut values = |n: usize| (0..n).map(|_| next()).collect::<Vec<f64>>();
    let tensors: Vec<Tensor<'_>> = vec![
        ("model.embed_tokens.weight", dtype, &[700, 101], values(700 * 101)),
        ("model.layers.0.mlp.up_proj.weight", dtype, &[33, 20], values(660)),
        ("model.layers.1.mlp.up_proj.weight", dtype, &[33, 20], values(660)),
        ("model.layers.2.mlp.up_proj.weight", dtype, &[33, 20], values(660)),
        ("model.norm.weight", dtype, &[20], values(20)),
    ];
    model(name, &tensors)
}

fn loaded(models: &[&MemoryWeights]) -> Vec<Loaded> {
    let one = |model: &&MemoryWeights| Loaded {
        name: ModelName::parse(model.name()).expect("a name"),
        weights: Arc::new((*model).clone()),
        stored: Arc::new((*model).clone()),
    };
    models.iter().map(one).collect()
}

const TASK: &str = "
merge_method: task_arithmetic
base_model: base
models:
  - {model: a, parameters: {weight: [0, 1]}}
  - {model: b, parameters: {weight: [{filter: mlp, value: 0.5}, {value: 0.25}]}}
";

struct Models {
    base: MemoryWeights,
    a: MemoryWeights,
    b: MemoryWeights,
}

fn models(dtype: Dtype) -> Models {
    Models { base: random("base", 1, dtype), a: random("a", 2, dtype), b: random("b", 3, dtype) }
}

impl Models {
    fn loaded(&self) -> Vec<Loaded> {
        loaded(&[&self.base, &self.a, &self.b])
    }

    /// The merge in memory, cut into files of at most so many bytes.
    fn merge(&self, yaml: &str, threads: usize, limit: u64) -> (MemoryWeights, String, usize) {
        let config = Config::from_yaml(yaml).expect("a configuration");
        let loaded = self.loaded();
        let mut job = ConfigJob::new(&config, &loaded).expect("no problems");
        let pool = Pool::new(threads).expect("threads");
        let shards = shards(job.outputs(), limit, &BTreeMap::new()).expect("shards");
        let mut output = MemoryOutput::default();
        let hash = run(&mut job, &shards, &mut output, &pool, &mut go_on).expect("a merge");
        let files = output.files.len();
        (output.into_weights(job.outputs(), &shards).expect("files as planned"), hash, files)
    }
}

fn values(model: &dyn Weights, name: &str) -> Vec<f32> {
    model.read_f32(name).expect("a tensor")
}

#[test]
fn gradients_filters_and_defaults_reach_the_arithmetic() {
    let models = models(Dtype::F32);
    let (merged, hash, _) = models.merge(TASK, 2, u64::MAX);
    assert_eq!(hash, model_hash(&merged).unwrap());
    for (name, weight_a, weight_b) in [
        ("model.embed_tokens.weight", 0.0, 0.25),
        ("model.layers.0.mlp.up_proj.weight", 0.0, 0.5),
        ("model.layers.1.mlp.up_proj.weight", 0.5, 0.5),
        ("model.layers.2.mlp.up_proj.weight", 1.0, 0.5),
        ("model.norm.weight", 0.0, 0.25),
    ] {
        let (base, a, b) = (values(&models.base, name), values(&models.a, name), values(&models.b, name));
        let merged = values(&merged, name);
        for i in 0..base.len() {
            let expected = base[i] + (weight_a * (a[i] - base[i]) + weight_b * (b[i] - base[i]));
            assert_eq!(merged[i].to_bits(), expected.to_bits(), "{name}[{i}]");
        }
    }
}

#[test]
fn threads_and_files_do_not_change_a_byte() {
    for dtype in [Dtype::F32, Dtype::BF16, Dtype::F16] {
        let models = models(dtype);
        let (whole, hash, files) = models.merge(TASK, 1, u64::MAX);
        assert_eq!(files, 1);
        let (cut, other, files) = models.merge(TASK, 3, 3000);
        assert_eq!(other, hash, "{dtype}");
        assert!(files > 2, "{dtype}");
        assert_eq!(common::stored(&whole), common::stored(&cut));
    }
}

#[test]
fn a_tensor_that_is_no_float_is_copied() {
    let with_counter = |name: &str, seed| {
        let mut tensors: Vec<_> = common::stored(&random(name, seed, Dtype::F32));
        tensors.push(("model.steps".into(), 7i64.to_le_bytes().to_vec()));
        let infos = random(name, seed, Dtype::F32).tensors().to_vec();
        let counter =
            maec_checkpoint::TensorInfo { name: "model.steps".into(), dtype: Dtype::I64, shape: vec![] };
        let infos = infos.into_iter().chain([counter]);
        let stored = infos.map(|info| {
            let bytes = tensors.iter().find(|(tensor, _)| *tensor == info.name).unwrap().1.clone();
            (info, bytes)
        });
        MemoryWeights::new(name, stored.collect()).unwrap()
    };
    let models = Models { base: with_counter("base", 1), a: with_counter("a", 2), b: with_counter("b", 3) };
    let (merged, ..) = models.merge(TASK, 2, u64::MAX);
    assert_eq!(merged.read_bytes("model.steps").unwrap(), 7i64.to_le_bytes());
}

#[test]
fn slices_renumber_layers_and_take_the_ends_from_the_first_and_last() {
    let models = models(Dtype::F32);
    let yaml = "
merge_method: linear
slices:
  - sources: [{model: a, layer_range: [1, 3], parameters: {weight: 1}}]
  - sources: [{model: b, layer_range: [0, 2], parameters: {weight: 1}}]
";
    let (merged, ..) = models.merge(yaml, 2, u64::MAX);
    let layer = |n: usize| format!("model.layers.{n}.mlp.up_proj.weight");
    let names: Vec<&str> = merged.tensors().iter().map(|info| info.name.as_str()).collect();
    assert_eq!(
        names,
        ["model.embed_tokens.weight", &layer(0), &layer(1), &layer(2), &layer(3), "model.norm.weight"]
    );
    assert_eq!(values(&merged, "model.embed_tokens.weight"), values(&models.a, "model.embed_tokens.weight"));
    assert_eq!(values(&merged, "model.norm.weight"), values(&models.b, "model.norm.weight"));
    for (out, of, layer_of) in [(0, &models.a, 1), (1, &models.a, 2), (2, &models.b, 0), (3, &models.b, 1)] {
        assert_eq!(values(&merged, &layer(out)), values(of, &layer(layer_of)));
    }
}

#[test]
fn a_nan_is_named_with_its_model_and_place() {
    let mut models = models(Dtype::F32);
    let mut tensors: Vec<(String, Vec<u8>)> = common::stored(&models.b);
    let bytes = &mut tensors[0].1;
    bytes[4 * 70_000..4 * 70_000 + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    let stored =
        models.b.tensors().iter().cloned().zip(tensors.into_iter().map(|(_, bytes)| bytes)).collect();
    models.b = MemoryWeights::new("b", stored).unwrap();
    let config = Config::from_yaml(TASK).unwrap();
    let loaded = models.loaded();
    let mut job = ConfigJob::new(&config, &loaded).unwrap();
    let shards = shards(job.outputs(), u64::MAX, &BTreeMap::new()).unwrap();
    let failed = run(&mut job, &shards, &mut MemoryOutput::default(), &Pool::new(2).unwrap(), &mut go_on);
    match failed {
        Err(MergeError::Checkpoint(Error::NonFinite { name, tensor, index })) => {
            assert_eq!((name.as_str(), tensor.as_str(), index), ("b", "model.embed_tokens.weight", 70_000));
        }
        other => panic!("{other:?}"),
    }
}

/// An output that fails after so many bytes, like a full disk.
struct Full(usize);

impl Output for Full {
    fn begin(&mut self, _: &Shard) -> Result<(), Error> {
        Ok(())
    }

    fn write(&mut self, bytes: Vec<u8>) -> Result<(), Error> {
        match self.0.checked_sub(bytes.len()) {
            Some(left) => self.0 = left,
            None => {
                let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
                return Err(Error::Write { path: "out".into(), source });
            }
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

#[test]
fn a_full_disk_and_a_cancel_end_the_merge_with_their_own_error() {
    let models = models(Dtype::F32);
    let config = Config::from_yaml(TASK).unwrap();
    let loaded = models.loaded();
    for room in [0, 1000, 200_000] {
        let mut job = ConfigJob::new(&config, &loaded).unwrap();
        let shards = shards(job.outputs(), u64::MAX, &BTreeMap::new()).unwrap();
        let failed = run(&mut job, &shards, &mut Full(room), &Pool::new(2).unwrap(), &mut go_on);
        assert!(matches!(failed, Err(MergeError::Checkpoint(Error::Write { .. }))), "{failed:?}");
    }
    let mut job = ConfigJob::new(&config, &loaded).unwrap();
    let shards = shards(job.outputs(), u64::MAX, &BTreeMap::new()).unwrap();
    let cancel = &mut |_: maec_merge::Progress<'_>| ControlFlow::Break(());
    let failed = run(&mut job, &shards, &mut MemoryOutput::default(), &Pool::new(2).unwrap(), cancel);
    assert!(matches!(failed, Err(MergeError::Cancelled)), "{failed:?}");
}

/// Runs a merge into `path`; after so many written tensors the process "dies": nothing is cleaned up.
fn merge_to(
    path: &std::path::Path,
    models: &Models,
    die_after: Option<usize>,
    resume: bool,
) -> Option<String> {
    struct Dying {
        inner: FilesOutput,
        left: Option<usize>,
        resumed: usize,
    }
    impl Output for Dying {
        fn resume(&mut self, shards: &[Shard], seen: &mut dyn FnMut(usize, &[u8])) -> Result<usize, Error> {
            self.resumed = self.inner.resume(shards, seen)?;
            Ok(self.resumed)
        }
        fn begin(&mut self, shard: &Shard) -> Result<(), Error> {
            self.inner.begin(shard)
        }
        fn write(&mut self, mut bytes: Vec<u8>) -> Result<(), Error> {
            if self.left == Some(0) {
                // Half of the next bytes still get out.
                bytes.truncate(bytes.len() / 2);
                self.inner.write(bytes)?;
                return Err(Error::Write { path: "killed".into(), source: std::io::ErrorKind::Other.into() });
            }
            self.inner.write(bytes)
        }
        fn wrote(&mut self, tensor: usize) -> Result<(), Error> {
            self.left = self.left.map(|left| left.saturating_sub(1));
            self.inner.wrote(tensor)
        }
        fn end(&mut self) -> Result<(), Error> {
            self.inner.end()
        }
    }
    let config = Config::from_yaml(TASK).unwrap();
    let loaded = models.loaded();
    let mut job = ConfigJob::new(&config, &loaded).unwrap();
    let shards = shards(job.outputs(), 3000, &BTreeMap::new()).unwrap();
    let sizes = job.outputs().iter().map(|info| info.bytes() as u64).collect();
    let folder = AtomicFolder::resume(path, |_| false).unwrap();
    let inner = FilesOutput::new(folder, path, "key of this merge", sizes, resume).unwrap();
    let mut output = Dying { inner, left: die_after, resumed: 0 };
    let hash = run(&mut job, &shards, &mut output, &Pool::new(2).unwrap(), &mut go_on);
    if die_after.is_some() {
        assert!(hash.is_err());
        // A killed process runs no destructors, but its lock ends: take the folder away from the destructor's reach.
        let temporary = format!("{}.maec.tmp", path.display());
        let aside = format!("{}.aside", path.display());
        std::fs::rename(&temporary, &aside).unwrap();
        drop(output);
        std::fs::rename(&aside, &temporary).unwrap();
        return None;
    }
    if resume {
        assert!(output.resumed > 0, "nothing was kept");
    }
    let folder = output.inner.into_folder();
    maec_merge::engine::remove_journal(&folder).unwrap();
    folder.finish().unwrap();
    Some(hash.unwrap())
}

#[test]
fn a_killed_merge_goes_on_to_the_same_bytes_wherever_it_died() {
    let dir = tempfile::TempDir::new().unwrap();
    let models = models(Dtype::BF16);
    let whole = dir.path().join("whole");
    let hash = merge_to(&whole, &models, None, false).unwrap();
    let read = |folder: &std::path::Path| -> Vec<(String, Vec<u8>)> {
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
            .collect();
        files.sort();
        files
    };
    let expected = read(&whole);
    assert_eq!(expected.len(), 3, "{:?}", expected.iter().map(|(name, _)| name).collect::<Vec<_>>());
    for die_after in 1..5 {
        let path = dir.path().join(format!("out{die_after}"));
        assert!(merge_to(&path, &models, Some(die_after), false).is_none());
        assert!(!path.exists());
        assert_eq!(merge_to(&path, &models, None, true).unwrap(), hash);
        assert_eq!(read(&path), expected, "died after {die_after} tensors");
    }
    // What was changed behind the journal's back is merged again.
    let path = dir.path().join("out");
    merge_to(&path, &models, Some(3), false);
    let shard = dir.path().join("out.maec.tmp/model-00002-of-00003.safetensors");
    let mut bytes = std::fs::read(&shard).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&shard, bytes).unwrap();
    assert_eq!(merge_to(&path, &models, None, true).unwrap(), hash);
    assert_eq!(read(&path), expected);
}

#[test]
fn shards_have_an_index_that_readers_follow() {
    let dir = tempfile::TempDir::new().unwrap();
    let models = models(Dtype::F32);
    let path = dir.path().join("out");
    let hash = merge_to(&path, &models, None, false).unwrap();
    let config = Config::from_yaml(TASK).unwrap();
    let loaded = models.loaded();
    let job = ConfigJob::new(&config, &loaded).unwrap();
    let shards = shards(job.outputs(), 3000, &BTreeMap::new()).unwrap();
    let index = maec_merge::engine::index(job.outputs(), &shards).expect("more than one shard");
    std::fs::write(path.join("model.safetensors.index.json"), index).unwrap();
    std::fs::write(path.join("config.json"), "{}").unwrap();
    assert_eq!(model_hash(&ModelFolder::open(&path).unwrap()).unwrap(), hash);
}

#[test]
fn maec_on_many_threads_is_maec_in_memory() {
    use maec_merge::{Inputs, MaecJob, Options, merge_to_memory};
    use maec_recipe::{MergeMethod, Parameters};
    for (dtype, merge_method) in [(Dtype::BF16, MergeMethod::Maec), (Dtype::F32, MergeMethod::TaskVector)] {
        let models: Vec<MemoryWeights> =
            (1..=5).map(|seed| random(&format!("m{seed}"), seed, dtype)).collect();
        let inputs = Inputs {
            base: &models[0],
            ability: &models[1],
            reference: &models[2],
            languages: vec![&models[3], &models[4]],
        };
        let recipe =
            maec_recipe::Recipe { merge_method, ..common::recipe(Parameters::default(), &[0.5, 0.25]) };
        let options = Options { hash_inputs: true, ..Options::default() };
        let (expected, account) = merge_to_memory(&inputs, &recipe, &options, &mut go_on).unwrap();
        let pool = Pool::new(3).unwrap();
        let mut job = MaecJob::new(&inputs, &recipe, false).unwrap();
        let shards = shards(job.outputs(), 100_000, &BTreeMap::new()).unwrap();
        let mut output = MemoryOutput::default();
        let hash = run(&mut job, &shards, &mut output, &pool, &mut go_on).unwrap();
        let merged = output.into_weights(job.outputs(), &shards).unwrap();
        assert_eq!(common::stored(&merged), common::stored(&expected));
        assert_eq!(job.report(hash, true, &pool).unwrap(), account);
    }
}
