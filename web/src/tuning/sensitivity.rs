//! How much each hyper-parameter matters: the companion's formulas.

use serde::Serialize;

use super::space::distinct;
use super::{Axis, Space, Trial, Values};
use crate::order::order;

/// A hyper-parameter with more values than this is seen in equal parts of its range.
const MOST_VALUES: usize = 8;
/// How many parts those are.
const PARTS: usize = 5;

/// What trials say about one hyper-parameter.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Effect {
    /// Highest minus lowest mean of a bin.
    pub spread: f64,
    /// Kelley's ε² (1935), 1 − (SS_within / (n − bins)) / (SS_total / (n − 1)), no lower than 0: the share of the score's
    /// variance that the bins explain, less what chance would. Nothing where every bin has one trial, or the score never
    /// changes.
    pub importance: Option<f64>,
}

/// The sensitivities to all free hyper-parameters, the most important for accuracy first.
pub fn sensitivity(space: &Space, trials: &[Trial]) -> Vec<Sensitivity> {
    let all: Vec<Sensitivity> =
        space.free().into_iter().map(|(axis, values)| of(axis, values, trials)).collect();
    let importance = |place: usize| all[place].accuracy.importance.unwrap_or(0.0);
    let places = order(all.len(), &|a, b| importance(b).total_cmp(&importance(a)));
    places.into_iter().map(|place| all[place].clone()).collect()
}

/// The accuracies and the logarithms of the perplexities of a bin's trials.
#[derive(Default)]
struct Group {
    low: f64,
    high: f64,
    accuracies: Vec<f64>,
    logarithms: Vec<f64>,
}

fn of(axis: Axis, values: &Values, trials: &[Trial]) -> Sensitivity {
    let groups = groups(axis, values, trials);
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
fn groups(axis: Axis, range: &Values, trials: &[Trial]) -> Vec<Group> {
    let tried: Vec<f64> = trials.iter().map(|trial| axis.of(&trial.choice)).collect();
    let values = distinct(&tried);
    let is_few = values.len() <= MOST_VALUES;
    let (low, high) = range.ends();
    let width = (high - low) / PARTS as f64;
    let group = |low, high| Group { low, high, ..Group::default() };
    let end = |part: usize| low + part as f64 * width;
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
    // A mean of equal numbers may be rounded, so that their squares about it are not 0.
    let changes = all.iter().any(|score| *score != all[0]);
    let importance = (n > bins && changes).then(|| {
        let within: f64 = groups.iter().map(|group| squares(group)).sum();
        (1.0 - (within / (n - bins) as f64) / (total / (n - 1) as f64)).clamp(0.0, 1.0)
    });
    Effect { spread: if n == 0 { 0.0 } else { highest - lowest }, importance }
}

#[cfg(test)]
mod tests {
    use super::super::tests::trial;
    use super::*;

    #[test]
    fn what_decides_is_important_and_what_does_not_is_not() {
        let space = Space {
            gamma: Some(Values::List(vec![0.0, 1.0])),
            eta: Some(Values::List(vec![0.0, 1.0])),
            ..Space::default()
        };
        let trials: Vec<Trial> = (0..8)
            .map(|number| {
                let mut trial = trial(number, f64::from(number % 2) * 0.5, 1.0);
                trial.choice.parameters.gamma = f64::from(number % 2);
                trial.choice.parameters.eta = f64::from(number / 2 % 2);
                trial
            })
            .collect();
        let found = sensitivity(&space, &trials);
        assert_eq!(found.iter().map(|one| one.axis).collect::<Vec<_>>(), [Axis::Gamma, Axis::Eta]);
        assert_eq!(found[0].accuracy, Effect { spread: 0.5, importance: Some(1.0) });
        assert_eq!(found[1].accuracy, Effect { spread: 0.0, importance: Some(0.0) });
        // A score that never changes has no variance to explain, also where its mean is rounded.
        assert_eq!(found[0].perplexity.importance, None);
        assert_eq!(found[0].bins[1].trials, 4);
        assert_eq!((found[0].bins[1].accuracy, found[0].bins[1].perplexity_ratio), (0.5, 1.0));
    }

    #[test]
    fn many_values_are_seen_in_parts_of_their_range() {
        let space = Space { gamma: Some(Values::between(0.0, 1.0)), ..Space::default() };
        let trials: Vec<Trial> = (0..20)
            .map(|number| {
                let mut trial = trial(number, 0.1, 1.0);
                trial.choice.parameters.gamma = f64::from(number) / 19.0 * 0.5;
                trial
            })
            .collect();
        let found = &sensitivity(&space, &trials)[0];
        assert_eq!(found.accuracy.importance, None, "every accuracy is 0.1");
        let bins = &found.bins;
        assert_eq!(bins.iter().map(|bin| bin.trials).sum::<usize>(), 20);
        assert_eq!((bins.len(), bins[0].low, bins[0].high), (3, 0.0, 0.2), "the upper parts are empty");
    }
}
