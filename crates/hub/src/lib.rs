//! Models from the Hugging Face hub and from plain URLs, over range requests, into a cache that survives a cut.
//!
//! [`Remote`] is a name; [`Hub::open`] pins it to a commit and lists its [`RemoteFiles`], a
//! [`FileSet`](maec_checkpoint::FileSet) whose reads fail with `NotFetched` where bytes are absent. [`Hub::look`] fetches what a
//! reading needs and no more; [`Hub::fetch`] fetches whole files, with progress, and checks their hashes.
//!
//! The crate does no I/O of its own: a [`Transport`] answers GET requests, a [`Store`] keeps blocks, a [`Clock`] waits. The
//! native ones are in `native`; the browser's are in the crate `maec-bytes`.

mod address;
mod cache;
mod clock;
mod driver;
mod error;
#[cfg(all(feature = "fake", not(target_arch = "wasm32")))]
pub mod fake;
mod files;
mod hash;
mod hub;
mod journal;
mod listing;
mod memory;
#[cfg(not(target_arch = "wasm32"))]
pub mod native;
mod needed;
mod probe;
mod remote;
mod retry;
mod store;
mod transport;

pub use address::Address;
pub use cache::BLOCK_BYTES;
pub use clock::Clock;
pub use driver::{Fetched, Phase, Progress};
pub use error::Error;
pub use files::{Amount, RemoteFile, RemoteFiles};
pub use hash::Digest;
pub use hub::{DEFAULT_ENDPOINT, Hub};
pub use memory::MemoryStore;
pub use needed::model_files;
pub use remote::Remote;
pub use retry::Retry;
pub use store::{BlockFile, Store, StoreError};
pub use transport::{Answer, Body, ContentRange, Get, Head, Transport, TransportError};
