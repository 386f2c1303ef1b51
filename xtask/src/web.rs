//! The web build: trunk makes `dist/`, wasm-opt makes it small.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::tools::WasmTools;
use crate::{paths, setup, wasm_opt};

/// The modules of the studio and how each is optimised: for size, and the CPU engine, which does arithmetic, for
/// speed.
pub const MODULES: [Module; 3] = [
    Module { name: "maec-studio", what: "page", level: "-Oz", budget: 350_000 },
    Module { name: "engine-cpu", what: "CPU engine", level: "-O3", budget: 600_000 },
    Module { name: "engine-gpu", what: "GPU engine", level: "-Oz", budget: 2_500_000 },
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
    pub fn path(&self) -> std::path::PathBuf {
        paths::dist().join(format!("{}_bg.wasm", self.name))
    }
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
