//! Figures 3, 4 and 5.

use super::estimates::{average, of_ablation, outside, perplexity};
use super::{Agreement, Brief, Results};
use crate::report::{Estimate, Figure, Point, Series, Shape};

/// Steps that a loss curve's point is the mean of.
const WINDOW: usize = 10;

fn point(x: f64, y: Estimate) -> Point {
    Point { x, y, label: String::new() }
}

/// What a figure shows of a model.
#[derive(Clone, Copy)]
pub(super) struct Score {
    /// For its id.
    id: &'static str,
    axis: fn(&Results) -> String,
    of: fn(&[&Brief]) -> Estimate,
}

/// Accuracy and perplexity, a figure each.
pub(super) const SCORES: [Score; 2] = [
    Score { id: "accuracy", axis: |results| format!("accuracy {}, %", outside(results)), of: average },
    Score { id: "perplexity", axis: |_| "mean perplexity of held-out text".to_owned(), of: perplexity },
];

/// Fig. 3: without each part.
pub(super) fn ablation(results: &Results, ability: &str, score: Score) -> Figure {
    let names = ["MAEC", "−KNL", "−AWO", "−ATI", "−AAC"];
    let points = names
        .iter()
        .enumerate()
        .map(|(index, name)| point(index as f64, (score.of)(&of_ablation(results, ability, name))));
    let axis = (score.axis)(results);
    let series = Series { name: axis.clone(), points: points.collect() };
    Figure {
        id: results.id(&format!("figure-3-{}", score.id), ability),
        title: format!("Fig. 3, {ability}: MAEC without each of its parts, {}", score.id),
        shape: Shape::Bars,
        x: "what is left out".into(),
        y: axis,
        labels: names.map(str::to_owned).to_vec(),
        series: vec![series],
        notes: vec![
            "−KNL: all parameters are trained (no Eq. 1). −AWO: R(A) = Θ_{A,L0} − Θo (no Eq. 2). −ATI: 𝒯 is every tensor (no Eq. 4). −AAC: R_Lang alone (no Eq. 5).".into(),
            "The paper's text: “in most downstream scenarios, removing any module of MAEC will affect the final performance”; without AWO it “is seriously hurt”. It prints no numbers.".into(),
        ],
    }
}

/// Fig. 4: over k₂.
pub(super) fn ratio(results: &Results, ability: &str, score: Score) -> Figure {
    let all = results.of(ability).next().map(|measured| measured.ratios.as_slice()).unwrap_or_default();
    let points = all.iter().map(|(k2, _)| {
        let briefs: Vec<&Brief> = results
            .of(ability)
            .filter_map(|measured| measured.ratios.iter().find(|(other, _)| other == k2))
            .map(|(_, row)| &row.scores)
            .collect();
        point(100.0 * k2, (score.of)(&briefs))
    });
    let axis = (score.axis)(results);
    let series = Series { name: axis.clone(), points: points.collect() };
    Figure {
        id: results.id(&format!("figure-4-{}", score.id), ability),
        title: format!("Fig. 4, {ability}: how much of the model takes the ability, {}", score.id),
        shape: Shape::Lines,
        x: "k₂, % of tensors".into(),
        y: axis,
        labels: Vec::new(),
        series: vec![series],
        notes: vec!["The paper's text: from 0.6 to 0.8 mathematics stays “approximately 35.5”, and falls at “both extremely low and high ratios”.".into()],
    }
}

/// Fig. 5, left: the loss of each way of training.
pub(super) fn losses(results: &Results, ability: &str) -> Figure {
    let all = results.of(ability).next().map(|measured| measured.losses.as_slice()).unwrap_or_default();
    let series = all.iter().map(|(name, curve)| {
        let curves: Vec<&[f32]> = results
            .of(ability)
            .filter_map(|measured| measured.losses.iter().find(|(other, _)| other == name))
            .map(|(_, curve)| curve.as_slice())
            .collect();
        let windows = curve.len().div_ceil(WINDOW);
        let points = (0..windows).map(|window| {
            let range = window * WINDOW..((window + 1) * WINDOW).min(curve.len());
            let mean = |curve: &&[f32]| {
                let part = curve.get(range.clone()).unwrap_or_default();
                part.iter().map(|&loss| f64::from(loss)).sum::<f64>() / part.len().max(1) as f64
            };
            let values: Vec<f64> = curves.iter().map(mean).collect();
            point(range.end as f64, Estimate::over_seeds(&values, None))
        });
        Series { name: name.clone(), points: points.collect() }
    });
    Figure {
        id: results.id("figure-5-losses", ability),
        title: format!("Fig. 5, {ability}: training loss by what is trained"),
        shape: Shape::Lines,
        x: "step".into(),
        y: "loss, nats a token".into(),
        labels: Vec::new(),
        series: series.collect(),
        notes: vec![format!(
            "Each point is the mean of {WINDOW} steps. The neurons are Eq. 1's top k₁, as many drawn at random, or all."
        )],
    }
}

/// Fig. 5, right: how alike two trainings' changes are, layer by layer.
pub(super) fn layers(results: &Results, ability: &str, value: fn(&Agreement) -> f64, what: &str) -> Figure {
    let all = results.of(ability).next().map(|measured| measured.layers.as_slice()).unwrap_or_default();
    let series = all.iter().map(|pair| {
        let points = (0..pair.layers.len()).map(|layer| {
            let values: Vec<f64> = results
                .of(ability)
                .filter_map(|measured| measured.layers.iter().find(|other| other.name == pair.name))
                .filter_map(|pair| pair.layers.get(layer))
                .map(value)
                .collect();
            point(layer as f64, Estimate::over_seeds(&values, None))
        });
        Series { name: pair.name.clone(), points: points.collect() }
    });
    let id = if what == "cosine" { "cosine" } else { "l1" };
    Figure {
        id: results.id(&format!("figure-5-{id}"), ability),
        title: format!("Fig. 5, {ability}: {id} of what was changed, layer by layer"),
        shape: Shape::Lines,
        x: "decoder layer".into(),
        y: what.to_owned(),
        labels: Vec::new(),
        series: series.collect(),
        notes: vec!["All parameters are trained, from the same base, for the same steps. The paper's finding: one ability in two languages changes a model more alike than two abilities do.".into()],
    }
}
