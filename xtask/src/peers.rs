//! Speed beside a peer program in one run: each side takes turns, and the ratio of the medians is what counts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

use crate::{paths, setup, web as studio};

/// Turns each side takes; the median of an odd number is one of them.
const TURNS: usize = 5;

/// The PyTorch that is measured.
pub(crate) const TORCH: &str = "torch==2.15.0";

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
    let python = python_with("torch", TORCH)?;
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
    let python = python_with_transformers()?;
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

/// What `npm` has of the peer in the browser: a package, its archive, and the files of its `dist/` that are served.
const NPM: [(&str, &str, &[&str]); 2] = [
    ("@huggingface/transformers@4.3.1", "huggingface-transformers-4.3.1.tgz", &["transformers.min.js"]),
    // The version that the package above asks for.
    (
        "onnxruntime-web@1.31.0-dev.20260914-8d85527a0",
        "onnxruntime-web-1.31.0-dev.20260914-8d85527a0.tgz",
        &["ort-wasm-simd-threaded.asyncify.mjs", "ort-wasm-simd-threaded.asyncify.wasm"],
    ),
];

/// Tokens a second of reading a prompt and of writing after it in headless Chromium, with a random model of `shape`, against
/// transformers.js on the same core: both on wasm, on one thread.
///
/// # Errors
/// When the studio can't be built, Chromium, Python 3, npm or a package of theirs can't be had, or a side fails.
pub fn web(shape: &str) -> Result<()> {
    studio::build(&setup::wasm_tools()?)?;
    setup::browser()?;
    run(Command::new(env!("CARGO")).args(["build", "--release", "-p", "maec"]).current_dir(paths::root()))?;
    let folder = paths::cache()?.join("bench/web");
    let model = folder.join("model");
    fs::create_dir_all(&folder).context("making the folder of bench models")?;
    let words = ["bench", "model", "--shape", shape, "--deviation", "0.1", "--out"];
    run(Command::new(paths::target().join("release/maec")).args(words).arg(&model))?;
    write_tokenizer(&model)?;
    python_with_transformers()?;
    let exporter = "onnxruntime-genai==0.18.0 onnx-ir==1.1.0";
    let python = python_with_in("torch", "onnxruntime_genai, onnx_ir", exporter)?;
    let script = paths::root().join("xtask/peers/export.py");
    run(Command::new(python).arg(script).arg(&model).arg(folder.join("exported")))?;
    unpack_transformers_js(&folder.join("peer"))?;
    let bench = ["bench", "-p", "maec-tests", "--features", "browser", "--bench", "web"];
    let printed = run(Command::new(env!("CARGO"))
        .args(bench)
        .env("MAEC_BENCH_WEB", &folder)
        .current_dir(paths::root()))?;
    print!("{}", String::from_utf8_lossy(&printed));
    Ok(())
}

/// A tokenizer of the words `t0`, `t1` …, so that a text says its ids and its ids its text.
fn write_tokenizer(model: &Path) -> Result<()> {
    let write = |name: &str, text: Value| {
        let path = model.join(name);
        fs::write(&path, text.to_string()).with_context(|| format!("writing {}", path.display()))
    };
    let config = model.join("config.json");
    let config = fs::read(&config).with_context(|| format!("reading {}", config.display()))?;
    let size =
        serde_json::from_slice::<Value>(&config).context("the model's config.json")?["vocab_size"].as_u64();
    let size = size.context("the model's config.json has no vocab_size")?;
    let vocabulary: Map<String, Value> = (0..size).map(|id| (format!("t{id}"), json!(id))).collect();
    write(
        "tokenizer.json",
        json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
            "pre_tokenizer": { "type": "WhitespaceSplit" }, "post_processor": null, "decoder": null,
            "model": { "type": "WordLevel", "vocab": vocabulary, "unk_token": "t0" },
        }),
    )?;
    write("tokenizer_config.json", json!({ "tokenizer_class": "PreTrainedTokenizerFast" }))
}

/// Puts what the page needs of transformers.js into `folder`; the archives stay beside it.
fn unpack_transformers_js(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    let archives = folder.with_file_name("npm");
    fs::create_dir_all(&archives).with_context(|| format!("creating {}", archives.display()))?;
    for (package, archive, files) in NPM {
        let archive = archives.join(archive);
        if !archive.is_file() {
            run(Command::new("npm").args(["pack", "--silent", package]).current_dir(&archives))?;
        }
        let files = files.iter().map(|file| format!("package/dist/{file}"));
        run(Command::new("tar")
            .arg("-xzf")
            .arg(&archive)
            .arg("-C")
            .arg(folder)
            .arg("--strip-components=2")
            .args(files))?;
    }
    Ok(())
}

/// Runs a command to its end; what it printed.
pub(crate) fn run(command: &mut Command) -> Result<Vec<u8>> {
    let output = command.stderr(std::process::Stdio::inherit()).output();
    let output = output.with_context(|| format!("starting {}", command.get_program().display()))?;
    if !output.status.success() {
        bail!("{} failed with {}", command.get_program().display(), output.status);
    }
    Ok(output.stdout)
}

pub(crate) fn json(command: &mut Command) -> Result<Value> {
    serde_json::from_slice(&run(command)?).context("the benchmark printed no JSON")
}

/// The median of a field's numbers; runs without it do not count.
pub(crate) fn median(runs: &[Value], field: &str) -> Result<f64> {
    let mut rates: Vec<f64> = runs.iter().filter_map(|run| run[field].as_f64()).collect();
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().with_context(|| format!("the benchmark printed no `{field}`"))
}

/// A Python with PyTorch and transformers.
pub(crate) fn python_with_transformers() -> Result<PathBuf> {
    python_with("torch", TORCH)?;
    python_with_in("torch", "transformers", "transformers==5.23.0")
}

/// A Python with a package, in an environment of its own in the user's cache.
pub(crate) fn python_with(module: &str, requirement: &str) -> Result<PathBuf> {
    python_with_in(module, module, requirement)
}

/// The same in the environment of another package; `requirements` are separated by spaces.
fn python_with_in(environment: &str, module: &str, requirements: &str) -> Result<PathBuf> {
    let python = python_in(environment)?;
    let check = Command::new(&python).args(["-c", &format!("import {module}")]).output();
    if !check.is_ok_and(|output| output.status.success()) {
        let pip = ["-m", "pip", "install", "--quiet"];
        run(Command::new(&python).args(pip).args(requirements.split(' ')))?;
    }
    Ok(python)
}

/// The Python of an environment, which is made where there is none.
pub(crate) fn python_in(environment: &str) -> Result<PathBuf> {
    let folder = paths::cache()?.join(format!("python-{environment}"));
    let python = folder.join("bin/python");
    if !python.exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    }
    Ok(python)
}
