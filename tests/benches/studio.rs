//! `cargo xtask bench studio`: how long the page takes in headless Chromium, on the CPU engine. Prints; asserts nothing.
#![allow(clippy::print_stdout)] // the figures are what it is for

use std::time::Duration;

use anyhow::{Context, Result};
use maec_tests::driver::{Session, WebGpu};
use maec_tests::scenario::in_studio;
use serde_json::json;

/// Visits, each in a fresh browser: the median counts.
const VISITS: usize = 5;
const LONG: Duration = Duration::from_secs(120);

/// Notes, at every frame, when something first matches; starts with the page itself.
const WATCH: &str = "window.seen = {};
    const wanted = {
      interactive: 'body[data-ready=true]',
      running: '[data-testid=run][data-state=running]',
      evaluated: '[data-testid=run][data-state=idle] [data-testid=merged]',
    };
    const watch = () => {
      for (const [name, css] of Object.entries(wanted))
        if (!(name in seen) && document.querySelector(css)) seen[name] = performance.now();
      requestAnimationFrame(watch);
    };
    watch();";

/// What one visit took, in milliseconds.
struct Visit {
    painted: f64,
    interactive: f64,
    merged_and_evaluated: f64,
}

fn main() -> Result<()> {
    let mut visits = Vec::new();
    for _ in 0..VISITS {
        let mut visit = None;
        in_studio("bench", WebGpu::Off, async |session| {
            visit = Some(measure(session).await?);
            Ok(())
        })?;
        visits.push(visit.context("the visit measured nothing")?);
    }
    println!("{:<44} {:>9} {:>9} {:>9}", "headless Chromium, CPU engine", "median", "least", "most");
    print("first paint (ms)", &visits, |visit| visit.painted);
    print("controls usable, pack open (ms)", &visits, |visit| visit.interactive);
    print("first merge + evaluation, 100 × 5 × 3 (ms)", &visits, |visit| visit.merged_and_evaluated);
    Ok(())
}

async fn measure(session: &Session) -> Result<Visit> {
    session.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": WATCH })).await?;
    session.open("").await?;
    session.wait_for("body[data-ready=true]", LONG).await?;
    session.wait_for("[data-testid=problems-100]", LONG).await?;
    session.script("document.querySelector('[data-testid=problems-100]').click()").await?;
    session.script("document.querySelector('[data-testid=merge-evaluate]').click()").await?;
    session.wait_for("[data-testid=run][data-state=idle] [data-testid=merged]", LONG).await?;
    let number = async |script: &str| {
        session.script(script).await?.as_f64().with_context(|| format!("`{script}` is no number"))
    };
    Ok(Visit {
        painted: number("return performance.getEntriesByName('first-contentful-paint')[0].startTime").await?,
        interactive: number("return seen.interactive").await?,
        merged_and_evaluated: number("return seen.evaluated - seen.running").await?,
    })
}

fn print(what: &str, visits: &[Visit], of: impl Fn(&Visit) -> f64) {
    let mut times: Vec<f64> = visits.iter().map(of).collect();
    times.sort_by(f64::total_cmp);
    let (median, least, most) = (times[times.len() / 2], times[0], times[times.len() - 1]);
    println!("{what:<44} {median:>9.0} {least:>9.0} {most:>9.0}");
}
