//! Moving bytes: transfers that are cut go on, failures that pass are tried again, and what is complete is checked.

use std::ops::{ControlFlow, Range};
use std::time::Duration;

use crate::cache::{BlockWriter, Cache};
use crate::files::FileState;
use crate::{Answer, Body, Clock, Error, Get, Head, Hub, RemoteFiles, Store, Transport};

/// Bytes before a wanted part that are read and kept, where a server gives whole files only.
const READ_THROUGH: u64 = 16 << 20;

/// Pieces of a wait, between which it can be stopped.
const WAIT_PIECE: Duration = Duration::from_millis(250);

/// Longest time between two reports while bytes come.
const REPORT_EVERY: Duration = Duration::from_millis(100);

/// How far a fetch is.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress<'a> {
    /// Bytes in the store.
    pub done: u64,
    /// Bytes in all.
    pub total: u64,
    /// Bytes a second since the fetch began, without those that were there already.
    pub bytes_per_sec: f64,
    /// The file in question, as messages call it.
    pub file: &'a str,
    /// What is being done.
    pub phase: Phase<'a>,
}

/// What a fetch is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase<'a> {
    /// Bytes come.
    Fetching,
    /// After a failure that may pass.
    Waiting {
        /// What failed.
        reason: &'a str,
        /// Until the next try.
        wait: Duration,
    },
    /// The file is there; its hash is being made.
    Checking,
}

/// What a fetch did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fetched {
    /// Bytes that came over the network and were kept.
    pub bytes: u64,
    /// Files that changed on the server meanwhile and were begun anew; what was learnt from them before is void.
    pub restarted: Vec<String>,
}

/// Why one try failed.
pub(crate) enum Trouble {
    /// A status that may pass, with the wait that the server asks for.
    Status(u16, Option<Duration>),
    /// No answer, or one that broke off.
    Broken(String),
    /// An answer that is not followed.
    Refused(String),
    /// The file is not the one that was begun.
    Changed,
    /// Trying again does not help.
    Final(Error),
}

impl<E: Into<Error>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self::Final(error.into())
    }
}

/// Failures in a row.
#[derive(Default)]
pub(crate) struct Tries(u32);

/// Hears how far a fetch is, and says whether it shall go on.
type Report<'a> = dyn FnMut(&Progress<'_>) -> ControlFlow<()> + 'a;

/// Passes on how far a fetch is, and whether it shall stop.
pub(crate) struct Watch<'a> {
    report: Option<&'a mut Report<'a>>,
    began: Duration,
    reported: Duration,
    done: u64,
    total: u64,
    fresh: u64,
}

impl Watch<'static> {
    /// Of something too small to report.
    pub(crate) fn unseen(clock: &impl Clock) -> Self {
        let now = clock.now();
        Self { report: None, began: now, reported: now, done: 0, total: 0, fresh: 0 }
    }
}

impl Watch<'_> {
    fn say(&mut self, clock: &impl Clock, file: &str, phase: Phase<'_>) -> Result<(), Error> {
        let Some(report) = &mut self.report else { return Ok(()) };
        self.reported = clock.now();
        let secs = self.reported.saturating_sub(self.began).as_secs_f64();
        let bytes_per_sec = if secs > 0.0 { self.fresh as f64 / secs } else { 0.0 };
        match report(&Progress { done: self.done, total: self.total, bytes_per_sec, file, phase }) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Error::Cancelled { what: file.into() }),
        }
    }

    /// Bytes came, `fresh` of which completed a block.
    fn came(&mut self, clock: &impl Clock, file: &str, fresh: u64) -> Result<(), Error> {
        self.done = self.done.saturating_add(fresh);
        self.fresh = self.fresh.saturating_add(fresh);
        if fresh > 0 || clock.now().saturating_sub(self.reported) >= REPORT_EVERY {
            return self.say(clock, file, Phase::Fetching);
        }
        Ok(())
    }
}

impl<T: Transport, S: Store, C: Clock> Hub<T, S, C> {
    /// Fetches files whole, in order, and checks the hashes that are known. What the store has is not fetched again; `progress` is
    /// asked whether to go on, several times a second, also while waiting. After a failure or a stop, what is whole stays.
    pub async fn fetch(
        &self,
        files: &RemoteFiles<S::File>,
        paths: &[impl AsRef<str>],
        mut progress: impl FnMut(&Progress<'_>) -> ControlFlow<()>,
    ) -> Result<Fetched, Error> {
        let amount = self.amount(files, paths).await?;
        let now = self.clock.now();
        let (done, total) = (amount.cached, amount.total);
        let mut watch =
            Watch { report: Some(&mut progress), began: now, reported: now, done, total, fresh: 0 };
        let mut restarted = Vec::new();
        for path in paths {
            let file = files.file(path.as_ref())?;
            watch.say(&self.clock, &file.title, Phase::Fetching)?;
            if self.fill(&files.folder, file, &(0..u64::MAX), &mut watch).await? {
                restarted.push(file.path.clone());
            }
        }
        Ok(Fetched { bytes: watch.fresh, restarted })
    }

    /// Opens the store's file, where that has not been done. The caller holds the file's gate.
    pub(crate) async fn open_cache(&self, folder: &str, file: &FileState<S::File>) -> Result<(), Error> {
        if file.state().cache.is_some() {
            return Ok(());
        }
        let kept = self.store.open(folder, &file.path).await?;
        let mut state = file.state();
        let validator = file.kept_validator(state.validator.clone());
        state.cache = Some(Cache::open(kept, state.bytes, validator.as_deref())?);
        Ok(())
    }

    /// Fetches the absent blocks that a range touches; says whether the file had changed and was begun anew.
    pub(crate) async fn fill(
        &self,
        folder: &str,
        file: &FileState<S::File>,
        range: &Range<u64>,
        watch: &mut Watch<'_>,
    ) -> Result<bool, Error> {
        let _gate = file.gate.lock().await;
        self.open_cache(folder, file).await?;
        let mut tries = Tries::default();
        let mut restarted = false;
        while let Some(run) = file.missing(range).into_iter().next() {
            let before = file.present();
            let outcome = self.transfer(file, run, restarted, watch).await;
            let progressed = file.present() > before;
            if progressed {
                tries = Tries::default();
            }
            let trouble = match outcome {
                Ok(()) if progressed => continue,
                Ok(()) => Trouble::Broken("the answer was too short".into()),
                Err(Trouble::Changed) if restarted => {
                    let bytes = file.state().bytes;
                    file.restart(bytes, None)?;
                    return Err(Error::Changed { what: file.title.clone() });
                }
                Err(Trouble::Changed) => {
                    self.renew(file, watch).await?;
                    restarted = true;
                    continue;
                }
                Err(trouble) => trouble,
            };
            self.pause(&file.title, &mut tries, trouble, watch).await?;
        }
        self.complete(file, watch).await?;
        Ok(restarted)
    }

    /// One request for a run of absent blocks, kept as they come.
    async fn transfer(
        &self,
        file: &FileState<S::File>,
        run: Range<u64>,
        restarted: bool,
        watch: &mut Watch<'_>,
    ) -> Result<(), Trouble> {
        let get = Get { address: &file.address, range: Some(run.clone()) };
        let Answer { head, mut body } = self.transport.get(&get).await?;
        let start = first_byte(file, &head, &run)?;
        file.same_version(&head, restarted)?;
        // Some servers give less at once than is asked for.
        let given = head
            .content_range
            .and_then(|content| content.range)
            .map_or(run.end, |range| range.end.min(run.end));
        let mut writer = BlockWriter::new(start);
        while writer.at() < given {
            let Some(chunk) = body.chunk().await? else {
                return Err(Trouble::Broken("the connection was cut".into()));
            };
            let fresh = match &mut file.state().cache {
                Some(cache) => writer.push(cache, &chunk)?,
                None => 0,
            };
            watch.came(&self.clock, &file.title, fresh)?;
        }
        Ok(())
    }

    /// Begins a changed file anew: one of a commit as it is listed, any other as the server has it now.
    async fn renew(&self, file: &FileState<S::File>, watch: &mut Watch<'_>) -> Result<(), Error> {
        watch.done = watch.done.saturating_sub(file.present());
        let old = file.state().bytes;
        if file.pinned || file.digest.is_some() {
            return file.restart(old, None);
        }
        let (bytes, validator) = self.probe(&file.address, &file.title).await?;
        watch.total = watch.total.saturating_sub(old).saturating_add(bytes);
        file.restart(bytes, validator)
    }

    /// Checks a file whose blocks are all there, and calls it complete; drops it where its hash is wrong.
    async fn complete(&self, file: &FileState<S::File>, watch: &mut Watch<'_>) -> Result<(), Error> {
        let mut check = match &file.state().cache {
            Some(cache) if !cache.is_done() && cache.has(&(0..u64::MAX)) => {
                file.digest.map(|digest| (digest, cache.check(&digest)))
            }
            _ => return Ok(()),
        };
        while let Some((digest, step)) = check.take() {
            watch.say(&self.clock, &file.title, Phase::Checking)?;
            self.clock.sleep(Duration::ZERO).await;
            let found = match &file.state().cache {
                Some(cache) => step.step(cache)?,
                None => return Ok(()),
            };
            match found {
                Ok(found) if found == digest => break,
                Ok(_) => {
                    let bytes = file.state().bytes;
                    file.restart(bytes, None)?;
                    return Err(Error::WrongHash { what: file.title.clone() });
                }
                Err(step) => check = Some((digest, step)),
            }
        }
        match &mut file.state().cache {
            Some(cache) => Ok(cache.finish()?),
            None => Ok(()),
        }
    }

    /// Waits after a failure that may pass; otherwise, or after too many, it is an error.
    pub(crate) async fn pause(
        &self,
        what: &str,
        tries: &mut Tries,
        trouble: Trouble,
        watch: &mut Watch<'_>,
    ) -> Result<(), Error> {
        let what = || what.to_owned();
        tries.0 += 1;
        let given_up = tries.0 >= self.retry.tries;
        let (reason, asked) = match trouble {
            Trouble::Final(error) => return Err(error),
            Trouble::Refused(reason) => return Err(Error::Refused { what: what(), reason }),
            Trouble::Changed => return Err(Error::Changed { what: what() }),
            Trouble::Status(_, Some(asked)) if asked > self.retry.patience => {
                return Err(Error::WaitTooLong { what: what(), secs: asked.as_secs() });
            }
            Trouble::Status(status, _) if given_up => {
                return Err(Error::Overloaded { what: what(), status, tries: tries.0 });
            }
            Trouble::Broken(reason) if given_up => {
                return Err(Error::Unreachable { what: what(), reason, tries: tries.0 });
            }
            Trouble::Status(status, asked) => (format!("the server answers status {status}"), asked),
            Trouble::Broken(reason) => (reason, None),
        };
        let mut wait = self.retry.wait(tries.0, asked, self.draw());
        while !wait.is_zero() {
            watch.say(&self.clock, &what(), Phase::Waiting { reason: &reason, wait })?;
            let piece = wait.min(WAIT_PIECE);
            self.clock.sleep(piece).await;
            wait -= piece;
        }
        Ok(())
    }
}

impl<F: crate::BlockFile> FileState<F> {
    /// Whether an answer is of the version that was begun. Once a file with a known hash was begun anew, its hash alone decides:
    /// the servers of one network may name one file differently.
    fn same_version(&self, head: &Head, restarted: bool) -> Result<(), Trouble> {
        let mut state = self.state();
        match (&state.validator, &head.validator) {
            (Some(begun), Some(found)) if begun != found && !(restarted && self.digest.is_some()) => {
                Err(Trouble::Changed)
            }
            (None, Some(found)) => {
                state.validator = Some(found.clone());
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Where an answer's body begins in the file.
fn first_byte<F: crate::BlockFile>(
    file: &FileState<F>,
    head: &Head,
    run: &Range<u64>,
) -> Result<u64, Trouble> {
    let bytes = file.state().bytes;
    match head.status {
        206 => {
            let Some(content) = &head.content_range else { return Ok(run.start) };
            if content.total.is_some_and(|total| total != bytes) {
                return Err(Trouble::Changed);
            }
            match &content.range {
                Some(range) if range.start != run.start => {
                    Err(Trouble::Broken("the server sent another part of the file".into()))
                }
                _ => Ok(run.start),
            }
        }
        200 if head.content_length.is_some_and(|len| len != bytes) => Err(Trouble::Changed),
        // The whole rest is wanted, or the part is near the beginning.
        200 if run.start <= READ_THROUGH || run.end == bytes => Ok(0),
        200 => Err(Error::NoRanges { what: file.title.clone(), offset: run.start }.into()),
        416 => Err(Trouble::Changed),
        _ => Err(bad_status(head, &file.title)),
    }
}

/// What a status that brings nothing means.
pub(crate) fn bad_status(head: &Head, what: &str) -> Trouble {
    let what = what.to_owned();
    match head.status {
        // A storage host refuses a signature that ran out; the hub gives a new one.
        401 | 403 if head.elsewhere => Trouble::Status(head.status, None),
        status @ (401 | 403) => Error::NoAccess { what, status }.into(),
        404 | 410 => Error::NotFound { what }.into(),
        status @ (408 | 425 | 429 | 500..=599) => {
            Trouble::Status(status, head.retry_after_secs.map(Duration::from_secs))
        }
        status => Error::BadStatus { what, status }.into(),
    }
}
