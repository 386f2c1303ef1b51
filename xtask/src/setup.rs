//! Set-up: every tool found or installed, one line a step with its seconds.

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::tools::WasmTools;
use crate::{paths, system};

const WASM: &str = "wasm32-unknown-unknown";

/// Chromium and the driver that steers it.
#[derive(Debug, Clone)]
pub struct Browser {
    /// Chromium or Chrome.
    pub browser: PathBuf,
    /// `chromedriver`, of the same version.
    pub driver: PathBuf,
}

/// All that building and testing need.
///
/// # Errors
/// When a tool is missing and cannot be installed.
pub fn everything() -> Result<()> {
    wasm_tools()?;
    browser().map(|_| ())
}

/// The wasm target, trunk, wasm-bindgen and, if it may be had, wasm-opt.
///
/// # Errors
/// When a tool other than wasm-opt is missing and cannot be installed.
pub fn wasm_tools() -> Result<WasmTools> {
    step("wasm target", wasm_target)?;
    let wasm_opt = step("wasm-opt", || {
        let found = || paths::which("wasm-opt");
        if let Some(path) = found() {
            return Ok((Some(path.clone()), format!("found {}", path.display())));
        }
        announce("installing binaryen");
        let installed = system::install(&["binaryen"]);
        Ok(match installed.and_then(|()| found().context("it is not in PATH after its installation")) {
            Ok(path) => (Some(path), "installed".to_owned()),
            Err(error) => (None, format!("going on without, the wasm will be larger; {error:#}")),
        })
    })?;
    WasmTools::install(wasm_opt)
}

/// Chromium and chromedriver.
///
/// # Errors
/// When they are missing and cannot be installed.
pub fn browser() -> Result<Browser> {
    step("chromium", || {
        if let Some(found) = find_browser() {
            let line = format!("found {} and {}", found.browser.display(), found.driver.display());
            return Ok((found, line));
        }
        announce("installing chromium and chromium-driver");
        system::install(&["chromium", "chromium-driver"])
            .context("the browser tests need Chromium and chromedriver (`--no-browser` leaves them out)")?;
        let found =
            find_browser().context("chromium or chromedriver is not in PATH after its installation")?;
        Ok((found, "installed".to_owned()))
    })
}

/// Chromium and chromedriver in `PATH`; a lone one of them does not count.
pub fn find_browser() -> Option<Browser> {
    let browser = ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(paths::which)?;
    Some(Browser { browser, driver: paths::which("chromedriver")? })
}

/// A Vulkan driver: a GPU's, or Mesa's software one.
///
/// # Errors
/// When there is none and it cannot be installed.
pub fn vulkan() -> Result<()> {
    step("vulkan driver", || {
        if system::has_vulkan_driver() {
            return Ok(((), "found".to_owned()));
        }
        announce("installing mesa-vulkan-drivers");
        system::install(&["mesa-vulkan-drivers", "libvulkan1"])
            .context("the GPU test needs a Vulkan driver")?;
        Ok(((), "installed Mesa's software Vulkan".to_owned()))
    })
}

/// rustup adds the target by itself (rust-toolchain.toml names it); other toolchains are told what to do.
fn wasm_target() -> Result<((), String)> {
    let installed = || -> Result<bool> {
        let output = Command::new("rustc")
            .args(["--print", "target-libdir", "--target", WASM])
            .current_dir(paths::root())
            .output()
            .context("running rustc")?;
        Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
    };
    if installed()? {
        return Ok(((), "found".to_owned()));
    }
    let added = Command::new("rustup").args(["target", "add", WASM]).current_dir(paths::root()).status();
    ensure!(
        added.is_ok_and(|status| status.success()) && installed()?,
        "Rust's target {WASM} is missing: run `rustup target add {WASM}`"
    );
    Ok(((), "added".to_owned()))
}

/// Runs one step and prints `name: what came out (seconds)`.
///
/// # Errors
/// The step's own, with its name.
pub fn step<T>(name: &str, work: impl FnOnce() -> Result<(T, String)>) -> Result<T> {
    let start = Instant::now();
    let (value, outcome) = work().with_context(|| name.to_owned())?;
    println!("{:>7.1} s  {name}: {outcome}", start.elapsed().as_secs_f64());
    Ok(value)
}

/// Says what a slow step is about to do.
pub fn announce(what: &str) {
    println!("         … {what}");
}
