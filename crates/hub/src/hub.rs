//! The hub: names to listed files, and what is fetched of them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use maec_checkpoint::{Error as ReadError, sha256_hex};

use crate::driver::Watch;
use crate::files::NewFile;
use crate::listing::{Listing, MAX_LISTING_BYTES};
use crate::retry::Retry;
use crate::{
    Address, Amount, BlockFile, Clock, Error, Remote, RemoteFiles, Store, Transport, TransportError,
};

/// The public hub.
pub const DEFAULT_ENDPOINT: &str = "https://huggingface.co";

/// Fetches models over a transport into a store.
#[derive(Debug)]
pub struct Hub<T, S: Store, C> {
    pub(crate) transport: T,
    pub(crate) store: S,
    pub(crate) clock: C,
    pub(crate) retry: Retry,
    endpoint: Address,
    /// Waits so far, for the jitter.
    draws: AtomicU64,
    /// What is open, by its pinned name: opening it again must share its files.
    open: Mutex<BTreeMap<String, Weak<RemoteFiles<S::File>>>>,
}

/// A repository of the hub.
struct Repository<'a> {
    /// `models` or `datasets`: its part of the API, and of the store.
    kind: &'static str,
    /// `org/name`.
    id: &'a str,
}

impl<'a> Repository<'a> {
    fn new(kind: &'static str, id: &'a str) -> Self {
        Self { kind, id }
    }

    /// The parts of its page's path; those of models have no name before them.
    fn page(&self) -> impl Iterator<Item = &'a str> {
        let kind = (self.kind != "models").then_some(self.kind);
        kind.into_iter().chain(self.id.split('/'))
    }
}

impl<T: Transport, S: Store, C: Clock> Hub<T, S, C> {
    /// A client of the hub at `endpoint`.
    pub fn new(transport: T, store: S, clock: C, endpoint: Address) -> Self {
        Self {
            transport,
            store,
            clock,
            retry: Retry::default(),
            endpoint,
            draws: AtomicU64::new(0),
            open: Mutex::new(BTreeMap::new()),
        }
    }

    /// Changes when failures are tried again.
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    pub(crate) fn draw(&self) -> u64 {
        self.draws.fetch_add(1, Ordering::Relaxed)
    }

    /// Pins a name to its commit and lists its files, or finds out which files an address has. Fetches that and no more.
    pub async fn open(&self, remote: &Remote) -> Result<Arc<RemoteFiles<S::File>>, Error> {
        let (remote, folder, files) = match remote {
            Remote::Hub { id, .. } => self.open_repository(&Repository::new("models", id), remote).await?,
            Remote::Dataset { id, .. } => {
                self.open_repository(&Repository::new("datasets", id), remote).await?
            }
            Remote::Folder(at) => {
                (remote.clone(), url_folder(remote), self.probe_folder(at, &remote.title()).await?)
            }
            Remote::File(at) => (remote.clone(), url_folder(remote), vec![self.probe_file(at).await?]),
        };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, files| files.strong_count() > 0);
        let key = remote.to_string();
        if let Some(files) = open.get(&key).and_then(Weak::upgrade) {
            return Ok(files);
        }
        let files = Arc::new(RemoteFiles::new(remote, folder, files));
        open.insert(key, Arc::downgrade(&files));
        Ok(files)
    }

    async fn open_repository(
        &self,
        repository: &Repository<'_>,
        remote: &Remote,
    ) -> Result<(Remote, String, Vec<NewFile>), Error> {
        let listing = match remote.commit() {
            Some(commit) => match self.kept_listing(repository, commit).await? {
                Some(listing) => listing,
                None => self.fetch_listing(repository, remote).await?,
            },
            None => self.fetch_listing(repository, remote).await?,
        };
        let folder = format!("{}/{}", self.repository_folder(repository), listing.commit);
        let page = self.endpoint.with_parts(repository.page());
        let file = |(path, entry): (String, crate::listing::Entry)| NewFile {
            address: page.with_parts(["resolve", &listing.commit].into_iter().chain(path.split('/'))),
            path,
            bytes: entry.bytes,
            digest: entry.digest,
            pinned: true,
            validator: None,
        };
        let files = listing.files.into_iter().map(file).collect();
        let (id, revision) = (repository.id.to_owned(), Some(listing.commit));
        let pinned = match remote {
            Remote::Dataset { .. } => Remote::Dataset { id, revision },
            _ => Remote::Hub { id, revision },
        };
        Ok((pinned, folder, files))
    }

    /// Where the store keeps a repository's commits. Another hub may have another repository of the same name.
    fn repository_folder(&self, repository: &Repository<'_>) -> String {
        format!("{}/{}/{}", repository.kind, self.endpoint.folder_name(), repository.id)
    }

    /// The store's file for a commit's listing, kept in its journal.
    async fn open_listing(
        &self,
        repository: &Repository<'_>,
        commit: &str,
    ) -> Result<S::File, crate::StoreError> {
        self.store.open(&self.repository_folder(repository), &format!("{commit}.listing")).await
    }

    /// A commit never changes, so its listing is kept: what was fetched whole opens without a network.
    async fn kept_listing(
        &self,
        repository: &Repository<'_>,
        commit: &str,
    ) -> Result<Option<Listing>, Error> {
        let file = match self.open_listing(repository, commit).await {
            // Another tab may just be opening the same model.
            Err(crate::StoreError::Busy { .. }) => return Ok(None),
            file => file?,
        };
        Ok(Listing::parse(repository.id, &file.journal()?).ok().filter(|listing| listing.commit == commit))
    }

    async fn fetch_listing(&self, repository: &Repository<'_>, remote: &Remote) -> Result<Listing, Error> {
        let revision = match remote {
            Remote::Hub { revision: Some(revision), .. }
            | Remote::Dataset { revision: Some(revision), .. } => revision,
            _ => "main",
        };
        let path = ["api", repository.kind].into_iter().chain(repository.id.split('/'));
        let parts = path.chain(["revision", revision]);
        let address = self.endpoint.with_parts(parts).with_query("blobs=true");
        let json = self.fetch_text(&address, &remote.title(), MAX_LISTING_BYTES).await?;
        let listing = Listing::parse(repository.id, &json)?;
        if remote.commit().is_some_and(|commit| commit != listing.commit) {
            let reason = "it is for another commit than was asked for".into();
            return Err(Error::BadListing { what: remote.title(), reason });
        }
        match self.open_listing(repository, &listing.commit).await {
            Ok(file) if file.journal()? != json => {
                file.clear()?;
                file.append(&json)?;
            }
            Ok(_) | Err(crate::StoreError::Busy { .. }) => (),
            Err(e) => return Err(e.into()),
        }
        Ok(listing)
    }

    /// Runs `read` until it finds the bytes that it needs, fetching those and no more: whatever fails with `NotFetched` is
    /// fetched, and `read` runs again.
    pub async fn look<R>(
        &self,
        files: &RemoteFiles<S::File>,
        mut read: impl FnMut() -> Result<R, ReadError>,
    ) -> Result<R, Error> {
        let mut last = None;
        loop {
            let (name, offset, len) = match read() {
                Err(ReadError::NotFetched { name, offset, len }) => (name, offset, len),
                found => return Ok(found?),
            };
            // What is missed although it was fetched belongs to other files than these.
            let missed = Some((name.clone(), offset, len));
            let file = files.titled(&name).filter(|_| missed != last);
            last = missed;
            let Some(file) = file else {
                return Err(ReadError::NotFetched { name, offset, len }.into());
            };
            let range = offset..offset.saturating_add(len);
            self.fill(&files.folder, file, &range, &mut Watch::unseen(&self.clock)).await?;
        }
    }

    /// Fetches the blocks of a file that a range touches, where they are absent.
    pub async fn ensure(
        &self,
        files: &RemoteFiles<S::File>,
        path: &str,
        range: std::ops::Range<u64>,
    ) -> Result<(), Error> {
        let file = files.file(path)?;
        self.fill(&files.folder, file, &range, &mut Watch::unseen(&self.clock)).await.map(|_| ())
    }

    /// How much of some files the store has. Moves nothing over the network.
    pub async fn amount(
        &self,
        files: &RemoteFiles<S::File>,
        paths: &[impl AsRef<str>],
    ) -> Result<Amount, Error> {
        let mut amount = Amount::default();
        for path in paths {
            let file = files.file(path.as_ref())?;
            let _gate = file.gate.lock().await;
            self.open_cache(&files.folder, file).await?;
            amount.total = amount.total.saturating_add(file.state().bytes);
            amount.cached = amount.cached.saturating_add(file.present());
        }
        Ok(amount)
    }
}

/// Where the store keeps what came from an address.
fn url_folder(remote: &Remote) -> String {
    format!("urls/{}", &sha256_hex(remote.to_string().as_bytes())[..32])
}

impl From<TransportError> for crate::driver::Trouble {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::Refused { reason } => Self::Refused(reason),
            TransportError::Stalled { .. } | TransportError::Broken { .. } => Self::Broken(error.to_string()),
        }
    }
}
