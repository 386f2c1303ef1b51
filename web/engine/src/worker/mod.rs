//! The engine in a dedicated worker: its message loop, and the parts that both hosts share.

mod inbox;
#[cfg(feature = "own")]
mod out;
#[cfg(feature = "own")]
mod own;
#[cfg(feature = "own")]
mod piece;
mod scope;

#[cfg(feature = "cpu")]
pub mod cpu;
#[cfg(feature = "gpu")]
pub mod gpu;

use std::rc::Rc;
#[cfg(feature = "own")]
use std::sync::Arc;

#[cfg(feature = "own")]
use maec_checkpoint::FileSet;
#[cfg(feature = "own")]
use maec_protocol::Destination;
use maec_protocol::{FromEngine, Reply, RequestId};
use wasm_bindgen_futures::spawn_local;

use crate::{Engine, Failure, Host, Started};
#[cfg(feature = "own")]
use crate::{Folder, Remote, Words, WordsTexts};
use inbox::Inbox;

/// What the two workers do each in its own way.
trait Processor {
    /// As [`Host::GPU`].
    const GPU: bool;

    /// As [`Host::start`].
    async fn start(&self, allow_software: bool) -> Result<Started, Failure>;

    /// As [`Host::dispatches`].
    fn dispatches(&self) -> u64;
}

/// A worker as a host.
struct Worker<P> {
    inbox: Rc<Inbox>,
    processor: P,
    #[cfg(feature = "own")]
    bytes: own::Bytes,
}

impl<P: Processor> Host for Worker<P> {
    const GPU: bool = P::GPU;

    async fn start(&self, allow_software: bool) -> Result<Started, Failure> {
        self.processor.start(allow_software).await
    }

    async fn fetch(&self, url: &str) -> Result<Vec<u8>, String> {
        scope::fetch(url).await
    }

    #[cfg(feature = "own")]
    fn files(&self, id: RequestId, names: &[String]) -> Result<Arc<dyn FileSet>, Failure> {
        own::files(names, self.inbox.files(id))
    }

    #[cfg(feature = "own")]
    async fn read_ahead(&self) {
        maec_bytes::read_ahead().await;
    }

    #[cfg(feature = "own")]
    async fn folder(&self, id: RequestId, destination: Destination) -> Result<Rc<dyn Folder>, Failure> {
        out::folder(destination, self.inbox.folder(id)).await
    }

    #[cfg(feature = "own")]
    async fn remote(&self, name: &str) -> Result<Rc<dyn Remote>, Failure> {
        self.bytes.remote(name).await
    }

    #[cfg(feature = "own")]
    async fn storage_free(&self) -> Option<u64> {
        own::storage_free().await
    }

    #[cfg(feature = "own")]
    async fn words(&self, texts: WordsTexts) -> Result<Words, String> {
        piece::words(texts).await
    }

    async fn pause(&self) {
        scope::pause().await;
    }

    fn is_cancelled(&self, id: RequestId) -> bool {
        self.inbox.is_cancelled(id)
    }

    fn post(&self, message: &FromEngine, files: Vec<Vec<u8>>) {
        scope::post(message, files);
    }

    fn now(&self) -> f64 {
        scope::now()
    }

    fn memory_bytes(&self) -> u64 {
        scope::memory_bytes()
    }

    fn dispatches(&self) -> u64 {
        self.processor.dispatches()
    }

    fn lost(&self, reason: &str) {
        scope::fail(&format!("the device was lost: {reason}"));
    }
}

/// Listens, says so, and answers requests one after the other for ever.
fn serve<P: Processor + 'static>(processor: impl FnOnce(&Rc<Inbox>) -> P) {
    console_error_panic_hook::set_once();
    let inbox = Inbox::listen();
    let processor = processor(&inbox);
    let worker = Worker {
        inbox: inbox.clone(),
        processor,
        #[cfg(feature = "own")]
        bytes: own::Bytes::default(),
    };
    let mut engine = Engine::new(worker);
    scope::post(&FromEngine { id: 0, body: Reply::Loaded }, Vec::new());
    spawn_local(async move {
        loop {
            let message = inbox.next().await;
            let id = message.id;
            engine.handle(message).await;
            inbox.close(id);
        }
    });
}
