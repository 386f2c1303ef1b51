//! Plans of searches: over worlds' models, which the companion trains, or over those of an experiment's file.

use std::collections::BTreeMap;

use maec_search::{Axis, FIRST_VALIDATION_SEED, SearchError, Settings, Space, Values};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::{Method, Search};
use crate::LabSettings;

/// A search before it is made; the models are those of [`Models`].
pub type Plan = maec_search::Plan<Models>;
/// The outcome of a search.
pub type Tuning = maec_search::Tuning<Models>;

/// What decides the models that are merged, apart from their seeds.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Models {
    /// Worlds of these settings.
    World(Box<LabSettings>),
    /// An experiment on real models and texts.
    Files(FilesModels),
}

/// An experiment on real models and texts, as far as it decides a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilesModels {
    /// What its file is called, without the ending.
    pub experiment: String,
    /// SHA-256 of the keys of all that is merged, seed by seed, and of what R(Lᵢ) is: 64 hex digits.
    pub models: String,
    /// SHA-256 of everything else that decides what they answer and how well they read.
    pub exam: String,
    /// Names by content of the benchmarks that were asked: [`crate::FilesExam::benchmarks`].
    pub benchmarks: Vec<String>,
    /// Questions by language.
    pub questions: BTreeMap<String, usize>,
}

impl<'de> Deserialize<'de> for Models {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(from)?;
        let found = match value.get("experiment") {
            Some(_) => serde_json::from_value(value).map(Self::Files),
            None => serde_json::from_value(value).map(Self::World),
        };
        found.map_err(D::Error::custom)
    }
}

impl From<LabSettings> for Models {
    fn from(settings: LabSettings) -> Self {
        Self::World(Box::new(settings))
    }
}

impl Models {
    /// The experiment, where it is one.
    pub fn files(&self) -> Option<&FilesModels> {
        match self {
            Self::World(_) => None,
            Self::Files(files) => Some(files),
        }
    }
}

/// A search of worlds' models over the method's whole space with the published settings and an exam of 200 problems and 150 texts a
/// language.
pub fn plan(ability: &str, method: Method, search: Search, seeds: Vec<u64>) -> Plan {
    Plan { settings: Some(LabSettings::paper().into()), ..Plan::new(ability, method, search, seeds) }
}

/// What suits real models, around the published numbers (α 0.8, β 0.2, γ 0.2, μ 1.2 and 1.5) with α at 1: γ is lower and μ higher
/// than the workshop's.
pub fn space_of_files(method: Method) -> Space {
    match method {
        Method::Maec => Space::of(method)
            .with(Axis::Gamma, Values::range(0.05, 1.0))
            .with(Axis::Mu, Values::range(0.0, 2.0)),
        Method::FTv | Method::LTv => Space::of(method),
    }
}

impl Settings for Models {
    fn check(&self, ability: &str) -> Result<(), SearchError> {
        match self {
            Self::World(settings) => check_world(settings, ability),
            // Its file was checked when it was opened.
            Self::Files(_) => Ok(()),
        }
    }

    /// An experiment's questions are other ones than those reported, whatever the seed; what was chosen on a seed is not reported on it.
    fn takes_seed(&self, seed: u64) -> bool {
        match self {
            Self::World(_) => seed >= FIRST_VALIDATION_SEED,
            Self::Files(_) => true,
        }
    }
}

fn check_world(settings: &LabSettings, ability: &str) -> Result<(), SearchError> {
    let abilities = settings.abilities;
    let taught = [("arithmetic", abilities.arithmetic()), ("science", abilities.science())];
    let taught: Vec<&str> = taught.into_iter().filter_map(|(name, taught)| taught.then_some(name)).collect();
    if !taught.contains(&ability) {
        return Err(SearchError::Ability { ability: ability.to_owned(), taught: taught.join(", ") });
    }
    settings.check().map_err(|error| SearchError::Settings(error.to_string()))
}
