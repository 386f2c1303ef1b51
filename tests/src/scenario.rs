//! The frame of every browser test: serve `dist/`, start a browser, run the scenario, judge the log.

use std::fs;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, anyhow, ensure};
use futures_util::FutureExt;
use xtask::paths;
use xtask::serve::StaticServer;

use crate::driver::{Session, WebGpu};
use crate::log::Entry;

/// One browser at a time: two would share the cores and make each other's waits fail.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// [`in_site`] with the built studio.
///
/// # Errors
/// As [`in_site`], and when the studio is not built.
pub fn in_studio(
    name: &str,
    web_gpu: WebGpu,
    scenario: impl AsyncFnOnce(&Session) -> Result<()>,
) -> Result<()> {
    let index = paths::dist().join("index.html");
    ensure!(index.is_file(), "{} is missing: run `cargo xtask build-web` first", index.display());
    in_site(&paths::dist(), name, web_gpu, scenario)
}

/// [`in_studio`] with other files added or put in place of its own: each a file or folder, and its place in the studio.
///
/// # Errors
/// As [`in_studio`], and when a file can't be copied.
pub fn in_studio_with(
    additions: &[(&Path, &str)],
    name: &str,
    web_gpu: WebGpu,
    scenario: impl AsyncFnOnce(&Session) -> Result<()>,
) -> Result<()> {
    let site = tempfile::tempdir().context("a folder for the studio")?;
    copy(&paths::dist(), site.path())?;
    for (from, to) in additions {
        copy(from, &site.path().join(to))?;
    }
    in_site(site.path(), name, web_gpu, scenario)
}

/// Copies a file, or a folder with all that is in it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let context = || format!("copying {} to {}", from.display(), to.display());
    if from.is_dir() {
        fs::create_dir_all(to).with_context(context)?;
        for entry in fs::read_dir(from).with_context(context)? {
            let entry = entry.with_context(context)?;
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
    } else {
        fs::copy(from, to).with_context(context)?;
    }
    Ok(())
}

/// Serves `folder` and runs `scenario` in a fresh browser. It fails where the scenario does, and on every fault in
/// the console that the scenario has not read itself; then a screenshot and the console's lines are kept under
/// `name`.
///
/// # Errors
/// The scenario's, or one that says what the console holds.
pub fn in_site(
    folder: &Path,
    name: &str,
    web_gpu: WebGpu,
    scenario: impl AsyncFnOnce(&Session) -> Result<()>,
) -> Result<()> {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let server = StaticServer::start(folder, 0)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("a runtime")?;
    runtime.block_on(async {
        let session = Session::start(&server.url(), web_gpu).await?;
        let outcome = AssertUnwindSafe(scenario(&session)).catch_unwind().await;
        let log = session.log().await?;
        let verdict = outcome.unwrap_or_else(|panic| Err(panicked(&*panic))).and_then(|()| judge(&log));
        if verdict.is_err() {
            keep(name, &session, &log).await?;
        }
        session.close().await?;
        verdict
    })
}

/// A failed assertion as an error.
fn panicked(panic: &(dyn std::any::Any + Send)) -> anyhow::Error {
    let text =
        panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    anyhow!("{}", text.unwrap_or("the scenario panicked"))
}

fn judge(log: &[Entry]) -> Result<()> {
    let faults: Vec<String> = log.iter().filter(|entry| entry.is_fault()).map(ToString::to_string).collect();
    ensure!(faults.is_empty(), "the console holds faults:\n{}", faults.join("\n"));
    Ok(())
}

/// Leaves `{name}.png` and `{name}.log` in the target folder's `browser/`.
async fn keep(name: &str, session: &Session, log: &[Entry]) -> Result<()> {
    let folder = paths::target().join("browser");
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let lines: String = log.iter().map(|entry| format!("{entry}\n")).collect();
    fs::write(folder.join(format!("{name}.log")), lines).context("keeping the console's lines")?;
    session.screenshot(&folder.join(format!("{name}.png"))).await
}
