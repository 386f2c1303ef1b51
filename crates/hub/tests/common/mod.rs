//! A hub that misbehaves, a client of it whose waits pass at once, and a model to fetch.
#![allow(dead_code, reason = "every test program uses a part of it")]

use std::future::Future;
use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use maec_checkpoint::{Dtype, FileSet, MemorySink, ModelFolder, TensorInfo, Weights, write_safetensors};
use maec_hub::fake::FakeHub;
use maec_hub::native::{FileStore, Token, UreqTransport};
use maec_hub::{BlockFile, Clock, Error, Hub, MemoryStore, Progress, Remote, RemoteFiles, Retry, Store};

/// A clock whose waits end at once and are counted.
#[derive(Debug, Clone, Default)]
pub struct TestClock(Arc<Mutex<Duration>>);

impl TestClock {
    /// Time that was waited in all.
    pub fn waited(&self) -> Duration {
        *self.0.lock().expect("no panic")
    }
}

impl Clock for TestClock {
    fn now(&self) -> Duration {
        self.waited()
    }

    async fn sleep(&self, time: Duration) {
        *self.0.lock().expect("no panic") += time;
    }
}

pub type TestHub<S> = Hub<UreqTransport, S, TestClock>;

pub const TOKEN: &str = "hf_VerySecretToken";
/// How long the client waits for a silent server.
pub const STALL: Duration = Duration::from_millis(300);

pub fn client<S: Store>(fake: &FakeHub, store: S) -> (TestHub<S>, TestClock) {
    let token = Token::new(TOKEN).expect("a token");
    let transport =
        UreqTransport::new(fake.endpoint(), Some(token)).expect("this computer").with_stall_timeout(STALL);
    let clock = TestClock::default();
    let retry = Retry { tries: 4, ..Retry::default() };
    (Hub::new(transport, store, clock.clone(), fake.endpoint()).with_retry(retry), clock)
}

pub fn block_on<F: Future>(future: F) -> F::Output {
    pollster::block_on(future)
}

/// Bytes without a pattern that blocks share.
pub fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut x = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let step = |_| {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x as u8
    };
    (0..len).map(step).collect()
}

/// A safetensors file with one BF16 matrix of `rows` × 1024.
pub fn weights(name: &str, rows: usize, seed: u64) -> Vec<u8> {
    let tensors = [TensorInfo { name: name.into(), dtype: Dtype::BF16, shape: vec![rows, 1024] }];
    let data = noise(rows * 2048, seed);
    let mut sink = MemorySink::new();
    write_safetensors(&mut sink, &tensors, &Default::default(), &mut |_, write| write(&data))
        .expect("memory");
    sink.take()
}

pub const MODEL: &str = "org/tiny";
/// Rows of 2 KiB: 4 MiB, 16 blocks.
pub const ROWS: usize = 2048;

/// Files of a model whose weights are a little longer than 16 blocks.
pub fn model() -> &'static [(&'static str, Vec<u8>)] {
    static MODEL: LazyLock<Vec<(&'static str, Vec<u8>)>> = LazyLock::new(new_model);
    &MODEL
}

fn new_model() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        (".gitattributes", b"*.safetensors filter=lfs".to_vec()),
        ("README.md", b"# Tiny".to_vec()),
        ("config.json", br#"{"model_type":"llama"}"#.to_vec()),
        ("model.safetensors", weights("model.embed_tokens.weight", ROWS, 1)),
        ("onnx/model.onnx", noise(100_000, 2)),
    ]
}

/// The file that tests cut, stall and change.
pub const WEIGHTS: &str = "model.safetensors";

pub fn weights_len() -> u64 {
    model()[3].1.len() as u64
}

/// A hub with [`model`], its commit, and a client with a store in memory.
pub fn tiny() -> (FakeHub, String, TestHub<MemoryStore>, TestClock) {
    let fake = FakeHub::start().expect("a free port");
    let commit = fake.repository(MODEL, model());
    let (hub, clock) = client(&fake, MemoryStore::default());
    (fake, commit, hub, clock)
}

pub fn remote(text: &str) -> Remote {
    Remote::parse(text).expect(text)
}

/// Opens and fetches the weights.
pub fn fetch<S: Store>(hub: &TestHub<S>) -> Result<Arc<RemoteFiles<S::File>>, Error> {
    block_on(async {
        let files = hub.open(&remote(MODEL)).await?;
        hub.fetch(&files, &[WEIGHTS], on).await?;
        Ok(files)
    })
}

/// Never stops.
pub fn on(_: &Progress<'_>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// A file as it can be read; `None` where a part is absent.
pub fn read<F: BlockFile + 'static>(files: &RemoteFiles<F>, path: &str) -> Option<Vec<u8>> {
    let source = files.open(path).expect("a listed file");
    let mut bytes = vec![0; source.len() as usize];
    source.read_at(0, &mut bytes).ok().map(|()| bytes)
}

/// Bytes of a file that can be read, block by block.
pub fn readable<F: BlockFile + 'static>(files: &RemoteFiles<F>, path: &str) -> u64 {
    let source = files.open(path).expect("a listed file");
    let starts = (0..source.len()).step_by(maec_hub::BLOCK_BYTES as usize);
    let readable = starts.map(|at| {
        let len = maec_hub::BLOCK_BYTES.min(source.len() - at);
        let read = source.read_at(at, &mut vec![0; len as usize]);
        if read.is_ok() { len } else { 0 }
    });
    readable.sum()
}

/// Names and shapes from the headers alone.
pub fn look<S: Store>(
    hub: &TestHub<S>,
    files: &RemoteFiles<S::File>,
) -> Result<Vec<(String, Vec<usize>)>, Error> {
    let folder = block_on(hub.look(files, || ModelFolder::from_files(files)))?;
    Ok(folder.tensors().iter().map(|info| (info.name.clone(), info.shape.clone())).collect())
}

/// An empty folder and a store in it.
pub fn disk() -> (tempfile::TempDir, FileStore) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = FileStore::new(folder.path());
    (folder, store)
}

/// Fails where an error has several lines, shows the token, or does not name the thing.
#[track_caller]
pub fn check_message(error: &Error, names: &str) {
    let (shown, debug) = (error.to_string(), format!("{error:?}"));
    assert!(!shown.contains('\n') && !shown.contains(TOKEN) && !debug.contains(TOKEN), "{shown} {debug}");
    assert!(shown.contains(names), "{shown}");
}
