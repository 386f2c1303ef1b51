//! What the engine needs of the world that it runs in.

use std::future::Future;

use burn::tensor::Device;
use maec_protocol::{Backend, FromEngine, RequestId};

use crate::Failure;

/// A device that computes, and what is known of it.
#[derive(Debug, Clone)]
pub struct Started {
    /// Where models run.
    pub device: Device,
    /// What the page is told.
    pub backend: Backend,
}

/// Time, files, messages and a device.
pub trait Host {
    /// Models are merged and run on another device than the CPU, which is checked against it.
    const GPU: bool;

    /// Brings the device up; on a GPU, checks its kernels.
    fn start(&self, allow_software: bool) -> impl Future<Output = Result<Started, Failure>>;

    /// The bytes behind an absolute URL, or a sentence that says why there are none.
    fn fetch(&self, url: &str) -> impl Future<Output = Result<Vec<u8>, String>>;

    /// Lets messages come in, such as a cancellation.
    fn pause(&self) -> impl Future<Output = ()>;

    /// Whether the page has cancelled this request.
    fn is_cancelled(&self, id: RequestId) -> bool;

    /// Posts a message with the files that it speaks of.
    fn post(&self, message: &FromEngine, files: Vec<Vec<u8>>);

    /// Milliseconds since some moment.
    fn now(&self) -> f64;

    /// GPU dispatches since the start; 0 without a GPU.
    fn dispatches(&self) -> u64;

    /// The device failed in the midst of work: end, so that the page starts another engine and asks again.
    fn lost(&self, reason: &str);
}
