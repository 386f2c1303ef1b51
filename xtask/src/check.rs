//! `cargo xtask test`: every check that CI does, cheapest first. A failed step does not keep the later ones from
//! running; the last line counts them all.

use std::env;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result};

use crate::tally::Tally;
use crate::tools::WasmTools;
use crate::{paths, setup, web};

/// Runs every check; without `browser` those in Chromium are counted as skipped. `false` when one failed.
///
/// # Errors
/// When a check cannot be started at all.
pub fn all(browser: bool) -> Result<bool> {
    let mut checks = Checks::default();
    checks.run("format", |_| command(&["fmt", "--all", "--check"]).check());
    checks.run("clippy", |_| {
        let words = ["clippy", "--workspace", "--all-targets", "--features", "maec-tests/browser"];
        command(&words).args(["--", "-D", "warnings"]).check()
    });
    checks.run("clippy with features", |_| features());
    checks.run("clippy for wasm", |_| {
        let page = ["-p", "maec-studio", "-p", "maec-tokenizer-web", "-p", "maec-bytes"];
        let engine = ["-p", "maec-engine", "--features", "gpu,own"];
        let mut tally = Tally::default();
        for words in [&page[..], &engine] {
            let mut clippy = command(&["clippy", "--target", WASM]);
            tally += clippy.args(words).args(["--", "-D", "warnings"]).check()?;
        }
        Ok(tally)
    });
    checks.run("documentation", |_| {
        command(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings").check()
    });
    checks.run("tests", |_| {
        let mut tests = command(&["test", "--workspace", "--no-fail-fast"]);
        // Tests of the full set of outside references are marked `#[ignore]`, since most machines lack it.
        if env::var_os("MAEC_FIXTURES").is_some() {
            tests.args(["--", "--include-ignored"]);
        }
        tests.count_tests()
    });
    checks.run("web build", |found| {
        let tools = setup::wasm_tools()?;
        web::build(&tools)?;
        found.tools = Some(tools);
        Ok(Tally::PASSED)
    });
    checks.run("tests in wasm", |found| {
        let (true, Some(tools)) = (browser, found.tools.clone()) else { return Ok(Tally::SKIPPED) };
        let driver = setup::browser()?.driver;
        let in_wasm = |words: &[&str]| {
            let mut tests = command(&["test", "--target", WASM, "--no-fail-fast"]);
            tests
                .args(words)
                .env("WASM_BINDGEN_USE_BROWSER", "1")
                .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", tools.test_runner())
                .env("CHROMEDRIVER", &driver)
                .env("WASM_BINDGEN_TEST_TIMEOUT", "300");
            tests
        };
        // The tests that ask wasm for the same bytes as a native program gives.
        let bits = ["-p", "maec-world", "-p", "maec-merge", "--test", "golden", "--test", "bits"];
        let mut tally = in_wasm(&bits).count_tests()?;
        // The browser's files, storage and network, in a worker.
        tally += in_wasm(&["-p", "maec-bytes", "--test", "worker"]).count_tests()?;
        // The CPU engine's logits against transformers', whose differences are printed.
        let mut logits = in_wasm(&["-p", "maec-model", "--no-default-features", "--test", "browser"]);
        if env::var_os("MAEC_FIXTURES").is_some() {
            logits.args(["--features", "fixtures"]);
        }
        tally += logits.args(["--", "--nocapture"]).count_tests()?;
        Ok(tally)
    });
    checks.run("browser tests", |found| {
        if !browser || found.tools.is_none() {
            return Ok(Tally::SKIPPED);
        }
        setup::browser()?;
        if let Some(tools) = &found.tools {
            web::build_wrong_engine(tools)?;
        }
        // The whole workspace, so that nothing is built anew with other features.
        let workspace = ["--workspace", "--features", "maec-tests/browser"];
        let built = command(&["build"]).args(workspace).args(["--bin", "maec"]).check()?;
        if built.failed > 0 {
            return Ok(built);
        }
        command(&["test"]).args(workspace).args(["--test", "browser"]).count_tests()
    });
    Ok(checks.report())
}

/// Runs the native wgpu path alone. `false` when it failed.
///
/// # Errors
/// When it cannot be started at all.
pub fn gpu() -> Result<bool> {
    let mut checks = Checks::default();
    checks.run("tests on the GPU", |_| {
        setup::vulkan()?;
        let words = ["test", "-p", "maec-tests", "--features", "gpu", "--test", "gpu", "--", "--nocapture"];
        command(&words).count_tests()
    });
    Ok(checks.report())
}

/// What the other selections leave out. The merge's kernels are taken alone, since cubecl in the workspace's selection would have all of
/// burn checked anew; training over MPI, where Debian's OpenMPI is there, with the workspace, whose artefacts it shares.
fn features() -> Result<Tally> {
    let kernels = ["clippy", "-p", "maec-merge", "--lib", "--tests", "--features", "kernels"];
    let mut tally = command(&kernels).args(["--", "-D", "warnings"]).check()?;
    tally += match mpi() {
        true => {
            let words =
                ["clippy", "--workspace", "--all-targets", "--features", "maec-tests/browser,maec/mpi"];
            command(&words).args(["--", "-D", "warnings"]).check()?
        }
        false => {
            println!("skipped the feature `mpi`: apt-get install libopenmpi-dev libclang-dev");
            Tally::SKIPPED
        }
    };
    Ok(tally)
}

/// Whether OpenMPI's compiler is there, and libclang, which reads its headers.
fn mpi() -> bool {
    let compiler = Command::new("mpicc").arg("--showme:version").output();
    let compiler = compiler.is_ok_and(|output| output.status.success());
    let is_libclang = |file: std::io::Result<std::fs::DirEntry>| {
        file.is_ok_and(|file| file.file_name().to_string_lossy().starts_with("libclang.so"))
    };
    let holds =
        |folder: &std::path::Path| std::fs::read_dir(folder).is_ok_and(|mut files| files.any(is_libclang));
    let of_debian = || {
        let versions = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
        versions.into_iter().any(|version| {
            version.file_name().to_string_lossy().starts_with("llvm-") && holds(&version.path().join("lib"))
        })
    };
    compiler && (env::var_os("LIBCLANG_PATH").is_some() || of_debian())
}

const WASM: &str = "wasm32-unknown-unknown";

/// What later checks need of earlier ones.
#[derive(Default)]
struct Found {
    /// Set once the web build stands.
    tools: Option<WasmTools>,
}

/// The checks so far.
#[derive(Default)]
struct Checks {
    found: Found,
    /// Name, seconds and counts of every check, in order.
    done: Vec<(&'static str, f64, Tally)>,
}

impl Checks {
    /// Runs one check, prints how it went and remembers it.
    fn run(&mut self, name: &'static str, check: impl FnOnce(&mut Found) -> Result<Tally>) {
        println!("── {name}");
        let start = Instant::now();
        let tally = check(&mut self.found).unwrap_or_else(|error| {
            println!("error: {error:#}");
            Tally::FAILED
        });
        self.done.push((name, start.elapsed().as_secs_f64(), tally));
        println!("{}", self.line(self.done.len() - 1));
    }

    /// One check's line: how it went, its seconds, its name and its counts.
    fn line(&self, index: usize) -> String {
        let (name, seconds, tally) = self.done[index];
        let word = match tally {
            Tally { failed: 1.., .. } => "FAILED",
            Tally { passed: 0, .. } => "skipped",
            _ => "ok",
        };
        format!("{word:<7} {seconds:>7.1} s  {name} ({tally})")
    }

    /// Prints the summary, whose last line counts everything; `true` when nothing failed.
    fn report(&self) -> bool {
        println!("── summary");
        let mut sum = Tally::default();
        for (index, (_, _, tally)) in self.done.iter().enumerate() {
            println!("{}", self.line(index));
            sum += *tally;
        }
        println!("{sum}");
        sum.failed == 0
    }
}

/// A cargo command in the repository's root.
fn command(words: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(words).current_dir(paths::root());
    command
}

/// Running a command as a check.
trait Check {
    /// One check: does it end well?
    fn check(&mut self) -> Result<Tally>;
    /// As many checks as the tests it runs.
    fn count_tests(&mut self) -> Result<Tally>;
}

impl Check for Command {
    fn check(&mut self) -> Result<Tally> {
        let status = self.status().context("running cargo")?;
        Ok(if status.success() { Tally::PASSED } else { Tally::FAILED })
    }

    fn count_tests(&mut self) -> Result<Tally> {
        let mut child = self.stdout(Stdio::piped()).spawn().context("running cargo")?;
        let output = child.stdout.take().context("cargo's output")?;
        let mut tally = Tally::default();
        for line in BufReader::new(output).split(b'\n') {
            let line = String::from_utf8_lossy(&line?).into_owned();
            println!("{line}");
            if let Some(counts) = Tally::of_line(&line) {
                tally += counts;
            }
        }
        Ok(tally.ended(child.wait()?.success()))
    }
}
