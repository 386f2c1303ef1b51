//! How much each hyper-parameter matters.

use serde::{Deserialize, Serialize};

use super::{Axis, Space, Trial};

/// A hyper-parameter with more values than this is seen in equal parts of its range.
const MOST_VALUES: usize = 8;
/// How many parts those are.
const PARTS: usize = 5;

/// What trials say about one hyper-parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sensitivity {
    /// Which.
    pub axis: Axis,
    /// The trials by its value, ascending, without empty bins.
    pub bins: Vec<Bin>,
    /// On the accuracy outside the reference language.
    pub accuracy: Effect,
    /// On the natural logarithm of the perplexity over the base's.
    pub perplexity: Effect,
}

/// The trials with one value of a hyper-parameter, or with a part of its range.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// Lowest value; a part of a range has its ends.
    pub low: f64,
    /// Highest value.
    pub high: f64,
    /// How many trials.
    pub trials: usize,
    /// Mean accuracy.
    pub accuracy: f64,
    /// Highest accuracy.
    pub best: f64,
    /// Geometric mean of the perplexities over the base's.
    pub perplexity_ratio: f64,
}

/// How much a score changes along a hyper-parameter, whatever the others are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// Highest minus lowest mean of a bin.
    pub spread: f64,
    /// Kelley's ε² (1935): the share of the score's variance that the bins explain, less what as many bins of chance would;
    /// ε² = 1 − (SS_within / (n − bins)) / (SS_total / (n − 1)), no lower than 0. `None` where every bin has one trial, or the
    /// score never changes.
    pub importance: Option<f64>,
}

/// The sensitivities to all free hyper-parameters, the most important for accuracy first.
pub fn sensitivity(space: &Space, trials: &[Trial]) -> Vec<Sensitivity> {
    let mut all: Vec<Sensitivity> = space.free().into_iter().map(|axis| of(space, axis, trials)).collect();
    let importance = |of: &Sensitivity| of.accuracy.importance.unwrap_or(0.0);
    all.sort_by(|a, b| importance(b).total_cmp(&importance(a)).then(a.axis.cmp(&b.axis)));
    all
}

fn of(space: &Space, axis: Axis, trials: &[Trial]) -> Sensitivity {
    let groups = groups(space, axis, trials);
    let bin = |(low, high, trials): &(f64, f64, Vec<&Trial>)| Bin {
        low: *low,
        high: *high,
        trials: trials.len(),
        accuracy: mean(trials, accuracy),
        best: trials.iter().map(|trial| trial.accuracy).fold(f64::NEG_INFINITY, f64::max),
        perplexity_ratio: mean(trials, logarithm).exp(),
    };
    Sensitivity {
        axis,
        bins: groups.iter().map(bin).collect(),
        accuracy: effect(&groups, accuracy),
        perplexity: effect(&groups, logarithm),
    }
}

fn accuracy(trial: &Trial) -> f64 {
    trial.accuracy
}

fn logarithm(trial: &Trial) -> f64 {
    trial.perplexity_ratio.ln()
}

/// Trials by value, or by part of the range where there are many values.
fn groups<'a>(space: &Space, axis: Axis, trials: &'a [Trial]) -> Vec<(f64, f64, Vec<&'a Trial>)> {
    let mut values: Vec<f64> = trials.iter().map(|trial| axis.of(&trial.choice)).collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    let (low, high) = space.values(axis).map_or((0.0, 0.0), |values| values.ends());
    let width = (high - low) / PARTS as f64;
    let mut groups: Vec<(f64, f64, Vec<&Trial>)> = match values.len() <= MOST_VALUES {
        true => values.iter().map(|value| (*value, *value, Vec::new())).collect(),
        false => {
            let end = |part: usize| low + part as f64 * width;
            (0..PARTS).map(|part| (end(part), end(part + 1), Vec::new())).collect()
        }
    };
    for trial in trials {
        let value = axis.of(&trial.choice);
        let index = match values.len() <= MOST_VALUES {
            true => values.partition_point(|listed| *listed < value),
            false => (((value - low) / width) as usize).min(PARTS - 1),
        };
        groups[index].2.push(trial);
    }
    groups.retain(|(.., trials)| !trials.is_empty());
    groups
}

fn mean(trials: &[&Trial], score: fn(&Trial) -> f64) -> f64 {
    trials.iter().map(|trial| score(trial)).sum::<f64>() / trials.len() as f64
}

fn effect(groups: &[(f64, f64, Vec<&Trial>)], score: fn(&Trial) -> f64) -> Effect {
    let all: Vec<&Trial> = groups.iter().flat_map(|(.., trials)| trials.iter().copied()).collect();
    let squares = |trials: &[&Trial]| {
        let mean = mean(trials, score);
        trials.iter().map(|trial| (score(trial) - mean) * (score(trial) - mean)).sum::<f64>()
    };
    let means: Vec<f64> = groups.iter().map(|(.., trials)| mean(trials, score)).collect();
    let highest = means.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let lowest = means.iter().copied().fold(f64::INFINITY, f64::min);
    let (n, bins) = (all.len(), groups.len());
    let total = squares(&all);
    // Equal scores leave a few units in the last place of their mean.
    let varies = all.iter().any(|trial| score(trial) != score(all[0]));
    let importance = (n > bins && varies).then(|| {
        let within: f64 = groups.iter().map(|(.., trials)| squares(trials)).sum();
        (1.0 - (within / (n - bins) as f64) / (total / (n - 1) as f64)).clamp(0.0, 1.0)
    });
    Effect { spread: if n == 0 { 0.0 } else { highest - lowest }, importance }
}
