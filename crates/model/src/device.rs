//! Which device to compute on, by the names people type.

use std::str::FromStr;

use burn::tensor::Device;
use thiserror::Error;

/// Why a device can't be had.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum DeviceError {
    /// No device has this name.
    #[error("unknown device `{0}`: use cpu, wgpu or cuda")]
    Unknown(String),
    /// The program was built without it.
    #[error("this build has no {device} support: build it with `--features {device}`")]
    NotBuilt {
        /// The feature and device name.
        device: &'static str,
    },
}

/// A device to compute on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceKind {
    /// burn's flex device with this crate's fused kernels.
    Cpu,
    /// Vulkan, Metal, DX12 or WebGPU through wgpu.
    Wgpu,
    /// An NVIDIA GPU.
    Cuda,
}

impl FromStr for DeviceKind {
    type Err = DeviceError;

    fn from_str(name: &str) -> Result<Self, DeviceError> {
        match name {
            "cpu" => Ok(Self::Cpu),
            "wgpu" => Ok(Self::Wgpu),
            "cuda" => Ok(Self::Cuda),
            other => Err(DeviceError::Unknown(other.to_owned())),
        }
    }
}

impl DeviceKind {
    /// Opens the device. In a browser, initialise wgpu asynchronously first.
    ///
    /// # Errors
    /// When this build has no support for it.
    pub fn open(self) -> Result<Device, DeviceError> {
        match self {
            Self::Cpu => Ok(Device::flex()),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Ok(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
            #[cfg(not(feature = "wgpu"))]
            Self::Wgpu => Err(DeviceError::NotBuilt { device: "wgpu" }),
            #[cfg(feature = "cuda")]
            Self::Cuda => Ok(Device::cuda(0)),
            #[cfg(not(feature = "cuda"))]
            Self::Cuda => Err(DeviceError::NotBuilt { device: "cuda" }),
        }
    }
}
