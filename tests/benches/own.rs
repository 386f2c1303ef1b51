//! `cargo xtask bench own`: a pack of SmolLM2-135M's shape, opened by its URL in headless Chromium, merged in the tab and asked, on the CPU
//! engine. Prints; asserts nothing.
#![allow(clippy::print_stdout)] // the figures are what it is for

use std::env;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use maec_tests::driver::{Session, WebGpu};
use maec_tests::scenario::in_studio_with;
use serde_json::json;

const LONG: Duration = Duration::from_secs(600);
const PROMPT: &str = "Tom has 3 apples and finds 4 more . how many apples has Tom ?";

fn main() -> Result<()> {
    let pack = env::var_os("MAEC_BENCH_PACK").map(PathBuf::from);
    let pack = pack.context("MAEC_BENCH_PACK names no pack: run `cargo xtask bench own`")?;
    in_studio_with(&[(&pack, "own")], "bench_own", WebGpu::Off, measure)
}

async fn measure(session: &Session) -> Result<()> {
    session.open("?engine=cpu").await?;
    session.wait_for("body[data-ready=true]", LONG).await?;
    let text = async |script: &str| {
        let value = session.script(script).await?;
        value.as_str().map(str::to_owned).with_context(|| format!("`{script}` gave {value}"))
    };
    let url = text("return new URL('own/', location.href.replace(/[?#].*/, '')).href").await?;
    let enter = async |css: &str, words: &str| -> Result<()> {
        session.script(&format!("document.querySelector({}).value = ''", json!(css))).await?;
        Ok(session.wait_for(css, LONG).await?.send_keys(words).await?)
    };
    let press = async |css: &str| -> Result<()> {
        session.wait_for(&format!("{css}:not([disabled])"), LONG).await?;
        session.script(&format!("document.querySelector({}).click()", json!(css))).await.map(|_| ())
    };
    enter("#own-name", &url).await?;
    press("#own-look").await?;
    session.wait_for("[data-item][data-kind=pack][data-state=known]", LONG).await?;
    let begun = Instant::now();
    press("#own-load").await?;
    session.wait_for("#own-loaded[data-state=fresh]", LONG).await?;
    println!("fetched and merged in {:.1} s", begun.elapsed().as_secs_f64());
    println!("{}", text("return document.querySelector('#own-loaded').innerText").await?);
    enter("#own-prompt", PROMPT).await?;
    enter("#own-max", "32").await?;
    press("#own-generate").await?;
    session.wait_for("#own-generate:not([disabled])", LONG).await?;
    println!("{}", text("return document.querySelector('#own-rate').textContent").await?);
    Ok(())
}
