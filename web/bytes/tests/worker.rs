//! In a worker of a real browser: `cargo test --target wasm32-unknown-unknown -p maec-bytes` with `wasm-bindgen-test-runner`,
//! and `-- --include-ignored` where a fake hub runs.
#![cfg(target_arch = "wasm32")]

use std::ops::ControlFlow;
use std::time::Duration;

use js_sys::{Array, Uint8Array};
use maec_bytes::{
    BlobSource, DroppedFiles, FetchTransport, OpfsSink, OpfsSource, OpfsStore, TabClock, TabStore, opfs_file,
    persist, storage_estimate,
};
use maec_checkpoint::{ByteSink, ByteSource, Error, FileSet};
use maec_hub::{
    Address, BLOCK_BYTES, BlockFile, Body, Clock, Get, Hub, Remote, Retry, Store, StoreError, Transport,
};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
use web_sys::Blob;

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
