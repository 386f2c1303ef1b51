//! One choice and what its merges scored.

use serde::{Deserialize, Serialize};

use crate::{Choice, Scores};

/// One choice with its scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Its place in the search, from 0.
    pub number: usize,
    /// Its numbers.
    pub choice: Choice,
    /// Accuracy outside the reference language, 0–1, mean over the seeds.
    pub accuracy: f64,
    /// Perplexity over the base's, mean over the seeds.
    pub perplexity_ratio: f64,
    /// The scores of every seed, in the plan's order.
    pub seeds: Vec<Scores>,
}

impl Trial {
    /// The means of one score for each seed; `base` are the base's.
    pub fn new(number: usize, choice: Choice, scores: Vec<Scores>, base: &[Scores]) -> Self {
        let seeds: Vec<Scores> = scores.into_iter().map(Scores::finite).collect();
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
