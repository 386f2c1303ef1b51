//! Models from the hub and from URLs, fetched into the user's cache with progress.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use anyhow::{Context, Result};
use maec_hub::native::{NativeHub, ReadFiles};
use maec_hub::{Phase, Progress, Remote};

use crate::{interrupt, progress};

/// What remote names led to.
#[derive(Default)]
pub struct Cache {
    /// Made when it is first needed.
    hub: Option<Arc<NativeHub>>,
    models: BTreeMap<String, Arc<ReadFiles>>,
}

impl Cache {
    /// The files of a name: all that a model needs is fetched where it is to be there `whole`, else its texts alone, and what else is
    /// read of it as it is read. Bytes that are in the cache already don't move.
    pub fn open(&mut self, name: &str, remote: &Remote, whole: bool) -> Result<Arc<ReadFiles>> {
        if let Some(files) = self.models.get(name) {
            return Ok(files.clone());
        }
        let hub = match &self.hub {
            Some(hub) => hub.clone(),
            None => self.hub.insert(Arc::new(NativeHub::from_env()?)).clone(),
        };
        let files = ReadFiles::open(&hub, remote).with_context(|| remote.title())?;
        let mut needed = files.needed();
        needed.retain(|path| whole || !path.ends_with(".safetensors"));
        fetch(&files, &needed)?;
        Ok(self.models.entry(name.to_owned()).or_insert(Arc::new(files)).clone())
    }

    /// Fetches the rest of every file that was opened.
    pub fn fetch(&self) -> Result<()> {
        self.models.values().try_for_each(|files| fetch(files, &files.opened()))
    }

    /// The name that finds the same bytes again: a revision is a commit there.
    pub fn pinned(&self, name: &str) -> Option<String> {
        self.models.get(name).map(|files| files.remote().to_string())
    }
}

/// Fetches some files. Ctrl-C stops, and what was fetched stays.
pub fn fetch(files: &ReadFiles, paths: &[String]) -> Result<()> {
    let title = files.remote().title();
    let bar = progress::bytes(&format!("fetching {title}"));
    let fetched = files.fetch(paths, |at: &Progress<'_>| -> ControlFlow<()> {
        bar.set_length(at.total);
        bar.set_position(at.done);
        bar.set_message(match at.phase {
            Phase::Fetching => at.file.to_owned(),
            Phase::Waiting { reason, wait } => format!("{reason}; again in {} s", wait.as_secs()),
            Phase::Checking => format!("checking {}", at.file),
        });
        interrupt::flow()
    });
    bar.finish_and_clear();
    fetched.with_context(|| title)?;
    Ok(())
}
