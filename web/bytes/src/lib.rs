//! Bytes in a browser's worker: dropped files, the origin's private file system, `fetch`, the save picker.
//!
//! Everything here runs in a dedicated worker, where files are read and written synchronously: a `BlobSource` reads slices of what a
//! person dropped, never the whole; an `OpfsStore` keeps the hub's blocks. On other targets the crate is empty.
#![cfg(target_arch = "wasm32")]

mod ahead;
mod blob;
mod clock;
mod error;
mod fetch;
mod js;
mod opfs;
mod picked;
mod save;
mod store;

use maec_hub::{Address, DEFAULT_ENDPOINT, Hub};

pub use ahead::read_ahead;
pub use blob::{BlobSource, DroppedFiles};
pub use clock::TabClock;
pub use error::Error;
pub use fetch::{FetchBody, FetchTransport};
pub use opfs::{
    Estimate, OpfsFile, OpfsSink, OpfsSource, OpfsStore, opfs_file, opfs_remove, persist, persisted,
    storage_estimate,
};
pub use picked::PickedFolder;
pub use save::{AsyncSink, SavePickerSink, save_blob};
pub use store::{TabFile, TabStore};

/// The hub as a tab uses it.
pub type TabHub = Hub<FetchTransport, TabStore, TabClock>;

/// The public hub, or the one at `endpoint`, with what was fetched kept in the origin's private file system, or in memory where the
/// browser gives none. Fails where `endpoint` is no address.
pub async fn tab_hub(endpoint: Option<&str>) -> Result<TabHub, Error> {
    let endpoint = Address::parse(endpoint.unwrap_or(DEFAULT_ENDPOINT))
        .map_err(|reason| Error::Endpoint { reason: reason.into() })?;
    Ok(Hub::new(FetchTransport::default(), TabStore::choose().await, TabClock, endpoint))
}
