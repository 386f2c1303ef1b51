//! The companion's door: a name in, an open model out, the thread waiting meanwhile.

use std::env;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use pollster::block_on;

use super::{FileStore, StoredFile, SystemClock, Token, UreqTransport};
use crate::{Address, DEFAULT_ENDPOINT, Error, Fetched, Hub, Progress, Remote, RemoteFiles, model_files};

/// The hub over the network, with a cache in files.
pub type NativeHub = Hub<UreqTransport, FileStore, SystemClock>;

/// Where the hub and its cache are.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The hub's address.
    pub endpoint: Address,
    /// The secret for it.
    pub token: Option<Token>,
    /// Where fetched files are kept.
    pub store: FileStore,
}

impl Settings {
    /// What `HF_ENDPOINT`, `HF_TOKEN` and `XDG_CACHE_HOME` say, or their defaults. Fails with [`Error::BadSetting`].
    pub fn from_env() -> Result<Self, Error> {
        let endpoint = env::var("HF_ENDPOINT").ok().filter(|text| !text.trim().is_empty());
        let parsed = Address::parse(endpoint.as_deref().unwrap_or(DEFAULT_ENDPOINT).trim());
        let bad = |reason: &str| Error::BadSetting {
            name: "HF_ENDPOINT",
            reason: format!("{reason}; unset it or write https://HOST"),
        };
        let endpoint = parsed.map_err(bad)?;
        if endpoint.has_query() {
            return Err(bad("it has a ?query"));
        }
        Ok(Self { endpoint, token: Token::from_env()?, store: FileStore::in_user_cache()? })
    }
}

/// A model that was fetched.
#[derive(Debug)]
pub struct Model {
    /// The name that finds the same bytes again; recipes keep it.
    pub remote: Remote,
    /// Its files.
    pub files: Arc<RemoteFiles<StoredFile>>,
    /// The folder in which they are complete; for a [`Remote::File`], the file.
    pub path: PathBuf,
    /// What moved.
    pub fetched: Fetched,
}

impl NativeHub {
    /// The hub of some settings.
    pub fn with_settings(settings: Settings) -> Result<Self, Error> {
        let Settings { endpoint, token, store } = settings;
        let transport = UreqTransport::new(endpoint.clone(), token)?;
        Ok(Self::new(transport, store, SystemClock::default(), endpoint))
    }

    /// The hub that the environment names; see [`Settings::from_env`].
    pub fn from_env() -> Result<Self, Error> {
        Self::with_settings(Settings::from_env()?)
    }

    /// As [`Hub::open`], waiting.
    pub fn open_blocking(&self, remote: &Remote) -> Result<Arc<RemoteFiles<StoredFile>>, Error> {
        block_on(self.open(remote))
    }

    /// As [`Hub::look`], waiting.
    pub fn look_blocking<R>(
        &self,
        files: &RemoteFiles<StoredFile>,
        read: impl FnMut() -> Result<R, maec_checkpoint::Error>,
    ) -> Result<R, Error> {
        block_on(self.look(files, read))
    }

    /// Fetches [what a model needs](model_files), waiting.
    pub fn fetch_blocking(
        &self,
        remote: &Remote,
        progress: impl FnMut(&Progress<'_>) -> ControlFlow<()>,
    ) -> Result<Model, Error> {
        let files = self.open_blocking(remote)?;
        let paths = match remote {
            Remote::File(_) => files.paths().into_iter().map(Into::into).collect(),
            _ => model_files(&*files),
        };
        let fetched = block_on(self.fetch(&files, &paths, progress))?;
        let folder = self.store.path(&files.folder);
        let path = match (remote, paths.first()) {
            (Remote::File(_), Some(file)) => folder.join(file),
            _ => folder,
        };
        Ok(Model { remote: files.remote().clone(), files, path, fetched })
    }
}
