//! What can go wrong in a search.

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::{Axis, Method};

/// A failure of a search for hyper-parameters.
#[derive(Debug, Error)]
pub enum SearchError {
    /// A seed whose results are reported.
    #[error(
        "seed {seed} is a test seed (below {first}), and what is tuned on it would flatter the results reported for it: give \
         validation seeds, such as 101,102,103",
        first = crate::FIRST_VALIDATION_SEED
    )]
    TestSeed {
        /// Which.
        seed: u64,
    },
    /// No seed at all, or one twice.
    #[error("the seeds are {seeds:?}: give each validation seed once, such as 101,102,103")]
    Seeds {
        /// What was given.
        seeds: Vec<u64>,
    },
    /// No models to merge, or two kinds of them.
    #[error("the search names no models: give the settings that they are trained with, or else a pack's id")]
    Models,
    /// Settings that no model is made of.
    #[error("{0}")]
    Settings(String),
    /// An ability that the settings' world does not teach.
    #[error("the world teaches no `{ability}`: name one of {taught}")]
    Ability {
        /// What was asked for.
        ability: String,
        /// What there is.
        taught: String,
    },
    /// An exam of test problems, or of nothing.
    #[error("an exam of {0}")]
    Exam(&'static str),
    /// A limit that no number is within, or that is none.
    #[error("the perplexity limit is {0} × the base's: give a number above 0, such as 1.1")]
    Limit(f64),
    /// An axis that a method does not have.
    #[error("{method} has no {axis}: it has {axes}", method = method.name(), axis = axis.name())]
    NoSuchAxis {
        /// The method.
        method: Method,
        /// The axis.
        axis: Axis,
        /// What it has.
        axes: String,
    },
    /// Values that an axis can't take.
    #[error("{axis} {problem}", axis = axis.name())]
    Values {
        /// The axis.
        axis: Axis,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A text that says no values.
    #[error("`{0}` says no values: write a range as 0.2..2, a list as 0.6,0.7,0.8, a fixed value as 1")]
    NoValues(String),
    /// A space of one point.
    #[error("every parameter is fixed, so there is nothing to search: give one a range")]
    NothingFree,
    /// A search without trials, or with more than memory holds.
    #[error("the search has {trials} trials: give 1 to {most}", most = crate::MOST_TRIALS)]
    Trials {
        /// How many.
        trials: usize,
    },
    /// A grid that has fewer than two values of a range.
    #[error("a grid over these ranges has at least {least} trials: give so many, or fix a parameter")]
    SmallGrid {
        /// How many.
        least: usize,
    },
    /// A journal of another search.
    #[error("`{path}` is the journal of another search ({difference}): use the same settings, another output, or remove it", path = path.display())]
    OtherSearch {
        /// The journal.
        path: PathBuf,
        /// The first difference, then → now.
        difference: String,
    },
    /// A file that is no journal.
    #[error("`{path}` is no journal of a search: choose another output, or remove it", path = path.display())]
    NoJournal {
        /// The file.
        path: PathBuf,
    },
    /// A line of a journal that no search wrote.
    #[error("line {line} of `{path}` is damaged ({problem}): remove the line, and its trial is made again", path = path.display())]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// A journal that another process writes.
    #[error("`{path}` is being written by another search: wait for its end, or choose another output", path = path.display())]
    Busy {
        /// The journal.
        path: PathBuf,
    },
    /// A journal that can't be read or written.
    #[error("cannot {doing} `{path}`: {source}", path = path.display())]
    File {
        /// `read` or `write`.
        doing: &'static str,
        /// The journal.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file that holds no outcome of a search.
    #[error(
        "this is no outcome of a search that this version reads ({0}): make it again with `maec tune` or in the studio"
    )]
    NoTuning(String),
}

impl SearchError {
    pub(crate) fn file(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { doing, path, source }
    }

    /// Whether other arguments would do, rather than another try.
    pub fn is_usage(&self) -> bool {
        !matches!(self, Self::Damaged { .. } | Self::Busy { .. } | Self::File { .. })
    }
}
