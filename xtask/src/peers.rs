//! Speed beside a peer program in one run: each side takes turns, and the ratio of the medians is what counts.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::paths;

/// Turns each side takes; the median of an odd number is one of them.
const TURNS: usize = 5;

/// A batch to train on.
struct Shape {
    sequences: usize,
    length: usize,
    steps: usize,
}

/// The workshop's batch, and a longer one.
const SHAPES: [Shape; 2] =
    [Shape { sequences: 64, length: 20, steps: 20 }, Shape { sequences: 16, length: 128, steps: 15 }];

/// Tokens a second of training steps against PyTorch on the same cores, full and masked.
///
/// # Errors
/// When Python 3 or PyTorch can't be had, or a side fails.
pub fn train() -> Result<()> {
    let build = ["build", "--release", "-p", "maec-train", "--example", "steps"];
    run(Command::new(env!("CARGO")).args(build).current_dir(paths::root()))?;
    let ours = paths::target().join("release/examples/steps");
    let python = python_with("torch", "torch==2.15.0")?;
    let script = paths::root().join("xtask/peers/train.py");
    let threads = std::thread::available_parallelism()?.to_string();
    println!(
        "{:>5} × {:<5} {:<8} {:>12} {:>12} {:>7}",
        "batch", "length", "training", "maec tok/s", "torch tok/s", "ratio"
    );
    for shape in SHAPES {
        let words = [shape.sequences, shape.length, shape.steps].map(|n| n.to_string());
        let (mut mine, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            mine.push(json(Command::new(&ours).args(&words))?);
            theirs.push(json(Command::new(&python).arg(&script).args(&words).arg(&threads))?);
        }
        for training in ["full", "masked"] {
            let (a, b) = (median(&mine, training)?, median(&theirs, training)?);
            let (s, l) = (shape.sequences, shape.length);
            println!("{s:>5} × {l:<5} {training:<8} {a:>12.0} {b:>12.0} {:>7.2}", a / b);
        }
    }
    Ok(())
}

fn run(command: &mut Command) -> Result<Vec<u8>> {
    let output = command.stderr(std::process::Stdio::inherit()).output();
    let output = output.with_context(|| format!("starting {}", command.get_program().display()))?;
    if !output.status.success() {
        bail!("{} failed with {}", command.get_program().display(), output.status);
    }
    Ok(output.stdout)
}

fn json(command: &mut Command) -> Result<Value> {
    serde_json::from_slice(&run(command)?).context("the benchmark printed no JSON")
}

fn median(runs: &[Value], field: &str) -> Result<f64> {
    let mut rates: Vec<f64> = runs.iter().filter_map(|run| run[field].as_f64()).collect();
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().with_context(|| format!("the benchmark printed no `{field}`"))
}

/// A Python with a package, in an environment of its own in the user's cache.
fn python_with(module: &str, requirement: &str) -> Result<PathBuf> {
    let folder = paths::cache()?.join(format!("python-{module}"));
    let python = folder.join("bin/python");
    let has = |python: &PathBuf| {
        let check = Command::new(python).args(["-c", &format!("import {module}")]).output();
        check.is_ok_and(|output| output.status.success())
    };
    if !has(&python) {
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", requirement]))?;
    }
    Ok(python)
}
