//! What trials say: the best, the front and the sensitivities.

use maec_search::{
    Axis, Choice, Effect, Objective, Scores, Space, Trial, Tuning, Values, pareto_front, sensitivity,
};
use proptest::prelude::*;
use serde_json::Value;

fn trial(number: usize, accuracy: f64, perplexity_ratio: f64) -> Trial {
    Trial { number, choice: Choice::default(), accuracy, perplexity_ratio, seeds: Vec::new() }
}

fn trials(scores: &[(u8, u8)]) -> Vec<Trial> {
    let of = |(number, (accuracy, ratio)): (usize, &(u8, u8))| {
        trial(number, f64::from(*accuracy) / 10.0, f64::from(*ratio) / 10.0)
    };
    scores.iter().enumerate().map(of).collect()
}

/// What `maec tune` wrote before any of this was rewritten.
#[test]
fn the_sums_are_those_of_a_search_that_was_made() {
    let made: Tuning<Value> = serde_json::from_str(include_str!("../../../tests/tuning/tune.json")).unwrap();
    let mut found = Tuning::new(made.plan.clone(), made.base.clone(), made.trials.clone()).unwrap();
    for (found, made) in found.sensitivity.iter().zip(&made.sensitivity) {
        // Logarithms may differ in their last bit from one system to another.
        assert!((found.perplexity.spread - made.perplexity.spread).abs() < 1e-12);
        for (found, made) in found.bins.iter().zip(&made.bins) {
            assert!((found.perplexity_ratio - made.perplexity_ratio).abs() < 1e-12);
            assert_eq!((found.low, found.high, found.trials), (made.low, made.high, made.trials));
            assert_eq!((found.accuracy, found.best), (made.accuracy, made.best));
        }
        assert_eq!((found.axis, found.accuracy), (made.axis, made.accuracy));
    }
    assert_eq!(found.sensitivity.len(), made.sensitivity.len());
    found.sensitivity.clone_from(&made.sensitivity);
    assert_eq!(found, made);
}

#[test]
fn a_trial_is_the_mean_of_its_seeds_and_always_a_number() {
    let scores = |other_languages, perplexity| Scores { other_languages, perplexity };
    let base = [scores(0.0, 2.0), scores(0.0, 4.0)];
    let trial = Trial::new(3, Choice::default(), vec![scores(0.25, 3.0), scores(0.75, 4.0)], &base);
    assert_eq!((trial.number, trial.accuracy, trial.perplexity_ratio), (3, 0.5, 1.25));
    for lost in [f64::INFINITY, f64::NAN] {
        let trial = Trial::new(0, Choice::default(), vec![scores(0.5, lost)], &base);
        assert_eq!((trial.seeds[0].perplexity, trial.perplexity_ratio), (1e12, 5e11));
    }
}

#[test]
fn what_decides_is_important_and_what_does_not_is_not() {
    let both = Values::List(vec![0.0, 1.0]);
    let space = Space::default().with(Axis::Gamma, both.clone()).with(Axis::Eta, both);
    let trials: Vec<Trial> = (0..8)
        .map(|number| {
            let of = |bit: usize| if bit % 2 == 1 { 1.0 } else { 0.0 };
            let mut trial = trial(number, of(number) * 0.5, 1.0);
            (trial.choice.parameters.gamma, trial.choice.parameters.eta) = (of(number), of(number / 2));
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
    let space = Space::default().with(Axis::Gamma, Values::range(0.0, 1.0));
    let trials: Vec<Trial> = (0..20)
        .map(|number| {
            let mut trial = trial(number, 0.1, 1.0);
            trial.choice.parameters.gamma = number as f64 / 19.0 * 0.5;
            trial
        })
        .collect();
    let found = &sensitivity(&space, &trials)[0];
    assert_eq!(found.accuracy.importance, None, "every accuracy is 0.1");
    let bins = &found.bins;
    assert_eq!(bins.iter().map(|bin| bin.trials).sum::<usize>(), 20);
    assert_eq!((bins.len(), bins[0].low, bins[0].high), (3, 0.0, 0.2), "the upper parts are empty");
}

#[test]
fn the_best_keeps_the_limit_where_one_does() {
    let trials = [trial(0, 0.5, 2.0), trial(1, 0.2, 1.05), trial(2, 0.3, 1.1), trial(3, 0.3, 1.08)];
    let best = |perplexity_limit| {
        let objective = Objective { perplexity_limit };
        assert_eq!(objective.best(&trials), objective.ranked(&trials).first().copied());
        objective.best(&trials).map(|trial| trial.number)
    };
    assert_eq!((best(1.1), best(0.9)), (Some(3), Some(1)), "within the limit; the nearest to it");
    assert_eq!(Objective::default().best(&[]), None);
}

proptest! {
    #[test]
    fn the_front_is_what_no_trial_beats(scores in prop::collection::vec((0u8..12, 0u8..12), 0..40)) {
        let trials = trials(&scores);
        let beats = |a: &Trial, b: &Trial| {
            let no_worse = a.accuracy >= b.accuracy && a.perplexity_ratio <= b.perplexity_ratio;
            no_worse && (a.accuracy > b.accuracy || a.perplexity_ratio < b.perplexity_ratio)
        };
        let unbeaten = trials.iter().filter(|b| !trials.iter().any(|a| beats(a, b)));
        let expected: Vec<usize> = unbeaten.map(|trial| trial.number).collect();
        let mut front = pareto_front(&trials);
        prop_assert!(front.is_sorted_by(|a, b| trials[*a].perplexity_ratio <= trials[*b].perplexity_ratio));
        front.sort_unstable();
        prop_assert_eq!(front, expected);
    }

    #[test]
    fn the_best_is_the_most_accurate_within_the_limit(
        scores in prop::collection::vec((0u8..12, 0u8..20), 1..40), limit in 1u8..20,
    ) {
        let trials = trials(&scores);
        let objective = Objective { perplexity_limit: f64::from(limit) / 10.0 };
        let best = objective.ranked(&trials)[0];
        prop_assert_eq!(Some(best), objective.best(&trials));
        let allowed = trials.iter().filter(|trial| objective.allows(trial));
        match allowed.map(|trial| trial.accuracy).max_by(f64::total_cmp) {
            Some(accuracy) => prop_assert!(objective.allows(best) && best.accuracy == accuracy),
            None => prop_assert!(trials.iter().all(|trial| trial.perplexity_ratio >= best.perplexity_ratio)),
        }
    }
}
