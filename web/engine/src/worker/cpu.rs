//! The CPU engine: burn's flex device in WebAssembly with SIMD.

use burn::tensor::Device;
use maec_protocol::Backend;

use super::{Processor, serve};
use crate::{Failure, Started};

struct Cpu;

/// Puts the CPU engine into this worker.
pub fn run() {
    serve(|_| Cpu);
}

impl Processor for Cpu {
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

    fn dispatches(&self) -> u64 {
        0
    }
}
