//! Everything that decides the outcome of a search.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Exam, Method, Objective, ProblemSet, Search, SearchError, Space};

/// Seeds below this are for the results that are reported.
pub const FIRST_VALIDATION_SEED: u64 = 100;

/// What decides the models that are merged, apart from their seeds.
pub trait Settings {
    /// Refuses settings that no model is made of, and an ability that none of theirs is taught.
    ///
    /// # Errors
    /// [`SearchError::Settings`] and [`SearchError::Ability`].
    fn check(&self, ability: &str) -> Result<(), SearchError>;

    /// Whether models of a seed may be searched on: of worlds those that nothing is reported for.
    fn takes_seed(&self, seed: u64) -> bool {
        seed >= FIRST_VALIDATION_SEED
    }
}

/// A search before it is made. The models that are merged are described by the companion's settings, of type `S`, or are those of a
/// pack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan<S> {
    /// The program's version.
    pub maec: String,
    /// The ability that is to be transferred: `arithmetic` or `science`.
    pub ability: String,
    /// What is merged, and how.
    pub method: Method,
    /// The values that may be tried.
    pub space: Space,
    /// How they are tried.
    pub search: Search,
    /// Seed of the search's own draws.
    pub seed: u64,
    /// Every trial is made with each one's models: validation seeds, or the seed of the pack.
    pub seeds: Vec<u64>,
    /// What every merge is asked.
    pub exam: Exam,
    /// What is best.
    pub objective: Objective,
    /// Sizes, steps and rates of the models that are merged.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub settings: Option<S>,
    /// The id of the pack whose models were merged, where that was in a tab.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pack: Option<String>,
}

/// Serde's own default would ask for one of `S`.
fn none<S>() -> Option<S> {
    None
}

impl<S> Plan<S> {
    /// A search over the method's whole space with an exam of 200 problems and 150 texts a language; the models are still to be
    /// named.
    pub fn new(ability: impl Into<String>, method: Method, search: Search, seeds: Vec<u64>) -> Self {
        Self {
            maec: env!("CARGO_PKG_VERSION").to_owned(),
            ability: ability.into(),
            method,
            space: Space::of(method),
            search,
            seed: 1,
            seeds,
            exam: Exam { set: ProblemSet::Validation, problems: 200, texts: 150 },
            objective: Objective::default(),
            settings: None,
            pack: None,
        }
    }
}

impl<S: Settings> Plan<S> {
    /// Refuses what must not or can't be searched.
    ///
    /// # Errors
    /// A [`SearchError`] that is usage.
    pub fn check(&self) -> Result<(), SearchError> {
        match (&self.settings, &self.pack) {
            (Some(settings), None) => {
                // A pack's models are what they are; whoever reports on their seed must look (`maec reproduce` does).
                if let Some(&seed) = self.seeds.iter().find(|seed| !settings.takes_seed(**seed)) {
                    return Err(SearchError::TestSeed { seed });
                }
                settings.check(&self.ability)?;
            }
            (None, Some(_)) => {}
            _ => return Err(SearchError::Models),
        }
        let mut seeds = self.seeds.clone();
        seeds.sort_unstable();
        seeds.dedup();
        if seeds.is_empty() || seeds.len() < self.seeds.len() {
            return Err(SearchError::Seeds { seeds: self.seeds.clone() });
        }
        if self.exam.set != ProblemSet::Validation {
            return Err(SearchError::Exam(
                "test problems would flatter the results: tune on validation problems",
            ));
        }
        if self.exam.problems == 0 || self.exam.texts == 0 {
            return Err(SearchError::Exam("no problems or no texts says nothing: give one of each at least"));
        }
        let limit = self.objective.perplexity_limit;
        if !(limit.is_finite() && limit > 0.0) {
            return Err(SearchError::Limit(limit));
        }
        self.space.check(self.method)?;
        self.search.check(&self.space)
    }
}

impl<S: Serialize> Plan<S> {
    /// The first thing that differs, then → now, but for the number of trials: a longer search goes on from a shorter one.
    pub fn difference(&self, now: &Self) -> Option<String> {
        let value = |plan: &Self| {
            let mut value = serde_json::to_value(plan).expect("a plan serialises");
            for how in ["random", "model"] {
                if let Some(search) = value["search"].get_mut(how) {
                    search["trials"] = Value::Null;
                }
            }
            value
        };
        difference("", &value(self), &value(now))
    }
}

fn difference(path: &str, then: &Value, now: &Value) -> Option<String> {
    if let (Value::Object(a), Value::Object(b)) = (then, now) {
        let null = &Value::Null;
        let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
        let at = |key: &String| if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let part =
            |key: &String| difference(&at(key), a.get(key).unwrap_or(null), b.get(key).unwrap_or(null));
        return keys.into_iter().find_map(part);
    }
    (then != now).then(|| format!("{path}: {then} → {now}"))
}
