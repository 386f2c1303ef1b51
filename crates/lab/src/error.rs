//! What can go wrong in an experiment.

use std::path::PathBuf;

use maec_train::TrainError;
use thiserror::Error;

use crate::experiment::ExperimentError;
use crate::room::NoRoom;

/// A failure of an experiment.
#[derive(Debug, Error)]
pub enum LabError {
    /// Settings that no experiment can be held with.
    #[error("the settings' {0}")]
    Settings(String),
    /// A world that can't be drawn.
    #[error(transparent)]
    World(#[from] maec_world::WorldError),
    /// A training that failed.
    #[error("training {name}: {source}")]
    Training {
        /// Which run.
        name: String,
        /// Why.
        #[source]
        source: Box<TrainError>,
    },
    /// A training that does not fit into memory.
    #[error("training {name}: {source}")]
    NoRoom {
        /// Which run.
        name: String,
        /// What it needs, and what to lower.
        #[source]
        source: NoRoom,
    },
    /// The watcher broke off.
    #[error("interrupted while {doing}; what was finished is kept")]
    Interrupted {
        /// What was going on.
        doing: String,
    },
    /// The experiment has no such corpus.
    #[error("this experiment has no corpus `{corpus}`: name one in its file, or leave out what needs it")]
    NoCorpus {
        /// Which.
        corpus: String,
    },
    /// Weights that can't be read or written.
    #[error(transparent)]
    Weights(#[from] maec_checkpoint::Error),
    /// A model that can't be built.
    #[error(transparent)]
    Model(#[from] maec_model::LoadError),
    /// A shape that no model has.
    #[error(transparent)]
    Shape(#[from] maec_model::ConfigError),
    /// A tokenizer that can't be read.
    #[error("the tokenizer: {0}")]
    Tokenizer(String),
    /// A merge that failed.
    #[error(transparent)]
    Merge(#[from] maec_merge::MergeError),
    /// An evaluation that failed.
    #[error(transparent)]
    Eval(#[from] maec_eval::EvalError),
    /// A benchmark that can't be read or asked.
    #[error(transparent)]
    Tasks(#[from] maec_tasks::Error),
    /// A device that gave no number.
    #[error("the device did not return its results ({0}): start again, or use the CPU")]
    Device(String),
    /// A file of the store that is not what it should be.
    #[error("{path} is damaged ({problem}): remove its folder, and it is made again", path = path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// An experiment's file that can't be followed.
    #[error(transparent)]
    Experiment(#[from] ExperimentError),
    /// A corpus that can't be read.
    #[error(transparent)]
    Corpus(#[from] maec_corpus::Error),
}

impl LabError {
    /// A failure of the training of what is called `name`.
    pub(crate) fn training(name: &str, source: TrainError) -> Self {
        Self::Training { name: name.to_owned(), source: Box::new(source) }
    }
}
