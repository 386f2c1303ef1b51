//! Ranks that are processes: this test program starts itself under `mpirun`. Needs the feature `mpi`.
//!
//! `cargo test -p maec-train --features mpi --test mpi`

#[path = "training/common.rs"]
#[allow(dead_code, reason = "shared with the other tests")]
mod common;

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::{device, distance, every, fresh, losses, mixture, model_config, settings};
use maec_train::parallel::{Exchange, MpiExchange};
use maec_train::{Snapshot, TrainConfig, TrainError, Trainer};

const FOLDER: &str = "MAEC_TEST_RANKS";
const DIE_AT: &str = "MAEC_TEST_DIE_AT";

fn smooth() -> TrainConfig {
    TrainConfig { epsilon: 1e-3, ..settings() }
}

fn trainer() -> Trainer {
    let model = fresh(model_config());
    let neurons = every(&model, 20, 1);
    Trainer::new(model, smooth(), mixture(), Some(neurons)).unwrap()
}

/// Runs [`rank`] in two processes.
fn mpirun(folder: &Path, die_at: Option<u32>) -> Output {
    let mut command = Command::new("mpirun");
    command.args(["--allow-run-as-root", "--oversubscribe", "-n", "2"]);
    command.arg(std::env::current_exe().unwrap()).args(["--exact", "rank", "--ignored", "--test-threads=1"]);
    command.env(FOLDER, folder).env("OMPI_MCA_btl_vader_single_copy_mechanism", "none");
    // Both may be on one core, and must not starve each other.
    command.env("OMPI_MCA_mpi_yield_when_idle", "1").env("RAYON_NUM_THREADS", "1");
    if let Some(step) = die_at {
        command.env(DIE_AT, step.to_string());
    }
    command.output().expect("mpirun is there where MPI is")
}

#[test]
#[ignore = "one of the processes that the other tests start"]
fn rank() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let die_at = std::env::var(DIE_AT).ok().map(|step| step.parse::<u32>().unwrap());
    let ended = Arc::new(AtomicBool::new(false));
    let flag = ended.clone();
    ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed)).unwrap();
    let exchange =
        MpiExchange::start(Duration::from_secs(60), move || ended.load(Ordering::Relaxed)).unwrap();
    let (rank, ranks) = (exchange.rank(), exchange.ranks());
    assert_eq!(ranks, 2);
    let mut trainer = trainer().share(exchange);
    let path = |name: &str| Path::new(&folder).join(format!("{name}-{rank}"));
    let mut found = Vec::new();
    while !trainer.finished() {
        if rank == 1 && die_at == Some(trainer.steps_done() + 1) {
            Command::new("kill").args(["-9", &std::process::id().to_string()]).status().unwrap();
        }
        match trainer.step() {
            Ok(report) => found.push(report.loss),
            Err(error) => {
                assert!(matches!(error, TrainError::RankLost { .. }), "{error}");
                trainer.snapshot().unwrap().save(&path("snapshot")).unwrap();
                std::process::exit(1);
            }
        }
    }
    let traffic = trainer.exchange().unwrap().traffic();
    assert_eq!(traffic.bytes, 12 * (4 * trainer.memory().trained + 4 + 24));
    std::fs::write(path("losses"), serde_json::to_vec(&found).unwrap()).unwrap();
}

#[test]
fn two_processes_have_the_losses_of_one() {
    let folder = tempfile::tempdir().unwrap();
    let output = mpirun(folder.path(), None);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let expected = losses(&mut trainer(), 12);
    for rank in 0..2 {
        let bytes = std::fs::read(folder.path().join(format!("losses-{rank}"))).unwrap();
        let found: Vec<f32> = serde_json::from_slice(&bytes).unwrap();
        assert!(distance(&found, &expected) < 1e-5, "{found:?} against {expected:?}");
    }
}

#[test]
fn a_killed_process_leaves_a_checkpoint_of_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let output = mpirun(folder.path(), Some(6));
    assert!(!output.status.success());
    let snapshot = Snapshot::load(&folder.path().join("snapshot-0")).unwrap();
    assert_eq!(snapshot.progress.step, 5);
    let mut resumed = Trainer::resume(snapshot, model_config(), smooth(), mixture(), &device()).unwrap();
    let expected = losses(&mut trainer(), 12);
    assert!(distance(&losses(&mut resumed, 7), &expected[5..]) < 1e-5);
}
