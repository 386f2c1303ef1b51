//! Files that are elsewhere: read where a part of them is here, and fetched where it is not.

use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;

use futures::future::LocalBoxFuture;
use maec_checkpoint::{Error, FileSet};
use maec_hub::{Clock, Error as HubError, Hub, Progress, RemoteFiles, Store, Transport};

use crate::Failure;

/// Told how far a fetch is, and asked whether it goes on.
pub type FetchProgress<'p> = dyn FnMut(&Progress<'_>) -> ControlFlow<()> + 'p;

/// The files behind a hub name or a URL. What was fetched is kept, so that it is fetched once.
pub trait Remote {
    /// The name that finds the same bytes again: `org/name@<commit>`, or the address.
    fn title(&self) -> String;

    /// The files. A read of what is not here fails with [`Error::NotFetched`].
    fn files(&self) -> Arc<dyn FileSet>;

    /// Bytes of some files that are here.
    fn cached<'a>(&'a self, files: &'a [String]) -> LocalBoxFuture<'a, Result<u64, Failure>>;

    /// Fetches what a failed read missed; what is no [`Error::NotFetched`] fails again.
    fn fetch_part(&self, missed: Error) -> LocalBoxFuture<'_, Result<(), Failure>>;

    /// Fetches whole files, and checks their hashes where the hub knows them. What was fetched stays when it is
    /// cancelled.
    fn fetch<'a>(
        &'a self,
        files: &'a [String],
        progress: &'a mut FetchProgress<'a>,
    ) -> LocalBoxFuture<'a, Result<(), Failure>>;
}

/// Reads, fetching every small part that the reading finds missing.
pub(crate) async fn reading<T>(
    remote: Option<&Rc<dyn Remote>>,
    mut read: impl FnMut() -> Result<T, Error>,
) -> Result<T, Failure> {
    loop {
        match (read(), remote) {
            (Err(missed @ Error::NotFetched { .. }), Some(remote)) => remote.fetch_part(missed).await?,
            (result, _) => return Ok(result?),
        }
    }
}

/// Files of a [`Hub`].
pub struct HubFiles<T, S: Store, C> {
    hub: Rc<Hub<T, S, C>>,
    files: Arc<RemoteFiles<S::File>>,
}

impl<T: Transport, S: Store, C: Clock> HubFiles<T, S, C> {
    /// Finds out what is behind a name: lists its files, and fetches no more.
    ///
    /// # Errors
    /// When the name is none, or the server does not answer or refuses.
    pub async fn open(hub: Rc<Hub<T, S, C>>, name: &str) -> Result<Self, Failure> {
        let files = hub.open(&maec_hub::Remote::parse(name)?).await?;
        Ok(Self { hub, files })
    }
}

impl<T: Transport, S: Store, C: Clock> Remote for HubFiles<T, S, C> {
    fn title(&self) -> String {
        match self.files.remote() {
            hub @ maec_hub::Remote::Hub { .. } => hub.to_string(),
            // An address's query may hold a signature.
            address => address.title(),
        }
    }

    fn files(&self) -> Arc<dyn FileSet> {
        self.files.clone()
    }

    fn cached<'a>(&'a self, files: &'a [String]) -> LocalBoxFuture<'a, Result<u64, Failure>> {
        Box::pin(async move { Ok(self.hub.amount(&self.files, files).await?.cached) })
    }

    fn fetch_part(&self, missed: Error) -> LocalBoxFuture<'_, Result<(), Failure>> {
        Box::pin(async move {
            let mut missed = Some(missed);
            let read = || missed.take().map_or(Ok(()), Err);
            Ok(self.hub.look(&self.files, read).await?)
        })
    }

    fn fetch<'a>(
        &'a self,
        files: &'a [String],
        progress: &'a mut FetchProgress<'a>,
    ) -> LocalBoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            self.hub.fetch(&self.files, files, progress).await?;
            Ok(())
        })
    }
}

impl From<HubError> for Failure {
    fn from(error: HubError) -> Self {
        match error {
            HubError::Cancelled { .. } => Self::Cancelled,
            error => Self::of(error),
        }
    }
}
