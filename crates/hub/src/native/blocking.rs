//! The hub over the network, the thread waiting meanwhile.

use std::env;
use std::sync::Arc;

use pollster::block_on;

use super::{FileStore, StoredFile, SystemClock, Token, UreqTransport};
use crate::{Address, DEFAULT_ENDPOINT, Error, Hub, Remote, RemoteFiles};

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
}
