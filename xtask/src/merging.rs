//! Merging speed: the companion beside mergekit, and beside a bare read and write of the same bytes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::peers::{json, run};
use crate::{parity, paths};

/// Turns that each quick side takes; the median counts.
const TURNS: usize = 5;

/// The methods, with what stands in their files.
const METHODS: [(&str, &str); 6] = [
    ("task_arithmetic", "merge_method: task_arithmetic\nparameters: {weight: 0.4}\n"),
    ("ties", "merge_method: ties\nparameters: {weight: 0.4, density: 0.5}\n"),
    ("dare_linear", "merge_method: dare_linear\nparameters: {weight: 0.4, density: 0.5}\n"),
    ("breadcrumbs", "merge_method: breadcrumbs\nparameters: {weight: 0.4, density: 0.5}\n"),
    ("model_stock", "merge_method: model_stock\n"),
    ("sce", "merge_method: sce\nparameters: {select_topk: 0.5}\n"),
];

const MAEC: &str = "version: 1\nmerge_method: maec\nbase_model: base\nability: {model: a}\nreference: {model: b}\n\
                    languages: [{name: es, model: c, weight: 0.5}]\n";

/// Seconds of merging four bf16 models of 362 million parameters each, beside mergekit 0.1.5 and `cat` + `cp`.
///
/// # Errors
///
/// When something can't be built, made or run.
pub fn bench(with_peer: bool) -> Result<()> {
    run(Command::new(env!("CARGO")).args(["build", "--release", "-p", "maec"]).current_dir(paths::root()))?;
    let maec = paths::target().join("release/maec");
    let folder = paths::cache()?.join("bench/merge");
    fs::create_dir_all(&folder).context("making the folder of bench models")?;
    for (seed, name) in ["base", "a", "b", "c"].into_iter().enumerate() {
        if !folder.join(name).join("config.json").exists() {
            let mut command = Command::new(&maec);
            command.args(["bench", "model", "--shape", "smollm2-360m", "--seed", "1", "--out", name]);
            if seed > 0 {
                command.args(["--changed", "1", "--change-seed", &seed.to_string()]);
            }
            run(command.current_dir(&folder))?;
        }
    }
    let weights = |name: &str| folder.join(name).join("model.safetensors");
    let inputs: Vec<PathBuf> = ["base", "a", "b", "c"].map(weights).to_vec();
    let read: u64 =
        inputs.iter().map(|file| file.metadata().map(|it| it.len())).sum::<std::io::Result<u64>>()?;

    let header = ["", "wall s", "user s", "system s", "peak MB", "GB/s read"];
    println!(
        "{:<34} {:>8} {:>8} {:>8} {:>9} {:>9}",
        header[0], header[1], header[2], header[3], header[4], header[5]
    );
    let row = |name: &str, of: &Value| {
        let secs = |key: &str| of[key].as_f64().unwrap_or(f64::NAN);
        let (wall, megabytes) = (secs("wall_secs"), secs("peak_bytes") / 1e6);
        println!(
            "{name:<34} {wall:>8.2} {:>8.2} {:>8.2} {megabytes:>9.0} {:>9.2}",
            secs("user_secs"),
            secs("system_secs"),
            read as f64 / wall / 1e9
        );
        wall
    };
    // The same bytes without a merge: every input read, an output of their size written.
    let plain = folder.join("plain.sh");
    let files: Vec<String> = inputs.iter().map(|file| format!("'{}'", file.display())).collect();
    let copy = folder.join("copy.safetensors");
    let script = format!(
        "cat {} > /dev/null && cp {} '{}' && sync '{2}'\n",
        files.join(" "),
        files[0],
        copy.display()
    );
    fs::write(&plain, script).context("writing a script")?;
    let bare = median(|| timed(Command::new("sh").arg(&plain)), TURNS)?;
    fs::remove_file(&copy).context("removing the copy")?;
    let bare = row("cat of the inputs + cp + sync", &bare);

    let mut ours = Vec::new();
    for (method, text) in METHODS {
        let models = "models: [{model: a}, {model: b}, {model: c}]\nbase_model: base\ndtype: bfloat16\n";
        ours.push((method, merge(&maec, &folder, method, &format!("{text}{models}"))?));
    }
    ours.push(("maec", merge(&maec, &folder, "maec", MAEC)?));
    for (method, of) in &ours {
        let wall = row(&format!("maec merge: {method}"), of);
        println!("{:<34} {:>8.2} of the bare speed", "", bare / wall);
    }
    if !with_peer {
        return Ok(());
    }
    let python = parity::python()?;
    let script = paths::root().join("xtask/peers/merge.py");
    for method in ["task_arithmetic", "ties"] {
        let mut best = f64::INFINITY;
        for threads in ["1", "0"] {
            let mut command = Command::new(&python);
            command.current_dir(&folder).arg(&script).args([method, threads, "peer", "base", "a", "b", "c"]);
            let of = json(&mut command)?;
            let start = of["startup_secs"].as_f64().unwrap_or(0.0);
            let wall = row(&format!("mergekit: {method}, OMP {threads}"), &of);
            println!("{:<34} {start:>8.2} of which its start", "");
            best = best.min(wall - start);
        }
        let mine = ours.iter().find(|(name, _)| *name == method).and_then(|(_, of)| of["wall_secs"].as_f64());
        println!("{method}: {:.1} × mergekit, its start not counted", best / mine.unwrap_or(f64::NAN));
    }
    Ok(())
}

/// The median run of a merge.
fn merge(maec: &Path, folder: &Path, name: &str, recipe: &str) -> Result<Value> {
    let file = format!("{name}.yaml");
    fs::write(folder.join(&file), recipe).context("writing a recipe")?;
    let out = format!("{name}.safetensors");
    let merged = median(
        || timed(Command::new(maec).current_dir(folder).args(["merge", &file, "--out", &out])),
        TURNS,
    )?;
    fs::remove_file(folder.join(&out)).context("removing a merged model")?;
    Ok(merged)
}

fn timed(command: &mut Command) -> Result<Value> {
    let script = paths::root().join("xtask/peers/timed.py");
    let mut timed = Command::new("python3");
    timed.arg(script).arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        timed.current_dir(folder);
    }
    json(&mut timed)
}

/// The run with the median wall time.
fn median(mut once: impl FnMut() -> Result<Value>, turns: usize) -> Result<Value> {
    let mut runs: Vec<Value> = (0..turns).map(|_| once()).collect::<Result<_>>()?;
    runs.sort_by(|a, b| {
        a["wall_secs"].as_f64().unwrap_or(0.0).total_cmp(&b["wall_secs"].as_f64().unwrap_or(0.0))
    });
    Ok(runs.swap_remove(turns / 2))
}
