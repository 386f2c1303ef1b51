//! The ways in which fetching can fail.

use crate::StoreError;

/// What the refusal of a private or unknown thing asks for; a page can't hold a token.
#[cfg(not(target_arch = "wasm32"))]
const ACCESS: &str =
    "check the name, accept the model's terms on its page, or set HF_TOKEN to a token that may read it";
#[cfg(target_arch = "wasm32")]
const ACCESS: &str = "check the name; a model that needs a login is downloaded first and opened as a folder";

/// What went wrong, in one line that names the thing and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A text that names nothing.
    #[error("`{name}` names no model: {reason}; write org/name, org/name@revision or an https:// address")]
    BadName {
        /// What was written.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A text that names no dataset.
    #[error("`{name}` names no dataset: {reason}; write org/name or org/name@revision")]
    BadDataset {
        /// What was written.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A setting that can't be used.
    #[error("{name} can't be used: {reason}")]
    BadSetting {
        /// The setting: `HF_ENDPOINT`, …
        name: &'static str,
        /// What is wrong with it and what to do.
        reason: String,
    },
    /// Status 404 or 410.
    #[error("`{what}` does not exist on the server; check the name and the revision")]
    NotFound {
        /// What was asked for.
        what: String,
    },
    /// Status 401 or 403: private, behind terms, or not there at all.
    #[error("the server refuses `{what}` (status {status}); {ACCESS}")]
    NoAccess {
        /// What was asked for.
        what: String,
        /// 401 or 403.
        status: u16,
    },
    /// A status that means nothing here.
    #[error("the server answers status {status} for `{what}`; check the name, or try another server")]
    BadStatus {
        /// What was asked for.
        what: String,
        /// The status.
        status: u16,
    },
    /// A status that passes, which did not: 408, 429 or 5xx.
    #[error(
        "the server can't give `{what}` now (status {status}, {tries} tries); try again later, what was fetched is kept"
    )]
    Overloaded {
        /// What was asked for.
        what: String,
        /// The last status.
        status: u16,
        /// How often it was tried.
        tries: u32,
    },
    /// The server asks for a longer wait than is worth it.
    #[error("the server asks to wait {secs} s before `{what}`; try again then, what was fetched is kept")]
    WaitTooLong {
        /// What was asked for.
        what: String,
        /// Seconds that the server asks for.
        secs: u64,
    },
    /// No answer, or one that broke off, again and again.
    #[error(
        "`{what}` could not be fetched in {tries} tries: {reason}; check the connection and try again, what was fetched is kept"
    )]
    Unreachable {
        /// What was asked for.
        what: String,
        /// What the last try met.
        reason: String,
        /// How often it was tried.
        tries: u32,
    },
    /// An answer that was not followed.
    #[error("`{what}` was not fetched: {reason}")]
    Refused {
        /// What was asked for.
        what: String,
        /// Why, and what to do.
        reason: String,
    },
    /// A listing that can't be read or names files that must not be written.
    #[error("the server's list of files for `{what}` can't be used: {reason}")]
    BadListing {
        /// The repository.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An address under which there is no model.
    #[error(
        "`{what}` has no config.json, model.safetensors, model.safetensors.index.json or manifest.json; check the address"
    )]
    Nothing {
        /// The folder.
        what: String,
    },
    /// A file whose length the server does not tell.
    #[error("the server does not say how long `{what}` is; download it and open the file")]
    NoLength {
        /// The file.
        what: String,
    },
    /// A part in the middle of a file, from a server that gives whole files only.
    #[error(
        "the server of `{what}` gives no parts of files, and byte {offset} was asked for; fetch it whole"
    )]
    NoRanges {
        /// The file.
        what: String,
        /// First byte of the part.
        offset: u64,
    },
    /// A file that kept changing while it was fetched.
    #[error(
        "`{what}` changed on the server while it was fetched, twice; nothing of it is kept, try again later"
    )]
    Changed {
        /// The file.
        what: String,
    },
    /// A file whose bytes are not those that the hub names.
    #[error("`{what}` does not have the hash that the hub names; nothing of it is kept, fetch it again")]
    WrongHash {
        /// The file.
        what: String,
    },
    /// A path that a set does not have.
    #[error("`{what}` has no file `{file}`")]
    NoFile {
        /// The set.
        what: String,
        /// The path asked for.
        file: String,
    },
    /// The person said stop.
    #[error("fetching `{what}` was stopped; what was fetched is kept")]
    Cancelled {
        /// What was being fetched.
        what: String,
    },
    /// The cache.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was fetched, read as a model.
    #[error(transparent)]
    Checkpoint(#[from] maec_checkpoint::Error),
}
