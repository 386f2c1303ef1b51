//! What a trial is worth, and which are the best.

use std::cmp::Ordering;

use maec_protocol::LanguageResult;

use super::{Scores, Trial};
use crate::order::order;

/// Perplexities above this, and what is no number, count as this: JSON has no infinity.
const WORST_PERPLEXITY: f64 = 1e12;

/// The scores of an evaluation: accuracy over all languages but the reference, mean perplexity over all.
pub fn scores(languages: &[LanguageResult], reference: &str) -> Scores {
    let others = || languages.iter().filter(|result| result.language != reference);
    let sum = |of: fn(&LanguageResult) -> u32| others().map(|result| f64::from(of(result))).sum::<f64>();
    let asked = sum(|result| result.n);
    let perplexity = languages.iter().map(|result| result.perplexity).sum::<f64>() / languages.len() as f64;
    Scores {
        other_languages: if asked > 0.0 { sum(|result| result.correct) / asked } else { 0.0 },
        // `min` takes the number where the other is none.
        perplexity: perplexity.min(WORST_PERPLEXITY),
    }
}

/// The trial with the best accuracy within a limit on perplexity, or where none keeps it, the one that comes nearest; of
/// equals the one with the lower perplexity, then the earlier.
pub fn best(trials: &[Trial], limit: f64) -> Option<&Trial> {
    trials.iter().min_by(|a, b| compare(a, b, limit))
}

/// The better one first.
fn compare(a: &Trial, b: &Trial, limit: f64) -> Ordering {
    let worth = |trial: &Trial| match trial.perplexity_ratio <= limit {
        true => trial.accuracy,
        false => limit - trial.perplexity_ratio,
    };
    let worth = worth(b).total_cmp(&worth(a));
    worth.then(a.perplexity_ratio.total_cmp(&b.perplexity_ratio)).then(a.number.cmp(&b.number))
}

/// The numbers of the trials that no other beats: none has a higher accuracy without a higher perplexity, or a lower
/// perplexity without a lower accuracy. From the lowest perplexity to the highest.
pub fn pareto_front(trials: &[Trial]) -> Vec<u32> {
    let by_perplexity = order(trials.len(), &|a, b| {
        let (a, b) = (&trials[a], &trials[b]);
        let scores =
            a.perplexity_ratio.total_cmp(&b.perplexity_ratio).then(b.accuracy.total_cmp(&a.accuracy));
        scores.then(a.number.cmp(&b.number))
    });
    let mut front: Vec<&Trial> = Vec::new();
    for place in by_perplexity {
        let trial = &trials[place];
        // Only the last one can beat it: it has the highest accuracy so far.
        let beaten = front.last().is_some_and(|last| {
            let same = last.perplexity_ratio == trial.perplexity_ratio && last.accuracy == trial.accuracy;
            last.accuracy >= trial.accuracy && !same
        });
        if !beaten {
            front.push(trial);
        }
    }
    front.into_iter().map(|trial| trial.number).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::trial;
    use super::*;

    #[test]
    fn the_front_is_what_no_trial_beats() {
        let points = [(0.3, 1.2), (0.2, 1.0), (0.3, 1.1), (0.1, 1.05), (0.2, 1.0), (0.4, 9.0), (0.3, 1.2)];
        let trials: Vec<Trial> =
            (0..).zip(points).map(|(number, (accuracy, ratio))| trial(number, accuracy, ratio)).collect();
        // Held against the definition, pair by pair.
        let beats = |a: &Trial, b: &Trial| {
            let no_worse = a.accuracy >= b.accuracy && a.perplexity_ratio <= b.perplexity_ratio;
            no_worse && (a.accuracy > b.accuracy || a.perplexity_ratio < b.perplexity_ratio)
        };
        let expected: Vec<u32> = trials
            .iter()
            .filter(|trial| !trials.iter().any(|other| beats(other, trial)))
            .map(|trial| trial.number)
            .collect();
        let mut found = pareto_front(&trials);
        assert_eq!(found, [1, 4, 2, 5], "by rising perplexity");
        found.sort_unstable();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_best_keeps_the_limit_where_one_does() {
        let trials = [trial(0, 0.5, 2.0), trial(1, 0.2, 1.05), trial(2, 0.3, 1.1), trial(3, 0.3, 1.08)];
        assert_eq!(best(&trials, 1.1).map(|trial| trial.number), Some(3));
        assert_eq!(best(&trials, 0.9).map(|trial| trial.number), Some(1), "the nearest to the limit");
        assert_eq!(best(&[], 1.1), None);
    }

    #[test]
    fn the_reference_language_counts_for_perplexity_alone() {
        let result = |language: &str, correct, perplexity| LanguageResult {
            language: language.into(),
            n: 10,
            correct,
            low: 0.0,
            high: 1.0,
            perplexity,
            close_calls: Vec::new(),
        };
        let languages = [result("en", 10, 2.0), result("es", 3, 4.0), result("bn", 5, 6.0)];
        assert_eq!(scores(&languages, "en"), Scores { other_languages: 0.4, perplexity: 4.0 });
        assert_eq!(scores(&[result("es", 0, f64::NAN)], "en").perplexity, WORST_PERPLEXITY);
    }
}
