//! What can go wrong in a search that is made.

use maec_search::SearchError;
use thiserror::Error;

use crate::LabError;

/// A failure of a search for hyper-parameters.
#[derive(Debug, Error)]
pub enum TuneError {
    /// A plan, a journal or an outcome that is refused.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// Threads that the system does not give.
    #[error("no thread for a trial ({0}): lower --threads")]
    Threads(String),
    /// A trial that failed, or a search that was broken off.
    #[error(transparent)]
    Lab(#[from] LabError),
}

impl TuneError {
    /// Whether other arguments would do, rather than another try.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Search(error) if error.is_usage())
    }
}
