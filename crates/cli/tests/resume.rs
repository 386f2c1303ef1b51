//! A training that is killed, however often, ends with the same bytes.
#![cfg(unix)]

mod common;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{maec, ok, refused, said, tree, unfinished, world};

const TRAIN: &str = "train --init config.json --tokenizer world --corpus world/base.jsonl \
                     --corpus world/ability:0.5 --batch 8 --warmup 5 --seed 7";

fn start(folder: &Path, line: &str) -> Child {
    let mut command = maec(folder);
    command.args(line.split_whitespace()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Kills the command at random times, starting it again with `--resume`, until it ends by itself. Returns the kills.
fn torment(folder: &Path, line: &str, longest: Duration, seed: u64) -> usize {
    let mut random = maec_train::Random::new(seed, 0);
    for kills in 0..300 {
        let mut child = start(folder, &format!("{line} --resume"));
        let end = Instant::now() + longest.mul_f64(f64::from(random.below(1000)) / 1000.0);
        while Instant::now() < end && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        // On Unix this is SIGKILL.
        let ended = child.try_wait().unwrap().is_some();
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        if ended {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            return kills;
        }
    }
    panic!("300 starts made no end of it");
}

fn survives_kills(folder: &Path, line: &str, seed: u64) {
    let begun = Instant::now();
    ok(folder, &format!("{line} --out whole --checkpoint-every 0"));
    let whole = begun.elapsed();
    let mut kills = 0;
    for round in 0..30 {
        let cut = format!("{line} --out cut --checkpoint-every 3");
        kills += torment(folder, &cut, whole.mul_f64(0.6), seed + round);
        assert_eq!(
            fs::read(folder.join("whole/model.safetensors")).unwrap(),
            fs::read(folder.join("cut/model.safetensors")).unwrap(),
            "after {kills} kills"
        );
        assert!(
            unfinished(folder).is_empty() && !folder.join("cut.run").exists(),
            "{:?}",
            unfinished(folder)
        );
        fs::remove_dir_all(folder.join("cut")).unwrap();
        if kills >= 12 {
            return;
        }
    }
    panic!("the run ended too soon to be killed: only {kills} kills");
}

#[test]
fn a_killed_run_goes_on_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    world(folder.path());
    survives_kills(folder.path(), &format!("{TRAIN} --steps 60"), 100);
}

#[test]
fn a_killed_masked_run_goes_on_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    world(folder.path());
    ok(folder.path(), &format!("{TRAIN} --steps 3 --dtype bfloat16 --out base"));
    ok(folder.path(), "neurons --model base --corpus world/ability --steps 2 --batch 4 --out a.safetensors");
    let line = "train --model base --corpus world/ability --neurons a.safetensors --batch 8 --steps 60";
    survives_kills(folder.path(), line, 200);
}

#[test]
fn ctrl_c_leaves_a_checkpoint_and_says_how_to_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    world(folder);
    let line = format!("{TRAIN} --steps 100000 --out cut --checkpoint-every 2");
    let child = start(folder, &line);
    let (snapshot, deadline) =
        (folder.join("cut.run/snapshot.safetensors"), Instant::now() + Duration::from_secs(120));
    while !snapshot.is_file() {
        assert!(Instant::now() < deadline, "there is no checkpoint after two minutes");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let message = said(&child.wait_with_output().unwrap(), 130, &line);
    assert!(message.starts_with("interrupted after ") && message.contains("--resume"), "{message}");
    assert!(snapshot.is_file() && !folder.join("cut").exists());

    // Begun afresh it would be lost; with other settings it would be another run.
    assert!(refused(folder, 1, &line).contains("--resume"));
    let other = format!("{} --resume", line.replace("100000", "50"));
    assert!(refused(folder, 1, &other).contains("steps: 100000 → 50"));
    let other = format!("{} --resume", line.replace(":0.5", ":0.75"));
    assert!(refused(folder, 1, &other).contains("other corpora"));
}

#[test]
fn resuming_what_is_finished_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    world(folder);
    let line = format!("{TRAIN} --steps 2 --out out");
    ok(folder, &line);
    let before = tree(folder);
    assert_eq!(ok(folder, &format!("{line} --resume")), "");
    assert_eq!(tree(folder), before);
    let other = line.replace("--steps 2", "--steps 3");
    assert!(refused(folder, 1, &format!("{other} --resume")).contains("is not of this run"));
    // Without --resume a finished model of ours is trained anew.
    ok(folder, &other);
    assert_ne!(tree(folder), before);
}
