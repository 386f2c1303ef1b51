//! The outcome of a search.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Choice, Plan, Scores, SearchError, Sensitivity, Settings, Trial, pareto_front, sensitivity};

/// Version of the outcome and of the journal.
pub const VERSION: u32 = 1;

/// The outcome of a search; it says everything about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tuning<S> {
    /// [`VERSION`].
    pub version: u32,
    /// What was searched, how, and on what.
    pub plan: Plan<S>,
    /// The base's scores for every seed, in the plan's order.
    pub base: Vec<Scores>,
    /// Every trial, by number; one at least.
    pub trials: Vec<Trial>,
    /// The number of the best trial under the plan's objective.
    pub best: usize,
    /// What was chosen: the best trial's numbers.
    pub choice: Choice,
    /// Whether it keeps the perplexity limit; where no trial does, the best is the one with the lowest perplexity.
    pub within_limit: bool,
    /// Numbers of the trials on the Pareto front of accuracy against perplexity, by rising perplexity.
    pub pareto: Vec<usize>,
    /// How much each hyper-parameter matters, the most important for accuracy first.
    pub sensitivity: Vec<Sensitivity>,
}

impl<S> Tuning<S> {
    /// What trials say; nothing where there are none.
    pub fn new(plan: Plan<S>, base: Vec<Scores>, trials: Vec<Trial>) -> Option<Self> {
        let best = plan.objective.best(&trials)?;
        Some(Self {
            version: VERSION,
            best: best.number,
            choice: best.choice,
            within_limit: plan.objective.allows(best),
            pareto: pareto_front(&trials),
            sensitivity: sensitivity(&plan.space, &trials),
            plan,
            base,
            trials,
        })
    }

    /// The trial of a number.
    pub fn trial(&self, number: usize) -> Option<&Trial> {
        self.trials.get(number)
    }

    /// The best trial.
    pub fn best(&self) -> &Trial {
        &self.trials[self.best]
    }

    /// Whether every trial is in its place with the scores of every seed, and the best and the front are theirs.
    fn is_whole(&self) -> bool {
        let seeds = self.plan.seeds.len();
        let in_place =
            |(number, trial): (usize, &Trial)| trial.number == number && trial.seeds.len() == seeds;
        let best = self.plan.objective.best(&self.trials);
        let is_best = |best: &Trial| {
            let is_allowed = self.plan.objective.allows(best);
            (best.number, best.choice, is_allowed) == (self.best, self.choice, self.within_limit)
        };
        self.base.len() == seeds
            && self.trials.iter().enumerate().all(in_place)
            && best.is_some_and(is_best)
            && self.pareto == pareto_front(&self.trials)
    }
}

impl<S: DeserializeOwned + Settings> Tuning<S> {
    /// Reads what `maec tune` or the studio wrote.
    ///
    /// # Errors
    /// [`SearchError::NoTuning`] where it is not that, of another version, or does not follow from its trials, and what
    /// [`Plan::check`] says.
    pub fn read(json: &[u8]) -> Result<Self, SearchError> {
        let bad = |problem: String| SearchError::NoTuning(problem);
        let value: serde_json::Value =
            serde_json::from_slice(json).map_err(|error| bad(error.to_string()))?;
        if value["version"] != VERSION {
            return Err(bad(format!("its version is {}, not {VERSION}", value["version"])));
        }
        let tuning: Self = serde_json::from_value(value).map_err(|error| bad(error.to_string()))?;
        tuning.plan.check()?;
        match tuning.is_whole() {
            true => Ok(tuning),
            false => Err(bad("its best and its front are not those of its trials".into())),
        }
    }
}
