//! The web build: trunk makes `dist/`, wasm-opt makes it small.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::tools::WasmTools;
use crate::{paths, setup, wasm_opt};

/// The modules of the studio and how each is optimised: for size, and the CPU engines, which do arithmetic, for
/// speed. The CPU engine for models of one's own, and the tokenizers, are fetched only where someone opens such a model; that engine
/// has 50 kB more than a megabyte since it reads adapters and joins vocabularies as the companion does, by the same code.
pub const MODULES: [Module; 5] = [
    Module { name: "maec-studio", what: "page", level: "-Oz", budget: 350_000 },
    Module { name: "engine-cpu", what: "CPU engine", level: "-O3", budget: 600_000 },
    Module { name: "engine-own", what: "own models", level: "-O3", budget: 1_050_000 },
    Module { name: "engine-gpu", what: "GPU engine", level: "-Oz", budget: 2_500_000 },
    Module { name: "tokenizer", what: "tokenizers", level: "-Oz", budget: 750_000 },
];

/// One wasm module in `dist/`.
#[derive(Debug, Clone, Copy)]
pub struct Module {
    /// The binary's name; the file is `{name}_bg.wasm`.
    pub name: &'static str,
    /// What people call it.
    pub what: &'static str,
    /// wasm-opt's level.
    pub level: &'static str,
    /// The most it may weigh, in bytes of brotli.
    pub budget: u64,
}

impl Module {
    /// Where the module lies once built.
    pub fn path(&self) -> PathBuf {
        paths::dist().join(format!("{}_bg.wasm", self.name))
    }
}

/// Where [`build_wrong_engine`] leaves the engine that answers wrong.
pub fn wrong_engine() -> PathBuf {
    paths::target().join("wrong-engine")
}

/// Builds the GPU engine with one wrong kernel, for the test that its start-up check finds it.
///
/// # Errors
/// When the build fails.
pub fn build_wrong_engine(tools: &WasmTools) -> Result<()> {
    setup::step("GPU engine with a wrong kernel", || {
        let status = Command::new("cargo")
            .args(["build", "--profile", "web", "--target", "wasm32-unknown-unknown", "-p", "maec-engine"])
            .args(["--bin", "engine-gpu", "--features", "gpu,own,wrong-kernel"])
            .current_dir(paths::root())
            .status()
            .context("running cargo")?;
        ensure!(status.success(), "the build failed: see cargo's output above");
        let module = paths::target().join("wasm32-unknown-unknown/web/engine-gpu.wasm");
        let status = Command::new(&tools.wasm_bindgen)
            .args(["--target", "web", "--no-typescript", "--out-dir"])
            .args([&wrong_engine(), &module])
            .status()
            .context("running wasm-bindgen")?;
        ensure!(status.success(), "wasm-bindgen failed: see its output above");
        Ok(((), wrong_engine().display().to_string()))
    })
}

/// Builds the page, its engines and the demo pack into `dist/`.
///
/// # Errors
/// When the build fails or wasm-opt refuses a module.
pub fn build(tools: &WasmTools) -> Result<()> {
    setup::announce("building the studio");
    setup::step("web build", || {
        let status = Command::new(&tools.trunk)
            .args(["build", "--skip-version-check"])
            .env("PATH", tools.path_variable()?)
            .current_dir(paths::root())
            .status()
            .context("running trunk")?;
        ensure!(status.success(), "the web build failed: see trunk's output above");
        Ok(((), paths::dist().display().to_string()))
    })?;
    let Some(program) = &tools.wasm_opt else { return Ok(()) };
    for module in MODULES {
        setup::step(&format!("wasm-opt {} {}", module.level, module.name), || {
            let (before, after) = wasm_opt::optimise(program, &module.path(), module.level)?;
            Ok(((), format!("{} kB → {} kB", before / 1000, after / 1000)))
        })?;
    }
    Ok(())
}
