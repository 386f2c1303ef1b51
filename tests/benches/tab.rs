//! `cargo xtask bench tab`: the shipped engine merges four models of the origin's private storage into files there, in headless
//! Chromium, beside reading and writing as many bytes; and what memory the renderer takes for it. Prints; asserts nothing.
#![allow(clippy::print_stdout)] // the figures are what it is for

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use maec_tests::driver::{Session, WebGpu};
use maec_tests::memory::renderers;
use maec_tests::scenario::in_studio_with;
use serde_json::Value;
use xtask::paths;

/// Tensors of 16 MiB in each of four models: 2 GB in all.
const TENSORS: usize = 32;
const TURNS: usize = 3;
/// Most waits of a second for the page's measurements.
const WAITS: usize = 1800;

fn main() -> Result<()> {
    let page = paths::root().join("tests/benches/tab");
    in_studio_with(&[(&page, "bench")], "bench_tab", WebGpu::Off, measure)
}

async fn measure(session: &Session) -> Result<()> {
    session.open(&format!("bench/?tensors={TENSORS}&turns={TURNS}")).await?;
    // The most memory of the renderers, by what was being done.
    let mut memory: BTreeMap<String, u64> = BTreeMap::new();
    for _ in 0..WAITS {
        let state = session.script("return [document.body.dataset.step, document.body.dataset.done]").await?;
        if state[1] == "true" {
            break;
        }
        let step = state[0].as_str().unwrap_or_default().split(' ').next().unwrap_or_default().to_owned();
        let most = memory.entry(step).or_default();
        *most = renderers(std::process::id())?.max(*most);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let results = session.script("return window.results ?? {error: 'it does not end'}").await?;
    if let Some(error) = results["error"].as_str() {
        bail!("the page says: {error}");
    }
    let bytes =
        |what: &str| results[what].as_f64().with_context(|| format!("the page names no bytes {what}"));
    let (read, written) = (bytes("read")?, bytes("written")?);
    let idle = memory.get("engine").copied().unwrap_or_default();
    println!("{:.2} GB of inputs, {:.2} GB written", read / 1e9, written / 1e9);
    println!("{:<18} {:>9} {:>14} {:>14} {:>10}", "", "seconds", "GB/s of both", "renderer + MB", "wasm MB");
    for what in ["plain", "task_arithmetic", "ties", "maec"] {
        let seconds = median(&results[what]).with_context(|| format!("the page measured no {what}"))?;
        let more = memory.get(what).map_or(0, |most| most.saturating_sub(idle)) / 1_000_000;
        let wasm = results["peaks"][what].as_f64().unwrap_or(0.0) / 1e6;
        let rate = (read + written) / seconds / 1e9;
        println!("{what:<18} {seconds:>9.2} {rate:>14.2} {more:>14} {wasm:>10.0}");
    }
    Ok(())
}

fn median(turns: &Value) -> Option<f64> {
    let mut turns: Vec<f64> = turns.as_array()?.iter().filter_map(Value::as_f64).collect();
    turns.sort_by(f64::total_cmp);
    turns.get(turns.len() / 2).copied()
}
