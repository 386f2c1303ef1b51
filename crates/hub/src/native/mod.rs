//! The companion's side: `ureq`, files in the user's cache folder, the system's clock.

mod blocking;
mod clock;
mod file_store;
mod reading;
mod token;
mod ureq;

pub use blocking::{NativeHub, Settings};
pub use clock::SystemClock;
pub use file_store::{FileStore, StoredFile};
pub use reading::ReadFiles;
pub use token::Token;
pub use ureq::{UreqBody, UreqTransport};
