//! What a trial is worth, and which are the best.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::{Trial, order};

/// The best accuracy outside the reference language among the trials that keep a limit on perplexity.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Objective {
    /// Highest perplexity over the base's.
    pub perplexity_limit: f64,
}

impl Default for Objective {
    /// A limit of 1.10.
    fn default() -> Self {
        Self { perplexity_limit: 1.10 }
    }
}

impl Objective {
    /// Whether a trial keeps the limit.
    pub fn allows(&self, trial: &Trial) -> bool {
        trial.perplexity_ratio <= self.perplexity_limit
    }

    /// The larger the better: the accuracy within the limit, and beyond it how far, negative, so that every trial within it
    /// comes first.
    pub fn worth(&self, trial: &Trial) -> f64 {
        match self.allows(trial) {
            true => trial.accuracy,
            false => self.perplexity_limit - trial.perplexity_ratio,
        }
    }

    /// The better one first; of equals the one with the lower perplexity, then the earlier.
    fn compare(&self, a: &Trial, b: &Trial) -> Ordering {
        let worth = self.worth(b).total_cmp(&self.worth(a));
        worth.then(a.perplexity_ratio.total_cmp(&b.perplexity_ratio)).then(a.number.cmp(&b.number))
    }

    /// The best trial; none where there are none.
    pub fn best<'a>(&self, trials: &'a [Trial]) -> Option<&'a Trial> {
        trials.iter().min_by(|a, b| self.compare(a, b))
    }

    /// All trials from the best to the worst; of equals the one with the lower perplexity, then the earlier one, comes first.
    pub fn ranked<'a>(&self, trials: &'a [Trial]) -> Vec<&'a Trial> {
        let places = order(trials.len(), &|a, b| self.compare(&trials[a], &trials[b]));
        places.into_iter().map(|place| &trials[place]).collect()
    }
}

/// The numbers of the trials that no other trial beats: none has both a higher accuracy and no higher perplexity, or a lower
/// perplexity and no lower accuracy. From the lowest perplexity to the highest.
pub fn pareto_front(trials: &[Trial]) -> Vec<usize> {
    let places = order(trials.len(), &|a, b| {
        let (a, b) = (&trials[a], &trials[b]);
        let scores =
            a.perplexity_ratio.total_cmp(&b.perplexity_ratio).then(b.accuracy.total_cmp(&a.accuracy));
        scores.then(a.number.cmp(&b.number))
    });
    let mut front: Vec<&Trial> = Vec::new();
    for trial in places.into_iter().map(|place| &trials[place]) {
        // Only the last one can beat it: it has the highest accuracy so far.
        let is_beaten = front.last().is_some_and(|last| {
            let same = last.perplexity_ratio == trial.perplexity_ratio && last.accuracy == trial.accuracy;
            last.accuracy >= trial.accuracy && !same
        });
        if !is_beaten {
            front.push(trial);
        }
    }
    front.into_iter().map(|trial| trial.number).collect()
}
