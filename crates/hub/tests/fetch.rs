//! Fetching from a hub that behaves.

mod common;

use std::ops::ControlFlow;
use std::sync::Arc;

use common::*;
use maec_checkpoint::{FileSet, ModelFolder, Weights};
use maec_hub::fake::{FakeHub, Fault};
use maec_hub::native::{NativeHub, ReadFiles, Settings};
use maec_hub::{BLOCK_BYTES, Error, MemoryStore, Phase, RemoteFiles, Store, model_files};

#[test]
fn a_name_is_pinned_to_its_commit() {
    let (fake, commit, hub, _) = tiny();
    for name in [MODEL.to_owned(), format!("{MODEL}@main"), format!("{MODEL}@{commit}")] {
        let files = block_on(hub.open(&remote(&name))).expect(&name);
        assert_eq!(files.remote().to_string(), format!("{MODEL}@{commit}"));
        assert_eq!(files.name(), format!("{MODEL}@{}", &commit[..8]));
    }
    let files = block_on(hub.open(&remote(MODEL))).expect("a model");
    assert_eq!(files.paths(), ["README.md", "config.json", WEIGHTS, "onnx/model.onnx"]);
    assert_eq!(model_files(&*files), ["config.json", WEIGHTS]);
    assert!(fake.seen().iter().all(|seen| seen.path.starts_with("/api/")), "nothing else is fetched");
}

#[test]
fn looking_moves_headers_only() {
    let (fake, _, hub, _) = tiny();
    let files = block_on(hub.open(&remote(MODEL))).expect("a model");
    let before = fake.bytes_served();
    let tensors = look(&hub, &files).expect("a model folder");
    assert_eq!(tensors, [("model.embed_tokens.weight".to_owned(), vec![ROWS, 1024])]);
    let moved = fake.bytes_served() - before;
    assert!(moved <= BLOCK_BYTES + 100, "{moved} bytes for a header");
    let amount = block_on(hub.amount(&files, &[WEIGHTS])).expect("memory");
    assert_eq!((amount.total, amount.cached), (weights_len(), BLOCK_BYTES));
    assert!(read(&files, WEIGHTS).is_none(), "absent bytes can't be read");
}

#[test]
fn a_fetch_brings_every_byte_once_and_says_how_far_it_is() {
    let (fake, _, hub, _) = tiny();
    let files = block_on(hub.open(&remote(MODEL))).expect("a model");
    look(&hub, &files).expect("a model folder");
    let before = fake.bytes_served();
    let mut reports = Vec::new();
    let fetched = block_on(hub.fetch(&files, &model_files(&*files), |progress| {
        reports.push((progress.done, progress.phase == Phase::Checking));
        assert_eq!(progress.total, weights_len() + model()[2].1.len() as u64);
        ControlFlow::Continue(())
    }))
    .expect("a fetch");
    assert_eq!(fetched.bytes, weights_len() - BLOCK_BYTES, "the header was there");
    assert_eq!(fake.bytes_served() - before, fetched.bytes);
    assert!(reports.len() > 10 && reports.is_sorted_by_key(|(done, _)| *done), "{reports:?}");
    assert!(reports.last().is_some_and(|(_, checking)| *checking), "the hash is made last");
    assert_eq!(read(&files, WEIGHTS).expect("all"), model()[3].1);
    let before = fake.bytes_served();
    let again = block_on(hub.fetch(&files, &model_files(&*files), on)).expect("nothing to do");
    assert_eq!((again.bytes, fake.bytes_served()), (0, before));
}

#[test]
fn what_was_fetched_whole_opens_without_the_hub() {
    let (_folder, store) = disk();
    let FakeHubWithModel(fake, commit) = FakeHubWithModel::start();
    fetch(&client(&fake, store.clone()).0).expect("a fetch");
    let requests = fake.seen().len();
    fake.fault("/", Fault::Status(500), u32::MAX);
    let hub = NativeHub::with_settings(Settings { endpoint: fake.endpoint(), token: None, store })
        .expect("settings");
    let files = hub.open_blocking(&remote(&format!("{MODEL}@{commit}"))).expect("its listing is kept");
    assert_eq!(read(&files, WEIGHTS), None, "the store was not asked yet");
    let amount = block_on(hub.amount(&files, &[WEIGHTS])).expect("a store");
    assert_eq!(amount.to_fetch(), 0);
    assert_eq!(read(&files, WEIGHTS).expect("all"), model()[3].1);
    assert_eq!(fake.seen().len(), requests);
}

/// A hub with the tiny model, and its commit.
struct FakeHubWithModel(FakeHub, String);

impl FakeHubWithModel {
    fn start() -> Self {
        let fake = FakeHub::start().expect("a free port");
        let commit = fake.repository(MODEL, model());
        Self(fake, commit)
    }
}

#[test]
fn the_companion_gets_a_folder_that_opens() {
    let (_folder, store) = disk();
    let FakeHubWithModel(fake, commit) = FakeHubWithModel::start();
    let settings = Settings { endpoint: fake.endpoint(), token: None, store };
    let hub = Arc::new(NativeHub::with_settings(settings).expect("settings"));
    let model = ReadFiles::open(&hub, &remote(MODEL)).expect("a model");
    model.fetch(&model.needed(), on).expect("all of it");
    assert_eq!(model.remote().to_string(), format!("{MODEL}@{commit}"));
    let folder = maec_checkpoint::ModelFolder::open(&model.path()).expect("a model folder");
    assert_eq!(folder.config(), r#"{"model_type":"llama"}"#);
    let mut names: Vec<_> = std::fs::read_dir(model.path())
        .expect("it")
        .map(|e| e.expect("it").file_name().into_string().expect("text"))
        .collect();
    names.sort();
    assert_eq!(names, [".config.json.blocks", ".model.safetensors.blocks", "config.json", WEIGHTS]);
    let file = fake.file("/delta.safetensors", weights("x", 2, 3));
    let delta = ReadFiles::open(&hub, &remote(&file)).expect("a file");
    delta.fetch(&delta.needed(), on).expect("all of it");
    assert_eq!(std::fs::read(delta.path()).expect("a file"), weights("x", 2, 3));
}

#[test]
fn what_is_read_of_a_set_is_fetched_and_no_more() {
    let (_folder, store) = disk();
    let FakeHubWithModel(fake, _) = FakeHubWithModel::start();
    let settings = Settings { endpoint: fake.endpoint(), token: None, store };
    let hub = Arc::new(NativeHub::with_settings(settings).expect("settings"));
    let model = ReadFiles::open(&hub, &remote(MODEL)).expect("a model");
    let folder = ModelFolder::from_files(&model).expect("a model folder");
    assert!(fake.bytes_served() < 2 * BLOCK_BYTES, "{} for headers", fake.bytes_served());
    let part = |folder: &ModelFolder| {
        let mut bytes = vec![0; 200];
        folder.read_stored("model.embed_tokens.weight", 1_000_000..1_000_100, &mut bytes).map(|()| bytes)
    };
    let before = fake.bytes_served();
    assert_eq!(part(&folder).expect("a part"), noise(ROWS * 2048, 1)[2_000_000..2_000_200]);
    assert!((1..=2 * BLOCK_BYTES).contains(&(fake.bytes_served() - before)));
    // What was opened is brought whole, and the same readers go on with it.
    model.fetch(&model.opened(), on).expect("all of it");
    let whole = fake.bytes_served();
    assert_eq!(folder.read_bytes("model.embed_tokens.weight").expect("all"), noise(ROWS * 2048, 1));
    assert_eq!(fake.bytes_served(), whole);
    // A refusal in the middle of a reading is one line that names the file.
    fake.repository("org/closed", common::model());
    fake.fault(WEIGHTS, Fault::Status(403), 1);
    let closed = ReadFiles::open(&hub, &remote("org/closed")).expect("a listing");
    let error = ModelFolder::from_files(&closed).expect_err("no access").to_string();
    assert!(error.contains(WEIGHTS) && error.contains("refuses") && !error.contains('\n'), "{error}");
}

#[test]
fn a_new_commit_is_another_model() {
    let (fake, commit, hub, _) = tiny();
    let files = fetch(&hub).expect("a fetch");
    let mut changed = model().to_vec();
    changed[3].1 = weights("model.embed_tokens.weight", ROWS, 99);
    let next = fake.repository(MODEL, &changed);
    assert_ne!(commit, next);
    let newer = fetch(&hub).expect("a fetch");
    assert_eq!(newer.remote().commit(), Some(next.as_str()));
    assert_eq!(read(&newer, WEIGHTS).expect("all"), changed[3].1);
    assert_eq!(read(&files, WEIGHTS).expect("all"), model()[3].1, "the older one stays");
}

#[test]
fn empty_files_need_no_request() {
    let fake = FakeHub::start().expect("a free port");
    fake.repository("org/empty", &[("empty.json", Vec::new())]);
    let (hub, _) = client(&fake, MemoryStore::default());
    let files = block_on(hub.open(&remote("org/empty"))).expect("a model");
    block_on(hub.fetch(&files, &["empty.json"], on)).expect("nothing to fetch");
    assert_eq!(read(&files, "empty.json"), Some(Vec::new()));
    assert_eq!(fake.seen().len(), 1);
    let error = block_on(hub.fetch(&files, &["absent"], on)).expect_err("no such file");
    assert!(matches!(error, Error::NoFile { .. }));
    check_message(&error, "absent");
}

#[test]
fn two_openings_share_their_files() {
    let (_fake, _, hub, _) = tiny();
    let first = block_on(hub.open(&remote(MODEL))).expect("a model");
    let second = block_on(hub.open(&remote(MODEL))).expect("a model");
    look(&hub, &first).expect("a model folder");
    assert_eq!(readable(&second, WEIGHTS), BLOCK_BYTES);
}

#[test]
fn looking_at_other_files_ends() {
    let (_fake, _, hub, _) = tiny();
    let (_other_fake, _, other, _) = tiny();
    let files = block_on(hub.open(&remote(MODEL))).expect("a model");
    let others = block_on(other.open(&remote(MODEL))).expect("a model");
    let error = look_into(&hub, &files, &others).expect_err("never there");
    assert!(matches!(error, Error::Checkpoint(maec_checkpoint::Error::NotFetched { .. })), "{error}");
}

/// Fetches from one set what reading another misses.
fn look_into(
    hub: &TestHub<MemoryStore>,
    files: &RemoteFiles<<MemoryStore as Store>::File>,
    read: &RemoteFiles<<MemoryStore as Store>::File>,
) -> Result<(), Error> {
    block_on(hub.look(files, || read.open(WEIGHTS)?.read_at(0, &mut [0; 8])))
}
