//! How much each hyper-parameter matters.

use serde::{Deserialize, Serialize};

use crate::{Axis, Space, Trial, order};

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
    let all: Vec<Sensitivity> = space.free().into_iter().map(|axis| of(space, axis, trials)).collect();
    let importance = |place: usize| all[place].accuracy.importance.unwrap_or(0.0);
    let places = order(all.len(), &|a, b| importance(b).total_cmp(&importance(a)));
    places.into_iter().map(|place| all[place].clone()).collect()
}

/// A bin's ends, and the accuracies and logarithms of perplexities of its trials.
#[derive(Default)]
struct Group {
    low: f64,
    high: f64,
    accuracies: Vec<f64>,
    logarithms: Vec<f64>,
}

fn of(space: &Space, axis: Axis, trials: &[Trial]) -> Sensitivity {
    let groups = groups(space, axis, trials);
    let bin = |group: &Group| Bin {
        low: group.low,
        high: group.high,
        trials: group.accuracies.len(),
        accuracy: mean(&group.accuracies),
        best: group.accuracies.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        perplexity_ratio: mean(&group.logarithms).exp(),
    };
    let of = |scores: fn(&Group) -> &Vec<f64>| effect(&groups.iter().map(scores).collect::<Vec<_>>());
    Sensitivity {
        axis,
        bins: groups.iter().map(bin).collect(),
        accuracy: of(|group| &group.accuracies),
        perplexity: of(|group| &group.logarithms),
    }
}

/// Trials by value, or by part of the range where there are many values.
fn groups(space: &Space, axis: Axis, trials: &[Trial]) -> Vec<Group> {
    let tried: Vec<f64> = trials.iter().map(|trial| axis.of(&trial.choice)).collect();
    let ascending = order(tried.len(), &|a, b| tried[a].total_cmp(&tried[b]));
    let mut values: Vec<f64> = ascending.into_iter().map(|place| tried[place]).collect();
    values.dedup();
    let is_few = values.len() <= MOST_VALUES;
    let (low, high) = space.values(axis).map_or((0.0, 0.0), |values| values.ends());
    let width = (high - low) / PARTS as f64;
    let end = |part: usize| low + part as f64 * width;
    let group = |low, high| Group { low, high, ..Group::default() };
    let mut groups: Vec<Group> = match is_few {
        true => values.iter().map(|value| group(*value, *value)).collect(),
        false => (0..PARTS).map(|part| group(end(part), end(part + 1))).collect(),
    };
    for (trial, value) in trials.iter().zip(tried) {
        let index = match is_few {
            true => values.partition_point(|listed| *listed < value),
            false => (((value - low) / width) as usize).min(PARTS - 1),
        };
        groups[index].accuracies.push(trial.accuracy);
        groups[index].logarithms.push(trial.perplexity_ratio.ln());
    }
    groups.retain(|group| !group.accuracies.is_empty());
    groups
}

fn mean(scores: &[f64]) -> f64 {
    scores.iter().sum::<f64>() / scores.len() as f64
}

/// The sum of the squares about the mean.
fn squares(scores: &[f64]) -> f64 {
    let mean = mean(scores);
    scores.iter().map(|score| (score - mean) * (score - mean)).sum()
}

fn effect(groups: &[&Vec<f64>]) -> Effect {
    let all: Vec<f64> = groups.iter().flat_map(|group| group.iter().copied()).collect();
    let means = groups.iter().map(|group| mean(group));
    let (lowest, highest) = means
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(lowest, highest), m| (m.min(lowest), m.max(highest)));
    let (n, bins) = (all.len(), groups.len());
    let total = squares(&all);
    // Equal scores leave a few units in the last place of their mean.
    let varies = all.iter().any(|score| *score != all[0]);
    let importance = (n > bins && varies).then(|| {
        let within: f64 = groups.iter().map(|group| squares(group)).sum();
        (1.0 - (within / (n - bins) as f64) / (total / (n - 1) as f64)).clamp(0.0, 1.0)
    });
    Effect { spread: if n == 0 { 0.0 } else { highest - lowest }, importance }
}
