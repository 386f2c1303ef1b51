//! The wasm tools, pinned: found where their version is right, otherwise built by Cargo into the per-user cache.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{paths, setup};

/// The version of trunk that builds the page.
const TRUNK: &str = "0.22.1";

/// The tools of a web build, ready to run.
#[derive(Debug, Clone)]
pub struct WasmTools {
    /// Builds the page.
    pub trunk: PathBuf,
    /// Writes the JavaScript side of wasm; its version is the one in Cargo.lock.
    pub wasm_bindgen: PathBuf,
    /// Makes wasm smaller; the build goes on without it.
    pub wasm_opt: Option<PathBuf>,
}

impl WasmTools {
    /// Finds or builds trunk and wasm-bindgen; `wasm_opt` is what the system has.
    ///
    /// # Errors
    /// When a tool cannot be built, or Cargo.lock names no wasm-bindgen.
    pub fn install(wasm_opt: Option<PathBuf>) -> Result<Self> {
        let lock = fs::read_to_string(paths::root().join("Cargo.lock")).context("reading Cargo.lock")?;
        let version = locked_version(&lock, "wasm-bindgen")
            .context("Cargo.lock names no wasm-bindgen: run `cargo update --workspace`")?;
        Ok(Self {
            trunk: find_or_build("trunk", "trunk", TRUNK, &["--locked", "--ignore-rust-version"])?,
            wasm_bindgen: find_or_build(
                "wasm-bindgen",
                "wasm-bindgen-cli",
                version,
                &["--no-default-features"],
            )?,
            wasm_opt,
        })
    }

    /// The test runner that comes with wasm-bindgen.
    pub fn test_runner(&self) -> PathBuf {
        self.wasm_bindgen.with_file_name(format!("wasm-bindgen-test-runner{}", env::consts::EXE_SUFFIX))
    }

    /// `PATH` with the right wasm-bindgen first, since trunk looks there.
    pub fn path_variable(&self) -> Result<OsString> {
        let first = self.wasm_bindgen.parent().map(Path::to_path_buf);
        let rest = env::var_os("PATH").unwrap_or_default();
        Ok(env::join_paths(first.into_iter().chain(env::split_paths(&rest)))?)
    }
}

/// The version that `lock` (the text of Cargo.lock) holds of `package`.
fn locked_version<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    lines.nth(1)?.strip_prefix("version = \"")?.strip_suffix('"')
}

/// Finds `program` at exactly `version` in the cache or in `PATH`, or builds it from `package`.
fn find_or_build(program: &str, package: &str, version: &str, flags: &[&str]) -> Result<PathBuf> {
    let tools = paths::cache()?.join("tools");
    let cached = tools.join("bin").join(format!("{program}{}", env::consts::EXE_SUFFIX));
    let found = || {
        let candidates = [Some(cached.clone()), paths::which(program)];
        candidates.into_iter().flatten().find(|path| version_of(path).as_deref() == Some(version))
    };
    setup::step(&format!("{program} {version}"), || {
        if let Some(path) = found() {
            return Ok((path.clone(), format!("found {}", path.display())));
        }
        setup::announce(&format!("building {program} {version} (some minutes, once)"));
        build(package, version, flags, &tools)?;
        let path = found().with_context(|| {
            format!("{program} {version} is not in {} after its build: remove that folder", tools.display())
        })?;
        Ok((path.clone(), format!("built {}", path.display())))
    })
}

/// What `path --version` says, without the program's name.
fn version_of(path: &Path) -> Option<String> {
    let output = Command::new(path).arg("--version").output().ok()?;
    Some(String::from_utf8(output.stdout).ok()?.split_whitespace().nth(1)?.to_owned())
}

/// `cargo install` into `root`. The target folder is kept until it succeeds, so that a broken-off build goes on.
fn build(package: &str, version: &str, flags: &[&str], root: &Path) -> Result<()> {
    let scratch = root.with_file_name("tools-target");
    let status = Command::new("cargo")
        .args(["install", package, "--version", version, "--force", "--root"])
        .arg(root)
        .arg("--target-dir")
        .arg(&scratch)
        .args(flags)
        // Trunk asks for fat LTO in one unit, which takes as long as the rest of its build.
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .current_dir(paths::root())
        .status()
        .context("running cargo install")?;
    ensure!(status.success(), "`cargo install {package} --version {version}` failed: see its output above");
    fs::remove_dir_all(&scratch).with_context(|| format!("removing {}", scratch.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_files_version_is_found_by_the_whole_name() {
        let lock = "[[package]]\nname = \"wasm-bindgen-macro\"\nversion = \"0.2.1\"\n\n\
                    [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\nsource = \"x\"\n";
        assert_eq!(locked_version(lock, "wasm-bindgen"), Some("0.2.130"));
        assert_eq!(locked_version(lock, "wasm"), None);
    }

    #[test]
    fn this_repositorys_lock_file_names_wasm_bindgen() {
        let lock = fs::read_to_string(paths::root().join("Cargo.lock")).expect("Cargo.lock");
        assert!(locked_version(&lock, "wasm-bindgen").is_some_and(|version| version.starts_with("0.2.")));
    }

    #[test]
    fn a_missing_program_has_no_version() {
        assert_eq!(version_of(Path::new("/nowhere/trunk")), None);
    }
}
