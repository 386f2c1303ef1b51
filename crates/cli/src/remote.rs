//! Models from the hub and from URLs, fetched into the user's cache with progress.

use std::path::PathBuf;

use anyhow::{Context, Result};
use maec_hub::native::NativeHub;
use maec_hub::{Phase, Progress, Remote};

use crate::{interrupt, progress};

/// What was fetched.
pub struct Fetched {
    /// The folder, or the file, in which it is complete.
    pub path: PathBuf,
    /// The name that finds the same bytes again: a revision is a commit here.
    pub pinned: String,
}

/// Fetches what a model needs; bytes that are in the cache already don't move. Ctrl-C stops, and what was fetched stays.
pub fn fetch(remote: &Remote) -> Result<Fetched> {
    let title = remote.title();
    let hub = NativeHub::from_env()?;
    let bar = progress::bytes(&format!("fetching {title}"));
    let model = hub
        .fetch_blocking(remote, |at: &Progress<'_>| {
            bar.set_length(at.total);
            bar.set_position(at.done);
            bar.set_message(match at.phase {
                Phase::Fetching => at.file.to_owned(),
                Phase::Waiting { reason, wait } => format!("{reason}; again in {} s", wait.as_secs()),
                Phase::Checking => format!("checking {}", at.file),
            });
            interrupt::flow()
        })
        .with_context(|| title.clone())?;
    bar.finish_and_clear();
    Ok(Fetched { path: model.path, pinned: model.remote.to_string() })
}
