//! A hub on this computer that misbehaves as told, for tests of programs that fetch.
//!
//! It answers what the real one answers of `/api/models/<id>/revision/<rev>` and `/<id>/resolve/<rev>/<path>`, and plain files under any
//! other path; ranges, ETags and the headers that let pages of other sites read. A [`Fault`] makes chosen requests go wrong.

mod answer;
mod request;

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use maec_checkpoint::sha256_hex;

use crate::hash::Hasher;
use crate::{Address, Digest};
pub use request::Seen;

/// What goes wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Another status, with an empty body.
    Status(u16),
    /// Another status, with `Retry-After` in seconds.
    RetryAfter(u16, u64),
    /// The whole file with status 200, though a part was asked for.
    WholeFile,
    /// The connection is closed after so many bytes of the body.
    CutAfter(u64),
    /// Nothing more comes after so many bytes of the body.
    StallAfter(u64),
    /// The file has another ETag for this request.
    OtherEtag,
    /// The body has one wrong byte in its middle.
    WrongByte,
    /// `Content-Length` promises so many bytes more than come.
    LongerLength(u64),
    /// `Content-Range` and `Content-Length` speak of a file with so many bytes more.
    LongerTotal(u64),
    /// No more than so many bytes of the part asked for, honestly labelled.
    AtMost(u64),
    /// The part that begins one byte later.
    NextByte,
    /// No `Content-Range`, as where it is hidden from other sites.
    NoContentRange,
    /// A redirect to an address.
    Redirect(String),
    /// Bytes that are not HTTP.
    Garbage,
}

/// A server on a free port of 127.0.0.1, which ends when dropped.
#[derive(Debug)]
pub struct FakeHub {
    at: SocketAddr,
    shared: Arc<Shared>,
    server: Option<thread::JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    inner: Mutex<Inner>,
    served: AtomicU64,
    stop: AtomicBool,
}

#[derive(Debug, Default)]
struct Inner {
    /// Listing and commit of each repository.
    repositories: BTreeMap<String, Repository>,
    /// Files by path.
    files: BTreeMap<String, Arc<Vec<u8>>>,
    /// Part of a path, what goes wrong, how often still.
    faults: Vec<(String, Fault, u32)>,
    seen: Vec<Seen>,
}

#[derive(Debug)]
struct Repository {
    commit: String,
    siblings: Vec<String>,
}

impl Shared {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FakeHub {
    /// Starts an empty hub.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let at = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let state = Arc::clone(&shared);
        let server = thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if state.stop.load(Ordering::Relaxed) {
                    return;
                }
                let state = Arc::clone(&state);
                thread::spawn(move || answer::serve(stream, &state));
            }
        });
        Ok(Self { at, shared, server: Some(server) })
    }

    /// Its address, without a slash at the end: the value of `HF_ENDPOINT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.at)
    }

    /// As [`url`](Self::url), parsed.
    ///
    /// # Panics
    /// Never: the address is a good one.
    pub fn endpoint(&self) -> Address {
        Address::parse(&self.url()).expect("an address of this computer")
    }

    /// Adds a repository, or the next commit of one: gives the commit. A dataset's id is `datasets/org/name`. Files that end in `.safetensors` are listed with their SHA-256, others
    /// with git's hash, as on the real hub.
    pub fn repository(&self, id: &str, files: &[(&str, Vec<u8>)]) -> String {
        let siblings: Vec<String> = files.iter().map(|(path, bytes)| sibling(path, bytes)).collect();
        let commit = sha256_hex(siblings.concat().as_bytes())[..40].to_owned();
        let mut inner = self.shared.inner();
        for (path, bytes) in files {
            inner.files.insert(format!("/{id}/resolve/{commit}/{path}"), Arc::new(bytes.clone()));
        }
        inner.repositories.insert(id.into(), Repository { commit: commit.clone(), siblings });
        commit
    }

    /// Adds an entry to a repository's listing: JSON as the API has it.
    pub fn list_also(&self, id: &str, sibling: &str) {
        if let Some(repository) = self.shared.inner().repositories.get_mut(id) {
            repository.siblings.push(sibling.into());
        }
    }

    /// Adds or replaces a plain file; gives its URL. `path` begins with `/`.
    pub fn file(&self, path: &str, bytes: Vec<u8>) -> String {
        self.shared.inner().files.insert(path.into(), Arc::new(bytes));
        format!("{}{path}", self.url())
    }

    /// Makes the next `times` requests go wrong whose path contains `path`. Faults of one path come one after another.
    pub fn fault(&self, path: &str, fault: Fault, times: u32) {
        self.shared.inner().faults.push((path.into(), fault, times));
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.inner().seen.clone()
    }

    /// Bytes of bodies sent so far.
    pub fn bytes_served(&self) -> u64 {
        self.shared.served.load(Ordering::Relaxed)
    }
}

impl Drop for FakeHub {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for connections.
        if let (Ok(_), Some(server)) = (TcpStream::connect(self.at), self.server.take()) {
            let _ = server.join();
        }
    }
}

/// A file's entry in a listing.
fn sibling(path: &str, bytes: &[u8]) -> String {
    let size = bytes.len();
    let mut hasher = Hasher::new(&Digest::GitBlob([0; 20]), size as u64);
    hasher.update(bytes);
    let blob = match hasher.finish() {
        Digest::GitBlob(hash) => hash.iter().map(|byte| format!("{byte:02x}")).collect(),
        Digest::Sha256(_) => String::new(),
    };
    let mut entry = serde_json::json!({ "rfilename": path, "size": size, "blobId": blob });
    if path.ends_with(".safetensors") {
        entry["lfs"] = serde_json::json!({ "sha256": sha256_hex(bytes), "size": size, "pointerSize": 134 });
    }
    entry.to_string()
}
