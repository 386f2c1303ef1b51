//! Resident memory of a browser's renderers, as Linux counts it.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Bytes that the renderers among a process's descendants hold resident, all together.
///
/// # Errors
/// Where there is no `/proc` to read them from.
pub fn renderers(root: u32) -> Result<u64> {
    let mut parents = BTreeMap::new();
    for entry in fs::read_dir("/proc").context("reading /proc")? {
        let name = entry?.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // A process may end meanwhile. The parent stands behind the name, which may hold anything, and the state.
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok());
        if let Some(parent) = parent {
            parents.insert(id, parent);
        }
    }
    let descends = |mut id: u32| {
        while let Some(&parent) = parents.get(&id).filter(|_| id != root) {
            id = parent;
        }
        id == root
    };
    let is_renderer = |id: u32| {
        let command = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&command).contains("--type=renderer")
    };
    let of = |id: u32| {
        let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes: Option<u64> = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        kibibytes.unwrap_or_default() * 1024
    };
    Ok(parents.keys().copied().filter(|&id| descends(id) && is_renderer(id)).map(of).sum())
}

/// Looks at [`renderers`] again and again, and remembers the most.
pub struct Watch {
    most: Arc<AtomicU64>,
    done: Arc<AtomicBool>,
    thread: JoinHandle<Result<()>>,
}

impl Watch {
    /// Begins.
    pub fn start(root: u32) -> Self {
        let (most, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (seen, ended) = (most.clone(), done.clone());
        let thread = thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                seen.fetch_max(renderers(root)?, Ordering::Relaxed);
                thread::sleep(PAUSE);
            }
            Ok(())
        });
        Self { most, done, thread }
    }

    /// Ends, and says the most bytes that were seen.
    ///
    /// # Errors
    /// As [`renderers`].
    pub fn stop(self) -> Result<u64> {
        self.done.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow!("the watch panicked"))??;
        Ok(self.most.load(Ordering::Relaxed))
    }
}
