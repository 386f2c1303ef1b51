//! `cargo xtask bench web`: tokens a second of the studio's CPU engine and of transformers.js, taking turns in one headless
//! Chromium on the same model. Prints; fails only where the two don't write the same tokens.
#![allow(clippy::print_stdout)] // the figures are what it is for

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use maec_tests::driver::{Session, WebGpu};
use maec_tests::scenario::in_studio_with;
use serde::Deserialize;
use xtask::paths;

const LONG: Duration = Duration::from_secs(900);
/// Tokens of the prompt, and tokens written after it.
const PROMPT: usize = 128;
const NEW: usize = 64;
/// Turns of each side at least, after one that warms up.
const TURNS: usize = 5;
/// Turns are taken until so many seconds are over: a small model's are short and scatter.
const SECONDS: usize = 30;

/// One turn of one side.
#[derive(Debug, Deserialize)]
struct Turn {
    /// Tokens a second from the question to the first token.
    prefill: f64,
    /// Tokens a second from the first token to the last.
    decode: f64,
    /// What was written.
    tokens: Vec<u32>,
}

/// What the page leaves.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Results {
    Measured { studio: Vec<Turn>, peer: Vec<Turn> },
    Failed { error: String },
}

fn main() -> Result<()> {
    let made = env::var_os("MAEC_BENCH_WEB").map(PathBuf::from);
    let made = made.context("MAEC_BENCH_WEB names no folder: run `cargo xtask bench web`")?;
    let page = paths::root().join("tests/benches/web");
    in_studio_with(&[(&page, "bench"), (&made, "bench")], "bench_web", WebGpu::Off, measure)
}

async fn measure(session: &Session) -> Result<()> {
    session.open(&format!("bench/?prompt={PROMPT}&new={NEW}&turns={TURNS}&seconds={SECONDS}")).await?;
    session.wait_for("body[data-done]", LONG).await?;
    let (studio, peer) = match serde_json::from_value(session.script("return results").await?)? {
        Results::Measured { studio, peer } => (studio, peer),
        Results::Failed { error } => anyhow::bail!("the page says: {error}"),
    };
    let tokens = &peer.first().context("no turn was taken")?.tokens;
    ensure!(tokens.len() == NEW, "the peer wrote {} tokens of {NEW}: take another seed", tokens.len());
    for turn in studio.iter().chain(&peer) {
        ensure!(turn.tokens == *tokens, "other tokens: {:?} against {tokens:?}", turn.tokens);
    }
    println!("{:<8} {:>12} {:>16} {:>7}", "", "maec tok/s", "transformers.js", "ratio");
    let row = |stage: &str, of: fn(&Turn) -> f64| {
        let [a, b] = [median(&studio, of), median(&peer, of)];
        println!("{stage:<8} {a:>12.1} {b:>16.1} {:>7.2}", a / b);
    };
    row("prefill", |turn| turn.prefill);
    row("decode", |turn| turn.decode);
    let mut distinct = tokens.clone();
    distinct.sort_unstable();
    distinct.dedup();
    println!(
        "prompt {PROMPT}, {NEW} new tokens ({} different), the same from both; medians of {} turns",
        distinct.len(),
        peer.len()
    );
    Ok(())
}

fn median(turns: &[Turn], of: impl Fn(&Turn) -> f64) -> f64 {
    let mut rates: Vec<f64> = turns.iter().map(of).collect();
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
