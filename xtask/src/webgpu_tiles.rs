//! The merge's kernels on WebGPU in headless Chromium, on the tiles of `crate::tiles`.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::tiles::{Wasm, rates};
use crate::{paths, peers};

/// What was measured, in the order that it is printed in.
const ROWS: [&str; 4] = ["statistics", "merge", "both", "both, with upload and read-back"];

/// For headless Chromium to use a graphics card (on Linux it is reached through Vulkan), and its software adapter where there is none.
const FLAGS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-unsafe-webgpu",
    "--enable-features=Vulkan",
    "--disable-vulkan-surface",
];

/// WebGPU's rates, and of what.
pub(crate) struct WebGpu {
    /// The adapter's name.
    adapter: String,
    /// It computes on the CPU.
    software: bool,
    /// GB/s of all models' bytes.
    rates: BTreeMap<String, f64>,
}

impl WebGpu {
    /// Measures on the graphics card or, where Chromium has none, on its software adapter; nothing where it has neither.
    ///
    /// # Errors
    ///
    /// When the kernels can't be built, or their results are not the CPU's.
    pub(crate) fn measure(wasm: &Wasm) -> Result<Option<Self>> {
        let capabilities = paths::target().join("tile_speed_webgpu.json");
        fs::write(&capabilities, json!({ "goog:chromeOptions": { "args": FLAGS } }).to_string())
            .with_context(|| format!("writing {}", capabilities.display()))?;
        let mut test = wasm.test("tile_speed_webgpu", &["--features", "kernels,cubecl/std,cubecl/wgpu"]);
        Self::parse(&peers::run(test.env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", &capabilities))?)
    }

    /// What the test printed; nothing where it found no adapter.
    fn parse(output: &[u8]) -> Result<Option<Self>> {
        let text = String::from_utf8_lossy(output);
        let line = text.lines().find_map(|line| line.trim().strip_prefix("webgpu "));
        let (software, adapter) = match line.and_then(|line| line.split_once(' ').or(Some((line, "")))) {
            Some(("none", _)) => return Ok(None),
            Some(("software", name)) => (true, name),
            Some(("hardware", name)) => (false, name),
            _ => bail!("the test named no adapter: see its output above"),
        };
        Ok(Some(Self { adapter: adapter.to_owned(), software, rates: rates(output) }))
    }

    /// Prints the rates, and how they compare with the CPU's in `native` and in Chromium.
    pub(crate) fn print(&self, native: f64, chromium: f64) -> Result<()> {
        println!(
            "{:<34} {:>8} {:>12} {:>14}",
            "MAEC on WebGPU, GB/s of inputs", "", "of one core", "of Chromium's"
        );
        for row in ROWS {
            let rate = self.rates.get(row).with_context(|| format!("the test printed no rate of `{row}`"))?;
            println!("{row:<34} {rate:>8.2} {:>12.2} {:>14.2}", rate / native, rate / chromium);
        }
        let software = if self.software {
            ", a SOFTWARE adapter: it computes on the CPU, and its figures say little"
        } else {
            ""
        };
        println!("adapter: {}{software}", self.adapter);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_adapter_is_found_among_other_lines() {
        let output =
            b"running 1 test\n    webgpu software SwiftShader Device (Subzero)\n    tiles merge 0.5 GB/s\n";
        let found = WebGpu::parse(output).expect("an adapter").expect("one");
        assert!(found.software);
        assert_eq!(found.adapter, "SwiftShader Device (Subzero)");
        assert_eq!(found.rates, BTreeMap::from([("merge".to_owned(), 0.5)]));
        assert!(WebGpu::parse(b"    webgpu none\ntest result: ok\n").expect("no adapter").is_none());
        assert!(WebGpu::parse(b"test result: ok\n").is_err());
    }
}
