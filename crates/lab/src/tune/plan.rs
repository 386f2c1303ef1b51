//! Plans of searches over models that the companion trains.

use maec_search::{SearchError, Settings};

use super::{Method, Search};
use crate::LabSettings;

/// A search before it is made; the models are those of [`LabSettings`].
pub type Plan = maec_search::Plan<LabSettings>;
/// The outcome of a search.
pub type Tuning = maec_search::Tuning<LabSettings>;

/// A search over the method's whole space with the published settings and an exam of 200 problems and 150 texts a language.
pub fn plan(ability: &str, method: Method, search: Search, seeds: Vec<u64>) -> Plan {
    Plan { settings: Some(LabSettings::paper()), ..Plan::new(ability, method, search, seeds) }
}

impl Settings for LabSettings {
    fn check(&self, ability: &str) -> Result<(), SearchError> {
        let abilities = self.abilities;
        let taught = [("arithmetic", abilities.arithmetic()), ("science", abilities.science())];
        let taught: Vec<&str> =
            taught.into_iter().filter_map(|(name, taught)| taught.then_some(name)).collect();
        if !taught.contains(&ability) {
            return Err(SearchError::Ability { ability: ability.to_owned(), taught: taught.join(", ") });
        }
        Self::check(self).map_err(|error| SearchError::Settings(error.to_string()))
    }
}
