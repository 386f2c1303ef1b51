//! Packages of the operating system, installed with apt where that is allowed.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, bail, ensure};

use crate::paths;

/// Installs Debian packages, refreshing the package lists first (once a run).
///
/// # Errors
/// When there is no apt, no right to use it, or it fails; the message says what to install by hand.
pub fn install(packages: &[&str]) -> Result<()> {
    let by_hand = packages.join(" ");
    let Some(sudo) = privilege() else {
        bail!("it may not be installed from here: install {by_hand} with the system's package manager");
    };
    static LISTS: OnceLock<bool> = OnceLock::new();
    // Stale lists may still do, so a failed refresh is not the end.
    LISTS.get_or_init(|| apt(sudo, &["update", "--quiet=2"]).is_ok());
    let mut arguments = vec!["install", "--quiet=2", "--yes", "--no-install-recommends"];
    arguments.extend(packages);
    apt(sudo, &arguments).with_context(|| format!("install {by_hand} by hand"))
}

/// The words to put before apt-get: none for root, `sudo -n` where it needs no password; `None` where apt is
/// missing or may not be used.
fn privilege() -> Option<&'static [&'static str]> {
    paths::which("apt-get")?;
    if is_root() {
        return Some(&[]);
    }
    paths::which("sudo")?;
    let silent =
        Command::new("sudo").args(["-n", "true"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    silent.is_ok_and(|status| status.success()).then_some(&["sudo", "-n"])
}

/// Whether this process is the superuser's.
fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn apt(sudo: &[&str], arguments: &[&str]) -> Result<()> {
    let words: Vec<&str> = sudo.iter().chain(&["apt-get"]).chain(arguments).copied().collect();
    let output = Command::new(words[0])
        .args(&words[1..])
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .output()
        .context("running apt-get")?;
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no message");
    ensure!(output.status.success(), "`{}` failed: {last}", words.join(" "));
    Ok(())
}

/// Whether the Vulkan loader will find a driver.
pub fn has_vulkan_driver() -> bool {
    ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d"]
        .iter()
        .filter_map(|folder| Path::new(folder).read_dir().ok())
        .any(|mut folder| folder.next().is_some())
}
