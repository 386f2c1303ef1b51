//! The ways in which a browser can fail to save.

/// What went wrong, in one line that names the thing and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An address that is none.
    #[error("the hub's address can't be used: {reason}")]
    Endpoint {
        /// What is wrong with it.
        reason: String,
    },
    /// The browser refused to write.
    #[error("`{name}` can't be saved: {reason}; free some space or choose another place")]
    Write {
        /// The file.
        name: String,
        /// What the browser said.
        reason: String,
    },
    /// The browser refused to list a folder.
    #[error("the folder `{name}` can't be read: {reason}; allow it, or choose another")]
    Folder {
        /// The folder.
        name: String,
        /// What the browser said.
        reason: String,
    },
    /// The browser refused to read back.
    #[error("`{name}` can't be read from the browser's storage: {reason}; fetch or make it again")]
    Read {
        /// The file.
        name: String,
        /// What the browser said.
        reason: String,
    },
}
