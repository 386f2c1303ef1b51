//! Merging in Chromium: tiles in memory beside one native core, and whole files beside a bare read and write.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::peers::run;
use crate::{paths, setup, web};

/// GB/s of tiles that are in memory already: `crates/merge/tests/tile_speed.rs` on one thread, natively and in Chromium's worker.
///
/// # Errors
///
/// When something can't be built, or Chromium is missing.
pub fn tiles() -> Result<()> {
    let tools = setup::wasm_tools()?;
    let driver = setup::browser()?.driver;
    let words = |profile: &[&str]| {
        let mut command = Command::new(env!("CARGO"));
        command.current_dir(paths::root()).arg("test").args(profile).args(["-p", "maec-merge"]);
        command.args(["--test", "tile_speed", "--", "--include-ignored", "--nocapture"]);
        command
    };
    let native = rates(&run(&mut words(&["--release"]))?);
    let in_browser = run(words(&["--profile", "web", "--target", "wasm32-unknown-unknown"])
        .env("WASM_BINDGEN_USE_BROWSER", "1")
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", tools.test_runner())
        .env("CHROMEDRIVER", &driver)
        .env("WASM_BINDGEN_TEST_TIMEOUT", "300"))?;
    let wasm = rates(&in_browser);
    ensure!(!native.is_empty() && native.keys().eq(wasm.keys()), "the two sides measured different things");
    println!("{:<18} {:>12} {:>14} {:>7}", "GB/s of inputs", "one core", "Chromium", "ratio");
    for (what, native) in &native {
        let wasm = wasm[what];
        println!("{what:<18} {native:>12.2} {wasm:>14.2} {:>7.2}", wasm / native);
    }
    Ok(())
}

/// The rates in a test's output, by what was measured.
fn rates(output: &[u8]) -> BTreeMap<String, f64> {
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
