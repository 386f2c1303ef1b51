//! What the engine needs of the world that it runs in.

use std::future::Future;
#[cfg(feature = "own")]
use std::{rc::Rc, sync::Arc};

use burn::tensor::Device;
use maec_checkpoint::Weights;
use maec_model::{Storage, kernels};
#[cfg(feature = "own")]
use maec_protocol::Destination;
use maec_protocol::{Backend, FromEngine, RequestId};

use crate::Failure;
#[cfg(feature = "own")]
use crate::{Folder, Remote, Words, WordsTexts};

/// A device that computes, and what is known of it.
#[derive(Debug, Clone)]
pub struct Started {
    /// Where models run.
    pub device: Device,
    /// What the page is told.
    pub backend: Backend,
    /// How models that people bring are kept on the device.
    pub storage: Storage,
    /// Bytes of weights that there is memory for, where that is known.
    pub memory_bytes: Option<u64>,
}

impl Started {
    /// How these weights are kept: the CPU takes bf16 as it is.
    pub fn storage_of(&self, weights: &dyn Weights) -> Storage {
        match kernels::runs_on_flex(&self.device) {
            true => Storage { matrices: Storage::on_cpu(weights).matrices, ..self.storage },
            false => self.storage,
        }
    }
}

/// Time, files, messages and a device.
pub trait Host {
    /// Models are merged and run on another device than the CPU, which is checked against it.
    const GPU: bool;

    /// Brings the device up; on a GPU, checks its kernels.
    fn start(&self, allow_software: bool) -> impl Future<Output = Result<Started, Failure>>;

    /// The bytes behind an absolute URL, or a sentence that says why there are none.
    fn fetch(&self, url: &str) -> impl Future<Output = Result<Vec<u8>, String>>;

    /// The files that came with a request, under these names.
    #[cfg(feature = "own")]
    fn files(&self, id: RequestId, names: &[String]) -> Result<Arc<dyn maec_checkpoint::FileSet>, Failure>;

    /// Brings what will be read next of files that are read from front to back; called between the steps of a merge.
    #[cfg(feature = "own")]
    fn read_ahead(&self) -> impl Future<Output = ()> {
        async {}
    }

    /// The folder that a request's files go into; [`Destination::Private`] is made empty first.
    #[cfg(feature = "own")]
    fn folder(
        &self,
        id: RequestId,
        destination: Destination,
    ) -> impl Future<Output = Result<Rc<dyn Folder>, Failure>>;

    /// Finds out what is behind a hub name or a URL; nothing large moves.
    #[cfg(feature = "own")]
    fn remote(&self, name: &str) -> impl Future<Output = Result<Rc<dyn Remote>, Failure>>;

    /// Free bytes of the storage that fetched files are kept in, where that is known.
    #[cfg(feature = "own")]
    fn storage_free(&self) -> impl Future<Output = Option<u64>>;

    /// Makes a tokenizer, or says in a line why it can't.
    #[cfg(feature = "own")]
    fn words(&self, texts: WordsTexts) -> impl Future<Output = Result<Words, String>>;

    /// Lets messages come in, such as a cancellation.
    fn pause(&self) -> impl Future<Output = ()>;

    /// Whether the page has cancelled this request.
    fn is_cancelled(&self, id: RequestId) -> bool;

    /// Posts a message with the files that it speaks of.
    fn post(&self, message: &FromEngine, files: Vec<Vec<u8>>);

    /// Milliseconds since some moment.
    fn now(&self) -> f64;

    /// Bytes of memory that the engine holds; 0 where the host does not know.
    fn memory_bytes(&self) -> u64 {
        0
    }

    /// GPU dispatches since the start; 0 without a GPU.
    fn dispatches(&self) -> u64;

    /// The device failed in the midst of work: end, so that the page starts another engine and asks again.
    fn lost(&self, reason: &str);
}
