//! The GPU engine: burn's wgpu device on the browser's WebGPU.

mod watch;

use burn::tensor::Device;
use burn::tensor::wgpu::{WgpuBackend, WgpuInitError, wgpu};
use maec_model::{Precision, Storage};
use maec_protocol::Backend;

use super::{Processor, serve};
use crate::checks::check_kernels;
use crate::{Failure, Started};
use watch::Watch;

struct Gpu {
    watch: Watch,
}

/// Puts the GPU engine into this worker.
pub fn run() {
    serve(|inbox| Gpu { watch: Watch::install(inbox.clone()) });
}

impl Processor for Gpu {
    const GPU: bool = true;

    async fn start(&self, allow_software: bool) -> Result<Started, Failure> {
        let adapter = watch::probe().await.map_err(Failure::Unusable)?;
        if adapter.software && !allow_software {
            let message = format!("The browser offers only a software adapter ({}).", adapter.name);
            return Err(Failure::Unusable(message));
        }
        let options = Device::wgpu_options().graphics_api(WgpuBackend::WebGpu);
        let (device, setup) = options.init_with_setup_async().await.map_err(|error| unusable(&error))?;
        let info = setup.adapter.get_info();
        let checks = check_kernels(&device, &disturb).await?;
        let backend = Backend {
            name: "wgpu".into(),
            device: adapter.name,
            software: adapter.software || info.device_type == wgpu::DeviceType::Cpu,
            checks,
        };
        // How much memory a graphics card has, browsers do not say.
        Ok(Started { device, backend, storage: storage(&setup.device), memory_bytes: None })
    }

    fn dispatches(&self) -> u64 {
        self.watch.dispatches()
    }
}

/// What the device can bind at once, and whether it computes in f16.
fn storage(device: &wgpu::Device) -> Storage {
    let limits = device.limits();
    let bytes = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
    Storage {
        max_tensor_bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
        matrices: match device.features().contains(wgpu::Features::SHADER_F16) {
            true => Precision::F16,
            false => Precision::F32,
        },
    }
}

fn unusable(error: &WgpuInitError) -> Failure {
    Failure::Unusable(format!("The GPU does not start: {error}."))
}

/// Nothing, but in the build that the browser tests ask for, where one kernel answers wrong.
fn disturb(kernel: &str, values: burn::tensor::Tensor<1>) -> burn::tensor::Tensor<1> {
    if cfg!(feature = "wrong-kernel") && kernel == "rms_norm" { values * 1.01 } else { values }
}
