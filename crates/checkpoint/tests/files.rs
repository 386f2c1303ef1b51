//! The files of a model wherever they are: on disk, in memory, and in a download that has not got all bytes yet.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use common::{assert_message, assert_same, file, model, tensor};
use maec_checkpoint::{
    ByteSource, DeltaPositions, DirFiles, Dtype, Error, FileSet, MemoryFiles, MemorySource, MemoryWeights,
    ModelFolder, ModelSummary, SourceFiles, SparseDelta, Weights, model_hash, write_delta,
};
use tempfile::TempDir;

const BLOCK: u64 = 64;

fn weights() -> MemoryWeights {
    let values: Vec<f64> = (0..1000).map(f64::from).collect();
    model("m", vec![tensor("a", Dtype::F32, &[1000], &values), tensor("b", Dtype::BF16, &[2], &[1.0, 2.0])])
}

/// The files of [`weights`] by name.
fn files() -> BTreeMap<String, Vec<u8>> {
    let files = [
        ("config.json", b"{\"model_type\":\"llama\"}".to_vec()),
        ("tokenizer.json", vec![b' '; 10_000]),
        ("README.md", b"# m\n".to_vec()),
        ("onnx/other.bin", vec![1]),
        ("model.safetensors", file(&weights(), &BTreeMap::new())),
    ];
    files.map(|(name, bytes)| (name.to_owned(), bytes)).into()
}

fn write(folder: &Path, files: &BTreeMap<String, Vec<u8>>) {
    for (name, bytes) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// A source of which only some blocks are at hand, as in a download; what is asked for and absent is noted.
struct Sparse {
    whole: MemorySource,
    blocks: Mutex<BTreeSet<u64>>,
}

impl ByteSource for Sparse {
    fn len(&self) -> u64 {
        self.whole.len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), Error> {
        let len = buf.len() as u64;
        let blocks = self.blocks.lock().unwrap();
        if (offset / BLOCK..(offset + len).div_ceil(BLOCK)).any(|block| !blocks.contains(&block)) {
            return Err(Error::NotFetched { name: self.name().into(), offset, len });
        }
        self.whole.read_at(offset, buf)
    }

    fn name(&self) -> &str {
        self.whole.name()
    }
}

/// Repeats what is done, fetching what it lacks, until it succeeds. Returns the number of fetches too.
fn drive<T>(
    sources: &BTreeMap<String, Arc<Sparse>>,
    mut attempt: impl FnMut() -> Result<T, Error>,
) -> (T, usize) {
    for fetches in 0..1000 {
        match attempt() {
            Ok(done) => return (done, fetches),
            Err(Error::NotFetched { name, offset, len }) => {
                let blocks = offset / BLOCK..(offset + len).div_ceil(BLOCK);
                sources[&name].blocks.lock().unwrap().extend(blocks);
            }
            Err(other) => panic!("{other}"),
        }
    }
    panic!("the same bytes again and again")
}

/// Sources without any bytes yet, and the set of them.
fn sparse(files: BTreeMap<String, Vec<u8>>) -> (BTreeMap<String, Arc<Sparse>>, SourceFiles) {
    let source = |name: String, bytes: Vec<u8>| {
        let whole = MemorySource::new(name.clone(), bytes);
        (name, Arc::new(Sparse { whole, blocks: Mutex::default() }))
    };
    let sources: BTreeMap<_, _> = files.into_iter().map(|(name, bytes)| source(name, bytes)).collect();
    let set = sources.iter().map(|(name, source)| (name.clone(), source.clone() as Arc<dyn ByteSource>));
    let set = SourceFiles::new("org/name@rev", set.collect());
    (sources, set)
}

#[test]
fn disk_and_memory_are_alike() {
    let dir = TempDir::new().unwrap();
    write(dir.path(), &files());
    fs::create_dir(dir.path().join(".git")).unwrap();
    fs::write(dir.path().join(".git/config"), "x").unwrap();
    let disk = DirFiles::open(dir.path()).unwrap();
    let memory = MemoryFiles::new("m", files());
    let expected: Vec<(String, u64)> =
        files().into_iter().map(|(name, bytes)| (name, bytes.len() as u64)).collect();
    assert_eq!(disk.files(), expected);
    assert_eq!(memory.files(), expected);
    for set in [&disk as &dyn FileSet, &memory] {
        let source = set.open("onnx/other.bin").unwrap();
        assert_eq!(source.name(), format!("{}/onnx/other.bin", set.name()));
        for absent in ["none", "onnx", "", ".", "../m", "/etc/hostname", "onnx/../config.json"] {
            match set.open(absent) {
                Err(error @ Error::Missing { .. }) => assert_message(&error, &[set.name(), absent]),
                other => panic!("{absent}: {:?}", other.map(|source| source.len())),
            }
        }
        let folder = ModelFolder::from_files(set).unwrap();
        assert_same(&folder, &weights());
        assert_eq!(folder.name(), set.name());
        assert_eq!(folder.text("README.md").unwrap().as_deref(), Some("# m\n"));
        assert_eq!(folder.text("chat_template.jinja").unwrap(), None);
        assert_eq!(folder.text("onnx/other.bin").unwrap(), None);
        assert_eq!(folder.text_bytes("tokenizer.json"), Some(10_000));
        let texts = folder.texts().unwrap();
        assert_eq!(texts.keys().collect::<Vec<_>>(), ["README.md", "config.json", "tokenizer.json"]);
    }
    assert!(matches!(DirFiles::open(&dir.path().join("none")), Err(Error::Missing { .. })));
}

/// The hub's own cache is a folder of links to files.
#[cfg(unix)]
#[test]
fn links_to_files_are_followed() {
    let dir = TempDir::new().unwrap();
    let (blobs, snapshot) = (dir.path().join("blobs"), dir.path().join("snapshot"));
    write(&blobs, &files());
    fs::create_dir(&snapshot).unwrap();
    for name in ["config.json", "model.safetensors"] {
        std::os::unix::fs::symlink(blobs.join(name), snapshot.join(name)).unwrap();
    }
    std::os::unix::fs::symlink(&snapshot, snapshot.join("loop")).unwrap();
    std::os::unix::fs::symlink(blobs.join("none"), snapshot.join("dangling")).unwrap();
    assert_same(&ModelFolder::open(&snapshot).unwrap(), &weights());
    let listed: Vec<String> =
        DirFiles::open(&snapshot).unwrap().files().into_iter().map(|(n, _)| n).collect();
    assert_eq!(listed, ["config.json", "model.safetensors"]);
}

#[test]
fn what_is_not_fetched_can_be_fetched_and_tried_again() {
    let (sources, set) = sparse(files());
    let (folder, fetches) = drive(&sources, || ModelFolder::from_files(&set));
    // The config, the header's length, the header: no tensor, and no other text.
    assert_eq!(fetches, 3);
    assert!(sources["tokenizer.json"].blocks.lock().unwrap().is_empty());
    let held = sources["model.safetensors"].blocks.lock().unwrap().len() as u64 * BLOCK;
    assert!(held < 512, "{held} bytes fetched for a header");

    let (summary, fetches) = drive(&sources, || ModelSummary::of(&folder));
    assert_eq!((summary.parameters, fetches), (1002, 0));
    let (readme, fetches) = drive(&sources, || folder.text("README.md"));
    assert_eq!((readme.as_deref(), fetches), (Some("# m\n"), 1));
    let mut tile = [0.0; 2];
    let ((), fetches) = drive(&sources, || folder.read_f64("a", 500..502, &mut tile));
    assert_eq!((tile, fetches), ([500.0, 501.0], 1));
    let (hash, _) = drive(&sources, || model_hash(&folder));
    assert_eq!(hash, model_hash(&weights()).unwrap());
}

#[test]
fn shards_are_fetched_one_header_at_a_time() {
    let mut all = files();
    let shard = |name: &str| {
        let info = weights().info(name).unwrap().clone();
        let bytes = weights().read_bytes(name).unwrap();
        file(&model("shard", vec![(info, bytes)]), &BTreeMap::new())
    };
    all.remove("model.safetensors");
    all.insert("1.safetensors".into(), shard("a"));
    all.insert("2.safetensors".into(), shard("b"));
    let index = r#"{"weight_map":{"a":"1.safetensors","b":"2.safetensors"}}"#;
    all.insert("model.safetensors.index.json".into(), index.into());
    let (sources, set) = sparse(all);
    let (folder, fetches) = drive(&sources, || ModelFolder::from_files(&set));
    assert_eq!(fetches, 6);
    let (hash, _) = drive(&sources, || model_hash(&folder));
    assert_eq!(hash, model_hash(&weights()).unwrap());
}

#[test]
fn a_delta_is_fetched_as_it_is_read() {
    let base = Arc::new(weights());
    let mut values: Vec<f64> = (0..1000).map(f64::from).collect();
    values[7] = -1.0;
    let b = tensor("b", Dtype::BF16, &[2], &[1.0, 2.0]);
    let trained = model("t", vec![tensor("a", Dtype::F32, &[1000], &values), b]);
    let sink = maec_checkpoint::MemorySink::new();
    write_delta(&mut sink.clone(), base.as_ref(), &trained, DeltaPositions::Changed, None, &BTreeMap::new())
        .unwrap();
    let (sources, set) = sparse([("delta".to_owned(), sink.take())].into());
    let open = || SparseDelta::open(set.open("delta")?)?.apply(base.clone());
    let (applied, fetches) = drive(&sources, open);
    assert!(fetches >= 2, "{fetches}");
    assert_same(&applied, &trained);
}
