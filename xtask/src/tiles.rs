//! Merging in Chromium: tiles in memory beside one native core, and whole files beside a bare read and write.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::peers::run;
use crate::webgpu_tiles::WebGpu;
use crate::{paths, setup, web};

/// GB/s of tiles that are in memory already: `crates/merge/tests/tile_speed.rs` on one thread, natively and in Chromium's worker,
/// and its neighbour with the merge's kernels on WebGPU there, where Chromium has an adapter.
///
/// # Errors
///
/// When something can't be built, Chromium is missing, or the kernels' merge is not the CPU's.
pub fn tiles() -> Result<()> {
    let wasm = Wasm { runner: setup::wasm_tools()?.test_runner(), driver: setup::browser()?.driver };
    let native = rates(&run(&mut test("tile_speed", &["--release"]))?);
    let chromium = rates(&run(&mut wasm.test("tile_speed", &[]))?);
    let webgpu = WebGpu::measure(&wasm)?;
    ensure!(
        !native.is_empty() && native.keys().eq(chromium.keys()),
        "the two sides measured different things"
    );
    println!("{:<18} {:>12} {:>14} {:>7}", "GB/s of inputs", "one core", "Chromium", "ratio");
    for (what, native) in &native {
        let chromium = chromium[what];
        println!("{what:<18} {native:>12.2} {chromium:>14.2} {:>7.2}", chromium / native);
    }
    println!();
    let of_maec = |rates: &BTreeMap<String, f64>| rates.get("maec").copied().context("MAEC was not measured");
    match webgpu {
        Some(webgpu) => webgpu.print(of_maec(&native)?, of_maec(&chromium)?),
        None => {
            println!("MAEC on WebGPU: not measured, this Chromium has no adapter");
            Ok(())
        }
    }
}

/// A test of the merge's that measures, natively unless `words` say otherwise.
fn test(name: &str, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(paths::root()).arg("test").args(words).args(["-p", "maec-merge", "--test", name]);
    command.args(["--", "--include-ignored", "--nocapture"]);
    command
}

/// What runs tests in Chromium.
pub(crate) struct Wasm {
    runner: PathBuf,
    driver: PathBuf,
}

impl Wasm {
    /// A test of the merge's that measures, in Chromium's worker.
    pub(crate) fn test(&self, name: &str, words: &[&str]) -> Command {
        let in_wasm = ["--profile", "web", "--target", "wasm32-unknown-unknown"];
        let mut command = test(name, &[&in_wasm, words].concat());
        command
            .env("WASM_BINDGEN_USE_BROWSER", "1")
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", &self.runner)
            .env("CHROMEDRIVER", &self.driver)
            .env("WASM_BINDGEN_TEST_TIMEOUT", "300");
        command
    }
}

/// The rates in a test's output, by what was measured.
pub(crate) fn rates(output: &[u8]) -> BTreeMap<String, f64> {
    let text = String::from_utf8_lossy(output);
    let rate = |line: &str| {
        let (what, rate) = line.trim().strip_prefix("tiles ")?.strip_suffix(" GB/s")?.rsplit_once(' ')?;
        Some((what.to_owned(), rate.parse().ok()?))
    };
    text.lines().filter_map(rate).collect()
}

/// Seconds of merging files of the origin's private storage in the shipped engine, beside reading and writing as many bytes.
///
/// # Errors
///
/// When the studio can't be built, or Chromium is missing.
pub fn files() -> Result<()> {
    web::build(&setup::wasm_tools()?)?;
    setup::browser()?;
    let status = Command::new(env!("CARGO"))
        .args(["bench", "-p", "maec-tests", "--features", "browser", "--bench", "tab"])
        .current_dir(paths::root())
        .status()
        .context("running cargo")?;
    ensure!(status.success(), "the benchmark failed: see its output above");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_found_among_other_lines() {
        let output = b"running 1 test\ntiles ties 0.351 GB/s\n    tiles sha-256 1.5 GB/s\ntest tiles_in_memory ... ok\n";
        let expected = BTreeMap::from([("ties".to_owned(), 0.351), ("sha-256".to_owned(), 1.5)]);
        assert_eq!(rates(output), expected);
    }
}
