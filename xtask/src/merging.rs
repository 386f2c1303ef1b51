//! Merging speed: the companion beside mergekit, and beside a bare read and write of the same bytes.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::peers::{json, run};
use crate::{parity, paths};

/// Turns that each side takes; the median counts.
const TURNS: usize = 3;

/// The methods, with what stands in their files.
const METHODS: [(&str, &str); 6] = [
    ("task_arithmetic", "merge_method: task_arithmetic\nparameters: {weight: 0.4}\n"),
    ("ties", "merge_method: ties\nparameters: {weight: 0.4, density: 0.5}\n"),
    ("dare_linear", "merge_method: dare_linear\nparameters: {weight: 0.4, density: 0.5}\n"),
    ("breadcrumbs", "merge_method: breadcrumbs\nparameters: {weight: 0.4, density: 0.5}\n"),
    ("model_stock", "merge_method: model_stock\n"),
    ("sce", "merge_method: sce\nparameters: {select_topk: 0.5}\n"),
];

/// The base, then the models.
const NAMES: [&str; 4] = ["base", "a", "b", "c"];

const MAEC: &str = "version: 1\nmerge_method: maec\nbase_model: base\nability: {model: a}\nreference: {model: b}\n\
                    languages: [{name: es, model: c, weight: 0.5}]\n";

/// Seconds of merging four bf16 models of 362 million parameters each, beside `cat` + `cp` and, `with_peer`, mergekit 0.1.5.
///
/// # Errors
///
/// When something can't be built, made or run.
pub fn bench(with_peer: bool) -> Result<()> {
    run(Command::new(env!("CARGO")).args(["build", "--release", "-p", "maec"]).current_dir(paths::root()))?;
    let models = Models::make(paths::target().join("release/maec"))?;
    let ours = models.bench_ours()?;
    if with_peer { models.bench_peer(&ours) } else { Ok(()) }
}

/// The models that are merged, and who merges them.
struct Models {
    maec: PathBuf,
    folder: PathBuf,
    /// Bytes of all.
    read: u64,
}

impl Models {
    /// Makes those that are not there.
    fn make(maec: PathBuf) -> Result<Self> {
        let folder = paths::cache()?.join("bench/merge");
        fs::create_dir_all(&folder).context("making the folder of bench models")?;
        for (seed, name) in NAMES.into_iter().enumerate() {
            if !folder.join(name).join("config.json").exists() {
                let mut command = Command::new(&maec);
                command.args(["bench", "model", "--shape", "smollm2-360m", "--seed", "1", "--out", name]);
                if seed > 0 {
                    command.args(["--changed", "1", "--change-seed", &seed.to_string()]);
                }
                run(command.current_dir(&folder))?;
            }
        }
        let mut models = Self { maec, folder, read: 0 };
        let sizes = models.files().into_iter().map(|file| file.metadata().map(|it| it.len()));
        models.read = sizes.sum::<std::io::Result<u64>>()?;
        Ok(models)
    }

    fn files(&self) -> Vec<PathBuf> {
        NAMES.map(|name| self.folder.join(name).join("model.safetensors")).into()
    }

    /// A bare copy, then every method; what each took.
    fn bench_ours(&self) -> Result<Vec<(&'static str, Value)>> {
        let [name, wall, user, system, peak, read] =
            ["", "wall s", "user s", "system s", "peak MB", "GB/s read"];
        println!("{name:<34} {wall:>8} {user:>8} {system:>8} {peak:>9} {read:>9}");
        let bare = self.row("cat of the inputs + cp + sync", &self.copy()?);
        let mut ours = Vec::new();
        for (method, text) in METHODS {
            let models = "models: [{model: a}, {model: b}, {model: c}]\nbase_model: base\ndtype: bfloat16\n";
            ours.push((method, self.merge(method, &format!("{text}{models}"))?));
        }
        ours.push(("maec", self.merge("maec", MAEC)?));
        for (method, of) in &ours {
            let wall = self.row(&format!("maec merge: {method}"), of);
            println!("{:<34} {:>8.2} of the bare speed", "", bare / wall);
        }
        Ok(ours)
    }

    /// mergekit's turns, and the ratios to ours.
    fn bench_peer(&self, ours: &[(&str, Value)]) -> Result<()> {
        let python = parity::python()?;
        let script = paths::root().join("xtask/peers/merge.py");
        for method in ["task_arithmetic", "ties"] {
            let mine = ours.iter().find(|(name, _)| *name == method).map_or(f64::NAN, |(_, of)| wall(of));
            let (mut best, mut best_started) = (f64::INFINITY, f64::INFINITY);
            for threads in ["1", "0"] {
                let turn = || {
                    let mut command = Command::new(&python);
                    command
                        .current_dir(&self.folder)
                        .arg(&script)
                        .args([method, threads, "peer"])
                        .args(NAMES);
                    json(&mut command)
                };
                let of = median(turn)?;
                let start = of["startup_secs"].as_f64().unwrap_or(0.0);
                let theirs = self.row(&format!("mergekit: {method}, OMP {threads}"), &of);
                println!("{:<34} {start:>8.2} of which its start", "");
                best = best.min(theirs);
                best_started = best_started.min(theirs - start);
            }
            let (ratio, started) = (best / mine, best_started / mine);
            println!("{method}: {ratio:.1} × mergekit, {started:.1} × with its start left out");
        }
        Ok(())
    }

    /// Prints what a run took; its wall seconds.
    fn row(&self, name: &str, of: &Value) -> f64 {
        let secs = |key: &str| of[key].as_f64().unwrap_or(f64::NAN);
        let (wall, megabytes) = (wall(of), secs("peak_bytes") / 1e6);
        println!(
            "{name:<34} {wall:>8.2} {:>8.2} {:>8.2} {megabytes:>9.0} {:>9.2}",
            secs("user_secs"),
            secs("system_secs"),
            self.read as f64 / wall / 1e9
        );
        wall
    }

    /// The same bytes without a merge: every input read, an output of their size written.
    fn copy(&self) -> Result<Value> {
        let plain = self.folder.join("plain.sh");
        let files: Vec<String> = self.files().iter().map(|file| format!("'{}'", file.display())).collect();
        let copy = self.folder.join("copy.safetensors");
        let (all, first, copied) = (files.join(" "), &files[0], copy.display());
        let script = format!("cat {all} > /dev/null && cp {first} '{copied}' && sync '{copied}'\n");
        fs::write(&plain, script).context("writing a script")?;
        let bare = median(|| timed(Command::new("sh").arg(&plain)))?;
        fs::remove_file(&copy).context("removing the copy")?;
        Ok(bare)
    }

    /// A merge.
    fn merge(&self, name: &str, recipe: &str) -> Result<Value> {
        let file = format!("{name}.yaml");
        fs::write(self.folder.join(&file), recipe).context("writing a recipe")?;
        let out = format!("{name}.safetensors");
        median(|| {
            let mut command = Command::new(&self.maec);
            let merged = timed(command.current_dir(&self.folder).args(["merge", &file, "--out", &out]))?;
            // What is replaced is freed while the clock runs.
            fs::remove_file(self.folder.join(&out)).context("removing a merged model")?;
            Ok(merged)
        })
    }
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

/// Of [`TURNS`] runs the one with the median wall time.
fn median(once: impl FnMut() -> Result<Value>) -> Result<Value> {
    let mut runs: Vec<Value> = std::iter::repeat_with(once).take(TURNS).collect::<Result<_>>()?;
    runs.sort_by(|a, b| wall(a).total_cmp(&wall(b)));
    Ok(runs.swap_remove(TURNS / 2))
}

fn wall(of: &Value) -> f64 {
    of["wall_secs"].as_f64().unwrap_or(f64::NAN)
}
