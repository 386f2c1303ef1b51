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

/// Tokens a second of reading a prompt and of writing after it, with a random model of SmolLM2-135M's shape, against
/// transformers on the same cores in each dtype.
///
/// # Errors
/// When Python 3, PyTorch or transformers can't be had, or a side fails.
pub fn inference() -> Result<()> {
    run(Command::new(env!("CARGO")).args(["build", "--release", "-p", "maec"]).current_dir(paths::root()))?;
    let maec = paths::target().join("release/maec");
    let model = paths::cache()?.join("bench/smollm2-135m");
    std::fs::create_dir_all(paths::cache()?.join("bench")).context("making the folder of bench models")?;
    run(Command::new(&maec).args(["bench", "model", "--shape", "smollm2-135m", "--out"]).arg(&model))?;
    python_with("torch", "torch==2.15.0")?;
    let python = python_with_in("torch", "transformers", "transformers==5.23.0")?;
    let script = paths::root().join("xtask/peers/inference.py");
    let threads = std::thread::available_parallelism()?.to_string();
    let [prompt, new] = ["512", "64"];
    let (mut mine, mut theirs) = (Vec::new(), [Vec::new(), Vec::new()]);
    for _ in 0..3 {
        let words = ["bench", "speed", "--json", "--prompt-tokens", prompt, "--new-tokens", new, "--model"];
        mine.push(json(Command::new(&maec).args(words).arg(&model))?);
        for (dtype, runs) in ["float32", "bfloat16"].into_iter().zip(&mut theirs) {
            let words = [prompt, new, &threads, dtype];
            runs.push(json(Command::new(&python).arg(&script).arg(&model).args(words))?);
        }
    }
    println!(
        "{:<8} {:>12} {:>14} {:>7} {:>14} {:>7}",
        "", "maec tok/s", "torch f32", "ratio", "torch bf16", "ratio"
    );
    for stage in ["prefill", "decode"] {
        let a = median(&mine, &format!("{stage}_tokens_per_sec"))?;
        let [b, c] = [median(&theirs[0], stage)?, median(&theirs[1], stage)?];
        println!("{stage:<8} {a:>12.1} {b:>14.1} {:>7.2} {c:>14.1} {:>7.2}", a / b, a / c);
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
    python_with_in(module, module, requirement)
}

/// The same in the environment of another package.
fn python_with_in(environment: &str, module: &str, requirement: &str) -> Result<PathBuf> {
    let folder = paths::cache()?.join(format!("python-{environment}"));
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
