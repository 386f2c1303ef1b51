//! What tables, figures and sentences show of some rows: estimates over the seeds.

use super::measure::{Measured, Row as Measurement};
use super::{Brief, Results};
use crate::report::{Cell, Estimate};

/// What the average over all languages but the reference is called.
pub(super) fn outside(results: &Results) -> String {
    format!("outside {}", results.reference())
}

/// Accuracy outside the reference language, in per cent, over the seeds.
pub(super) fn average(briefs: &[&Brief]) -> Estimate {
    let values: Vec<f64> = briefs.iter().map(|brief| 100.0 * brief.others.rate()).collect();
    let alone = briefs.first().map(|brief| (100.0 * brief.others.low, 100.0 * brief.others.high));
    Estimate::over_seeds(&values, alone).within(0.0, 100.0)
}

/// The same minus the backbone's, in points.
pub(super) fn gain(briefs: &[&Brief]) -> Estimate {
    let values: Vec<f64> = briefs.iter().map(|brief| 100.0 * brief.gain.mean).collect();
    let alone = briefs.first().map(|brief| (100.0 * brief.gain.low, 100.0 * brief.gain.high));
    Estimate::over_seeds(&values, alone)
}

/// Mean perplexity over the languages, over the seeds.
pub(super) fn perplexity(briefs: &[&Brief]) -> Estimate {
    let values: Vec<f64> = briefs.iter().map(|brief| brief.mean_perplexity).collect();
    Estimate::over_seeds(&values, None).within(1.0, f64::INFINITY)
}

/// Accuracy in one language, in per cent; nothing where it was not asked.
pub(super) fn language(briefs: &[&Brief], code: &str) -> Cell {
    let accuracies: Vec<_> = briefs.iter().filter_map(|brief| brief.accuracy.get(code)).collect();
    let Some(first) = accuracies.first() else { return Cell::Empty };
    let values: Vec<f64> = accuracies.iter().map(|accuracy| 100.0 * accuracy.rate()).collect();
    let estimate = Estimate::over_seeds(&values, Some((100.0 * first.low, 100.0 * first.high)));
    Cell::Measured(estimate.within(0.0, 100.0))
}

/// The rows of one name, seed by seed.
pub(super) fn named<'a>(
    results: &'a Results,
    ability: &'a str,
    rows: impl Fn(&'a Measured) -> &'a [Measurement],
    name: &str,
) -> Vec<&'a Measurement> {
    results.of(ability).filter_map(|measured| rows(measured).iter().find(|row| row.name == name)).collect()
}

/// Scores of some rows.
pub(super) fn scores<'a>(rows: &[&'a Measurement]) -> Vec<&'a Brief> {
    rows.iter().map(|row| &row.scores).collect()
}

/// Scores of one of Table 2's rows.
pub(super) fn of_row<'a>(results: &'a Results, ability: &'a str, name: &str) -> Vec<&'a Brief> {
    scores(&named(results, ability, |measured| &measured.rows, name))
}

/// Scores of one of Fig. 3's rows.
pub(super) fn of_ablation<'a>(results: &'a Results, ability: &'a str, name: &str) -> Vec<&'a Brief> {
    scores(&named(results, ability, |measured| &measured.ablations, name))
}

/// What rows are called.
pub(super) fn names(rows: Option<&[Measurement]>) -> Vec<String> {
    rows.into_iter().flatten().map(|row| row.name.clone()).collect()
}
