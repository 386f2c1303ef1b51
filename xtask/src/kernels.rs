//! Speed of the merge's GPU kernels.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{paths, setup};

/// Bytes a second of the kernels on wgpu, or on an NVIDIA GPU through CUDA, beside a copy on the same device.
///
/// # Errors
///
/// When the benchmark can't be built or run.
pub fn bench(cuda: bool) -> Result<()> {
    let runtime = if cuda { "cubecl/cuda" } else { "cubecl/wgpu" };
    if !cuda {
        setup::vulkan()?;
    }
    let features = format!("kernels,cubecl/std,{runtime}");
    let words = ["bench", "-p", "maec-merge", "--features", &features, "--bench", "kernels"];
    let status = Command::new(env!("CARGO")).args(words).current_dir(paths::root()).status();
    ensure!(status.context("starting cargo")?.success(), "the benchmark failed: see above");
    Ok(())
}
