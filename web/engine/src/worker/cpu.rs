//! The CPU engine: burn's flex device in WebAssembly with SIMD.

use burn::tensor::Device;
use maec_model::Storage;
use maec_protocol::Backend;

use super::{Processor, serve};
use crate::{Failure, Started};

/// Bytes of weights that fit WebAssembly's 4 GiB beside keys, values and what else is at work.
const WEIGHT_BYTES: u64 = 3 << 30;

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
        let (storage, memory_bytes) = (Storage::default(), Some(WEIGHT_BYTES));
        Ok(Started { device: Device::flex(), backend, storage, memory_bytes })
    }

    fn dispatches(&self) -> u64 {
        0
    }
}
