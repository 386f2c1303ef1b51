//! Training steps on a GPU: tokens a second and memory, on an NVIDIA card beside PyTorch and what the card can do.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{paths, peers, setup};

/// A GPU's runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Gpu {
    /// Vulkan, Metal or DX12. No peer runs there.
    Wgpu,
    /// An NVIDIA card, beside PyTorch on the same one.
    Cuda,
}

impl Gpu {
    /// Its name among `maec-model`'s features and the example's devices.
    fn name(self) -> &'static str {
        match self {
            Self::Wgpu => "wgpu",
            Self::Cuda => "cuda",
        }
    }
}

/// A model and a batch of it.
struct Case {
    name: &'static str,
    /// Vocabulary, width, MLP width, layers, heads, key/value heads.
    shape: &'static str,
    sequences: usize,
    length: usize,
    steps: usize,
}

/// The workshop's model with its own batch, and SmolLM2-135M's shape, which has work for a card.
const CASES: [Case; 2] = [
    Case { name: "workshop", shape: "235,128,344,4,4,4", sequences: 64, length: 20, steps: 50 },
    Case { name: "smollm2-135m", shape: "49152,576,1536,30,9,3", sequences: 8, length: 1024, steps: 10 },
];
/// Only to see that a device trains.
const QUICK: Case = Case { name: "workshop", shape: "235,128,344,4,4,4", sequences: 2, length: 8, steps: 1 };

/// Turns each side takes; medians count.
const TURNS: usize = 3;

/// Prints tokens a second, TFLOP/s and memory of full and masked training, in float32 and on CUDA with matrices in bfloat16 too;
/// `quick` is one turn of one small batch in float32.
///
/// # Errors
/// When a side can't be built, has no device, or fails.
pub fn on_gpu(gpu: Gpu, quick: bool) -> Result<()> {
    if gpu == Gpu::Wgpu {
        setup::vulkan()?;
    }
    let feature = format!("maec-model/{}", gpu.name());
    let build = ["build", "--release", "-p", "maec-train", "--example", "steps", "--features", &feature];
    peers::run(Command::new(env!("CARGO")).args(build).current_dir(paths::root()))?;
    let python = match gpu {
        Gpu::Cuda => Some(peers::python_with("torch", peers::TORCH)?),
        Gpu::Wgpu => None,
    };
    let limits = match &python {
        Some(python) => {
            let script = paths::root().join("xtask/peers/device.py");
            let limits = peers::json(Command::new(python).arg(script))?;
            let gigabytes = limits["bytes"].as_f64().context("the card's memory")? / 1e9;
            println!("{}, {gigabytes:.1} GB", limits["name"].as_str().context("the card's name")?);
            limits["tflops"].clone()
        }
        None => Value::Null,
    };
    println!(
        "{:<13} {:>10} {:<8} {:<17} {:>11} {:>8} {:>11} {:>8}",
        "model", "batch", "training", "program", "tokens/s", "TFLOP/s", "of products", "GB held"
    );
    let (cases, turns) = if quick { (&[QUICK][..], 1) } else { (&CASES[..], TURNS) };
    // WebGPU's shaders have no bfloat16.
    let (ours, theirs) = match gpu {
        Gpu::Cuda if !quick => (&["float32", "bfloat16"][..], &["float32", "tf32", "bfloat16"][..]),
        _ => (&["float32"][..], &["float32"][..]),
    };
    for case in cases {
        let numbers = [case.sequences, case.length, case.steps].map(|number| number.to_string());
        let mut sides = Vec::new();
        for precision in ours {
            let mut command = Command::new(paths::target().join("release/examples/steps"));
            command.args(&numbers).args([gpu.name(), precision, case.shape]);
            sides.push((format!("maec {precision}"), *precision, command));
        }
        for precision in theirs {
            let Some(python) = &python else { continue };
            let mut command = Command::new(python);
            command.arg(paths::root().join("xtask/peers/train.py")).args(&numbers);
            command.args(["1", gpu.name(), precision, case.shape]);
            sides.push((format!("PyTorch {precision}"), *precision, command));
        }
        compare(case, sides, turns, &limits)?;
    }
    Ok(())
}

/// Has the sides of one case take turns, and prints a line for each and each kind of training.
fn compare(case: &Case, mut sides: Vec<(String, &str, Command)>, turns: usize, limits: &Value) -> Result<()> {
    let mut runs: Vec<Vec<Value>> = vec![Vec::new(); sides.len()];
    for _ in 0..turns {
        for ((_, _, command), runs) in sides.iter_mut().zip(&mut runs) {
            runs.push(peers::json(command)?);
        }
    }
    let parameters = peers::median(&runs[0], "parameters")?;
    for training in ["full", "masked"] {
        for ((program, precision, _), runs) in sides.iter().zip(&runs) {
            let rate = peers::median(runs, training)?;
            ensure!(rate > 0.0, "{program} trained nothing");
            let tflops = 6.0 * parameters * rate / 1e12;
            let share = limits[*precision]
                .as_f64()
                .map_or("–".to_owned(), |limit| format!("{:.3}", tflops / limit));
            let held = peers::median(runs, &format!("{training}_bytes"))
                .map_or("–".to_owned(), |bytes| format!("{:.2}", bytes / 1e9));
            let batch = format!("{} × {}", case.sequences, case.length);
            println!(
                "{:<13} {batch:>10} {training:<8} {program:<17} {rate:>11.0} {tflops:>8.3} {share:>11} {held:>8}",
                case.name
            );
        }
    }
    Ok(())
}
