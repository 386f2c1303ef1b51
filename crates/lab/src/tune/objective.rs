//! What a trial is worth, and which are the best.

use optimizer::Direction;
use optimizer::pareto::pareto_front_indices;
use serde::{Deserialize, Serialize};

use crate::{MaecChoice, Scores};

/// Perplexities above this, infinite ones too, count as this: JSON has no infinity.
const WORST_PERPLEXITY: f64 = 1e12;

/// One choice with its scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Its place in the search, from 0.
    pub number: usize,
    /// Its numbers.
    pub choice: MaecChoice,
    /// Accuracy outside the reference language, 0–1, mean over the seeds.
    pub accuracy: f64,
    /// Perplexity over the base's, mean over the seeds.
    pub perplexity_ratio: f64,
    /// The scores of every seed, in the plan's order.
    pub seeds: Vec<Scores>,
}

impl Trial {
    /// The means of one score for each seed; `base` are the base's.
    pub(super) fn new(number: usize, choice: MaecChoice, scores: Vec<Scores>, base: &[Scores]) -> Self {
        let seeds: Vec<Scores> = scores.into_iter().map(finite).collect();
        let n = seeds.len() as f64;
        let ratio = |(seed, base): (&Scores, &Scores)| seed.perplexity / base.perplexity;
        Self {
            number,
            choice,
            accuracy: seeds.iter().map(|seed| seed.other_languages).sum::<f64>() / n,
            perplexity_ratio: seeds.iter().zip(base).map(ratio).sum::<f64>() / n,
            seeds,
        }
    }
}

/// Scores that JSON can hold.
pub(super) fn finite(scores: Scores) -> Scores {
    // `min` takes the number where the other is none.
    Scores { perplexity: scores.perplexity.min(WORST_PERPLEXITY), ..scores }
}

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

    /// All trials from the best to the worst; of equals the one with the lower perplexity, then the earlier one, comes first.
    pub fn ranked<'a>(&self, trials: &'a [Trial]) -> Vec<&'a Trial> {
        let mut ranked: Vec<&Trial> = trials.iter().collect();
        ranked.sort_by(|a, b| {
            let worth = self.worth(b).total_cmp(&self.worth(a));
            worth.then(a.perplexity_ratio.total_cmp(&b.perplexity_ratio)).then(a.number.cmp(&b.number))
        });
        ranked
    }
}

/// The numbers of the trials that no other trial beats: none has both a higher accuracy and no higher perplexity, or a lower
/// perplexity and no lower accuracy. From the lowest perplexity to the highest.
pub fn pareto_front(trials: &[Trial]) -> Vec<usize> {
    let points: Vec<Vec<f64>> =
        trials.iter().map(|trial| vec![trial.accuracy, trial.perplexity_ratio]).collect();
    let front = pareto_front_indices(&points, &[Direction::Maximize, Direction::Minimize]);
    let mut front: Vec<&Trial> = front.into_iter().map(|index| &trials[index]).collect();
    front.sort_by(|a, b| a.perplexity_ratio.total_cmp(&b.perplexity_ratio).then(a.number.cmp(&b.number)));
    front.into_iter().map(|trial| trial.number).collect()
}
