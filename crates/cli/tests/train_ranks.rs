//! `mpirun -n 2 maec train`: the losses of one rank, and what is left when a rank dies. Needs the feature `mpi`.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{ok, world};
use serde_json::Value;

const LINE: &str = "train --init config.json --tokenizer world --corpus world/base.jsonl --batch 6 --warmup 2 \
                    --epsilon 1e-3 --seed 4";

/// Two ranks of a command line.
fn two(folder: &Path, line: &str) -> Command {
    let mut command = Command::new("mpirun");
    command.args(["--allow-run-as-root", "--oversubscribe", "-n", "2", env!("CARGO_BIN_EXE_maec")]);
    command.args(line.split_whitespace()).current_dir(folder).stdout(Stdio::null()).stderr(Stdio::piped());
    command.env("OMPI_MCA_btl_vader_single_copy_mechanism", "none");
    // Both may be on one core, and must not starve each other.
    command.env("OMPI_MCA_mpi_yield_when_idle", "1").env("RAYON_NUM_THREADS", "1");
    command
}

fn losses(path: &Path) -> Vec<f64> {
    let text = fs::read_to_string(path).unwrap();
    let loss = |line: &str| serde_json::from_str::<Value>(line).unwrap()["loss"].as_f64().unwrap();
    text.lines().map(loss).collect()
}

#[test]
fn two_ranks_have_the_losses_of_one() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    world(folder);
    ok(folder, &format!("{LINE} --steps 8 --out one --metrics one.jsonl"));
    let output = two(folder, &format!("{LINE} --steps 8 --out two --metrics two.jsonl")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (one, two) = (losses(&folder.join("one.jsonl")), losses(&folder.join("two.jsonl")));
    assert_eq!((one.len(), two.len()), (8, 8));
    for (one, two) in one.iter().zip(&two) {
        assert!((one - two).abs() < 1e-4, "{one} {two}");
    }
    assert!(folder.join("two/model.safetensors").is_file() && !folder.join("two.run").exists());
}

#[test]
fn a_killed_rank_leaves_a_checkpoint_to_go_on_from() {
    killed(1);
}

#[test]
fn so_does_the_one_that_leads() {
    killed(0);
}

fn killed(rank: usize) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    world(folder);
    let line = format!("{LINE} --steps 4000 --checkpoint-every 0 --out out --metrics m.jsonl");
    let child = two(folder, &line).spawn().unwrap();
    let (metrics, deadline) =
        (folder.join("out.run/metrics.jsonl"), Instant::now() + Duration::from_secs(60));
    while !fs::read_to_string(&metrics).is_ok_and(|text| text.lines().count() > 4) {
        assert!(Instant::now() < deadline, "no step is done after a minute");
        std::thread::sleep(Duration::from_millis(5));
    }
    // Ranks are mpirun's children in their order.
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id())).unwrap();
    let mut ranks: Vec<u32> = children.split_whitespace().map(|id| id.parse().unwrap()).collect();
    ranks.sort_unstable();
    assert_eq!(ranks.len(), 2);
    assert!(Command::new("kill").args(["-9", &ranks[rank].to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert!(!output.status.success() && !folder.join("out").exists());
    assert!(
        folder.join("out.run/snapshot.safetensors").is_file(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );

    // The checkpoint is the one that the run's own command goes on from.
    let other = format!("{} --resume", line.replace("--steps 4000", "--steps 9"));
    let refused = common::maec(folder).args(other.split_whitespace()).output().unwrap();
    assert!(common::said(&refused, 1, &other).contains("steps: 4000 → 9"));
    ok(folder, &format!("{line} --resume"));
    let steps: Vec<f64> = losses(&folder.join("m.jsonl"));
    assert_eq!(steps.len(), 4000);
    assert!(steps[3999] < steps[0] - 1.0);
}
