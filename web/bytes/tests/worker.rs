//! In a worker of a real browser: `cargo test --target wasm32-unknown-unknown -p maec-bytes` with `wasm-bindgen-test-runner`,
//! and `-- --include-ignored` where a fake hub runs.
#![cfg(target_arch = "wasm32")]

use std::ops::ControlFlow;
use std::time::Duration;

use js_sys::{Array, Promise, Uint8Array};
use maec_bytes::{
    AsyncSink, BlobSource, DroppedFiles, FetchTransport, OpfsSink, OpfsSource, OpfsStore, PickedFolder,
    TabClock, TabStore, opfs_file, opfs_remove, persist, read_ahead, storage_estimate,
};
use maec_checkpoint::{ByteSink, ByteSource, Error, FileSet, sha256_hex};
use maec_hub::{
    Address, BLOCK_BYTES, BlockFile, Body, Clock, Get, Hub, Remote, Retry, Store, StoreError, Transport,
};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
use web_sys::{Blob, FileSystemDirectoryHandle};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

fn blob(bytes: &[u8]) -> Blob {
    Blob::new_with_u8_array_sequence(&Array::of1(&Uint8Array::from(bytes))).expect("a blob")
}

fn noise(len: usize) -> Vec<u8> {
    (0..len as u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33) as u8).collect()
}

#[wasm_bindgen_test]
fn a_blob_is_read_in_slices() {
    let bytes = noise(40 << 20);
    let source = BlobSource::new("x", blob(&bytes));
    assert_eq!(source.len(), bytes.len() as u64);
    for (at, len) in [(0, 0), (0, 8), (12_345, 17 << 20), (bytes.len() - 3, 3), (bytes.len(), 0)] {
        let mut buf = vec![0; len];
        source.read_at(at as u64, &mut buf).expect("a slice");
        assert!(buf == bytes[at..at + len], "{at} {len}");
    }
    for (at, len) in [(bytes.len() as u64, 1), (u64::MAX, 1), (0, bytes.len() + 1)] {
        assert!(matches!(source.read_at(at, &mut vec![0; len]), Err(Error::Truncated { .. })));
    }
}

#[wasm_bindgen_test]
fn dropped_files_are_a_folder_or_some_files() {
    let drop =
        |paths: &[&str]| DroppedFiles::new(paths.iter().map(|path| ((*path).into(), blob(b"12"))).collect());
    let folder = drop(&["m/config.json", "m/a/b", "m/config.json"]);
    assert_eq!((folder.name(), folder.files()), ("m", vec![("a/b".into(), 2), ("config.json".into(), 2)]));
    assert_eq!(folder.open("a/b").expect("a file").name(), "m/a/b");
    assert!(matches!(folder.open("m/a/b"), Err(Error::Missing { .. })));
    assert_eq!(drop(&["x.safetensors"]).name(), "x.safetensors");
    let mixed = drop(&["m/x", "y"]);
    assert_eq!((mixed.name(), mixed.files().len()), ("2 files", 2));
    assert_eq!(drop(&[]).files().len(), 0);
}

#[wasm_bindgen_test]
fn dropped_files_are_read_ahead_to_the_byte() {
    let all = [noise(5 << 20), noise(3 << 20)];
    let files = DroppedFiles::new(vec![("m/a".into(), blob(&all[0])), ("m/b".into(), blob(&all[1]))]);
    let sources = ["a", "b"].map(|name| files.open(name).expect("a file"));
    let check = |file: usize, at: usize, len: usize| {
        let mut buf = vec![0; len];
        sources[file].read_at(at as u64, &mut buf).expect("a slice");
        assert!(buf == all[file][at..at + len], "{file} {at} {len}");
    };
    // From front to back, back again, from one file to the other, over the window's end, and to the last byte.
    for file in [0, 1, 0] {
        for at in (0..all[file].len()).step_by(300_000) {
            check(file, at, 300_000.min(all[file].len() - at));
        }
    }
    for (file, at, len) in [(0, 0, 7), (0, 7, 9), (1, 16, 9), (0, 16, 9), (0, 25, 2 << 20), (0, 3 << 20, 0)] {
        check(file, at, len);
    }
    for at in [all[1].len() as u64, u64::MAX] {
        assert!(matches!(sources[1].read_at(at, &mut [0; 2]), Err(Error::Truncated { .. })));
    }
}

#[wasm_bindgen_test]
async fn what_streams_bring_is_the_files_to_the_byte() {
    let all = [noise((9 << 20) + 1), noise(7 << 20)];
    // Two models, each with a window of its own, that are read side by side in steps of several tiles.
    let models = [0, 1].map(|file| DroppedFiles::new(vec![("m/a".into(), blob(&all[file]))]));
    let sources = models.map(|model| model.open("a").expect("a file"));
    let check = |file: usize, at: usize, len: usize| {
        let at = at.min(all[file].len());
        let len = len.min(all[file].len() - at);
        let mut buf = vec![0; len];
        sources[file].read_at(at as u64, &mut buf).expect("a slice");
        assert!(buf == all[file][at..at + len], "{file} {at} {len}");
    };
    for (tile, tiles) in [(131_072, 8), (100_003, 3), (131_072, 20), (1 << 20, 3)] {
        for first in (0..all[0].len()).step_by(tile * tiles) {
            for at in (first..first + tile * tiles).step_by(tile).filter(|&at| at < all[0].len()) {
                check(0, at, tile);
                check(1, at, tile);
            }
            read_ahead().await;
        }
    }
    // Back, and on in another place; what nobody reads any more is given back.
    for at in [0, 1000, 5 << 20, (5 << 20) + 70_000] {
        check(0, at, 70_000);
        read_ahead().await;
    }
    read_ahead().await;
    check(0, (5 << 20) + 140_000, 70_000);
    // Reads that come while a window is being filled.
    spawn_local(read_ahead());
    JsFuture::from(Promise::resolve(&JsValue::NULL)).await.expect("a moment");
    for at in [3, 5, 8] {
        check(0, at, at - 3 + 2);
    }
    TabClock.sleep(Duration::from_millis(100)).await;
    check(0, 15, 70_000);
}

/// A folder of the private file system as if a person had picked it.
async fn picked(path: &str) -> PickedFolder {
    let storage = js_sys::global().unchecked_into::<web_sys::WorkerGlobalScope>().navigator().storage();
    let mut folder: FileSystemDirectoryHandle =
        JsFuture::from(storage.get_directory()).await.expect("a root").unchecked_into();
    let options = web_sys::FileSystemGetDirectoryOptions::new();
    options.set_create(true);
    for part in path.split('/') {
        let next = folder.get_directory_handle_with_options(part, &options);
        folder = JsFuture::from(next).await.expect("a folder").unchecked_into();
    }
    PickedFolder::new(folder)
}

/// A folder's files by name, with their bytes' SHA-256.
async fn contents(folder: &PickedFolder) -> Vec<(String, String)> {
    let files = folder.files().await.expect("its files");
    let read = |(name, len): (String, u64)| {
        let mut bytes = vec![0; len as usize];
        files.open(&name).expect("a file").read_at(0, &mut bytes).expect("its bytes");
        (name, sha256_hex(&bytes))
    };
    files.files().into_iter().map(read).collect()
}

#[wasm_bindgen_test]
async fn a_picked_folder_takes_whole_files_only() {
    opfs_remove("test/picked").await.expect("a clean folder");
    let folder = picked("test/picked").await;
    let bytes = noise(5 << 20);
    let write = async |name: &str, bytes: &[u8]| {
        let mut sink = folder.create(name).await.expect("a sink");
        for chunk in bytes.chunks(700_001) {
            sink.write_all(chunk).await.expect("a write");
        }
        sink
    };
    let holds = async |bytes: &[u8]| {
        assert_eq!(contents(&folder).await, [("model.safetensors".to_owned(), sha256_hex(bytes))]);
    };
    // Nothing is visible yet but the name.
    let sink = write("model.safetensors", &bytes).await;
    holds(b"").await;
    AsyncSink::finish(sink).await.expect("finished");
    holds(&bytes).await;
    // What is given up leaves the old file, and of a new one an empty name that can be removed at once.
    write("model.safetensors", b"other").await.discard().await;
    write("new.json", b"{}").await.discard().await;
    folder.remove("new.json").await.expect("removed");
    folder.remove("new.json").await.expect("removed already");
    holds(&bytes).await;
    AsyncSink::finish(write("model.safetensors", b"other").await).await.expect("finished");
    holds(b"other").await;
    drop(folder);
    opfs_remove("test/picked").await.expect("removed");
}

#[wasm_bindgen_test]
async fn the_private_file_system_keeps_blocks() {
    let store = OpfsStore::new("test/blocks");
    store.clear().await.expect("a clean folder");
    assert!(store.is_usable().await);
    let file = store.open("models/org/name", "a/model.safetensors").await.expect("a file");
    assert!(file.is_empty().expect("its length") && file.journal().expect("a journal").is_empty());
    file.write_at(5, b"world").expect("a write");
    file.write_at(0, b"hello").expect("a write");
    file.append(b"one\n").expect("a line");
    file.append(b"two\n").expect("a line");
    file.sync().expect("a flush");
    let busy =
        store.open("models/org/name", "a/model.safetensors").await.map(|_| ()).expect_err("open already");
    assert!(matches!(busy, StoreError::Busy { .. }), "{busy}");
    drop(file);
    let file = store.open("models/org/name", "a/model.safetensors").await.expect("open again");
    let mut bytes = [0; 10];
    file.read_at(0, &mut bytes).expect("a read");
    assert_eq!(
        (&bytes, file.journal().expect("a journal").as_slice()),
        (b"helloworld", b"one\ntwo\n".as_slice())
    );
    assert!(file.read_at(5, &mut [0; 6]).is_err(), "past the end");
    assert!(store.clear().await.is_err(), "what is open can't be removed");
    file.clear().expect("emptied");
    assert_eq!((file.len().expect("its length"), file.journal().expect("a journal").len()), (0, 0));
    drop(file);
    store.clear().await.expect("removed");
}

#[wasm_bindgen_test]
async fn a_sink_leaves_all_or_nothing() {
    let bytes = noise(3 << 20);
    let mut sink = Box::new(OpfsSink::create("test/out/merged.safetensors").await.expect("a sink"));
    for chunk in bytes.chunks(1 << 19) {
        sink.write_all(chunk).expect("a write");
    }
    sink.finish().expect("finished");
    let file = opfs_file("test/out/merged.safetensors").await.expect("a file to download");
    assert_eq!(file.size() as usize, bytes.len());
    {
        let source = OpfsSource::open("test/out/merged.safetensors").await.expect("a source");
        let mut read = vec![0; bytes.len()];
        source.read_at(0, &mut read).expect("a read");
        assert!(read == bytes);
        assert!(matches!(source.read_at(1, &mut read), Err(Error::Truncated { .. })));
    }
    let mut sink = OpfsSink::create("test/out/half.safetensors").await.expect("a sink");
    sink.write_all(b"half").expect("a write");
    drop(sink);
    TabClock.sleep(Duration::from_millis(200)).await;
    assert!(opfs_file("test/out/half.safetensors").await.is_err(), "half a file is left");
}

#[wasm_bindgen_test]
async fn storage_is_estimated() {
    let estimate = storage_estimate().await.expect("an estimate");
    assert!(estimate.free() > 0 && estimate.quota >= estimate.usage);
    let _granted: bool = persist().await;
}

/// The page's own server.
fn here(path: &str) -> Address {
    let origin = js_sys::Reflect::get(&js_sys::global(), &"location".into())
        .and_then(|location| js_sys::Reflect::get(&location, &"origin".into()))
        .ok()
        .and_then(|origin| origin.as_string())
        .expect("an origin");
    Address::parse(&format!("{origin}{path}")).expect("an address")
}

#[wasm_bindgen_test]
async fn fetch_answers_with_its_body_in_chunks() {
    let address = here("/wasm-bindgen-test");
    let mut answer =
        FetchTransport::default().get(&Get { address: &address, range: None }).await.expect("an answer");
    assert_eq!((answer.head.status, answer.head.elsewhere), (200, false));
    let mut len = 0;
    while let Some(chunk) = answer.body.chunk().await.expect("a chunk") {
        assert!(!chunk.is_empty());
        len += chunk.len();
    }
    assert!(len > 0);
    let absent = here("/absent");
    let answer =
        FetchTransport::default().get(&Get { address: &absent, range: Some(0..1) }).await.expect("an answer");
    assert_eq!(answer.head.status, 404);
    let nobody = Address::parse("http://127.0.0.1:1/x").expect("an address");
    let error = FetchTransport::default()
        .get(&Get { address: &nobody, range: None })
        .await
        .expect_err("nobody there");
    assert!(error.to_string().contains("CORS"), "{error}");
}

/// A client of the fake hub with what it keeps below a folder; the build names the hub.
fn fake(folder: &OpfsStore) -> Hub<FetchTransport, TabStore, TabClock> {
    let Some(endpoint) = option_env!("MAEC_FAKE_HUB") else {
        panic!("MAEC_FAKE_HUB names what `--example fake_hub` of maec-hub prints");
    };
    let endpoint = Address::parse(endpoint).expect("an address");
    let transport = FetchTransport::default().with_stall_timeout(Duration::from_secs(1));
    let retry = Retry { first_wait: Duration::from_millis(10), ..Retry::default() };
    Hub::new(transport, TabStore::Opfs(folder.clone()), TabClock, endpoint).with_retry(retry)
}

const WEIGHTS: [&str; 1] = ["model.safetensors"];

#[wasm_bindgen_test]
#[ignore = "needs the fake hub"]
async fn a_model_is_fetched_in_two_visits() {
    let store = OpfsStore::new("test/visits");
    store.clear().await.expect("a clean folder");
    let name = Remote::parse("org/plain").expect("a name");
    let stop =
        |done: u64| if done >= 4 * BLOCK_BYTES { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    {
        let hub = fake(&store);
        let files = hub.open(&name).await.expect("a model");
        let stopped = hub.fetch(&files, &WEIGHTS, |progress| stop(progress.done)).await;
        assert!(matches!(stopped, Err(maec_hub::Error::Cancelled { .. })));
    }
    let hub = fake(&store);
    let files = hub.open(&name).await.expect("a model");
    let amount = hub.amount(&files, &WEIGHTS).await.expect("a store");
    // The browser hands on several blocks at once.
    assert!(amount.cached >= 4 * BLOCK_BYTES && amount.to_fetch() > 0, "{amount:?}");
    let fetched = hub.fetch(&files, &WEIGHTS, |_| ControlFlow::Continue(())).await.expect("the rest");
    assert_eq!(fetched.bytes, amount.to_fetch());
    let source = files.open(WEIGHTS[0]).expect("a source");
    let mut bytes = vec![0; source.len() as usize];
    source.read_at(0, &mut bytes).expect("all of it");
    assert!(bytes == noise(bytes.len()));
}

#[wasm_bindgen_test]
#[ignore = "needs the fake hub"]
async fn a_hub_that_misbehaves_is_survived() {
    let store = OpfsStore::new("test/faults");
    store.clear().await.expect("a clean folder");
    let hub = fake(&store);
    for name in ["cut", "stalling", "whole", "hidden", "busy", "elsewhere"] {
        let files = hub.open(&Remote::parse(&format!("org/{name}")).expect("a name")).await.expect(name);
        hub.fetch(&files, &WEIGHTS, |_| ControlFlow::Continue(())).await.expect(name);
        assert_eq!(hub.amount(&files, &WEIGHTS).await.expect("a store").to_fetch(), 0, "{name}");
    }
    let files = hub.open(&Remote::parse("org/wrong").expect("a name")).await.expect("a model");
    let error = hub.fetch(&files, &WEIGHTS, |_| ControlFlow::Continue(())).await.expect_err("a wrong byte");
    assert!(matches!(error, maec_hub::Error::WrongHash { .. }), "{error}");
    assert_eq!(hub.amount(&files, &WEIGHTS).await.expect("a store").cached, 0, "nothing corrupt is kept");
}
