//! The CPU engine: burn's flex device in WebAssembly with SIMD.

use std::rc::Rc;

use burn::tensor::Device;
use maec_protocol::{Backend, FromEngine, RequestId};

use super::{Inbox, scope, serve};
use crate::{Failure, Host, Started};

struct Cpu {
    inbox: Rc<Inbox>,
}

/// Puts the CPU engine into this worker.
pub fn run() {
    serve(|inbox| Cpu { inbox });
}

impl Host for Cpu {
    const GPU: bool = false;

    async fn start(&self, _: bool) -> Result<Started, Failure> {
        let backend = Backend {
            name: "flex".into(),
            device: "CPU (WebAssembly SIMD)".into(),
            software: false,
            checks: Vec::new(),
        };
        Ok(Started { device: Device::flex(), backend })
    }

    async fn fetch(&self, url: &str) -> Result<Vec<u8>, String> {
        scope::fetch(url).await
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

    fn dispatches(&self) -> u64 {
        0
    }

    fn lost(&self, reason: &str) {
        scope::fail(reason);
    }
}
