//! What came out, in sentences that follow from the numbers.

use super::estimates::{average, gain, of_ablation, of_row, outside, perplexity};
use super::runs::SAME_ABILITY;
use super::{Measured, Results};
use crate::report::{Estimate, Part};

/// Whether an interval says that the value is not zero.
fn verdict(estimate: &Estimate) -> &'static str {
    if estimate.low >= estimate.high {
        "without an interval"
    } else if estimate.low > 0.0 {
        "which the interval puts above zero"
    } else if estimate.high < 0.0 {
        "which the interval puts below zero"
    } else {
        "which the interval does not tell from zero"
    }
}

fn points(estimate: &Estimate) -> String {
    if estimate.low >= estimate.high {
        return format!("{:+.1} points", estimate.mean);
    }
    format!("{:+.1} points [{:+.1}, {:+.1}]", estimate.mean, estimate.low, estimate.high)
}

/// The differences of two rows' accuracies outside the reference, seed by seed.
fn difference(results: &Results, ability: &str, of: &str, against: &str) -> Estimate {
    let rates = |name: &str| -> Vec<f64> {
        of_row(results, ability, name).iter().map(|brief| 100.0 * brief.others.rate()).collect()
    };
    let values: Vec<f64> = rates(of).iter().zip(rates(against)).map(|(a, b)| a - b).collect();
    Estimate::over_seeds(&values, None)
}

fn last(curve: &[f32]) -> f64 {
    let part = &curve[curve.len().saturating_sub(20)..];
    part.iter().map(|&loss| f64::from(loss)).sum::<f64>() / part.len().max(1) as f64
}

/// The paragraph about one ability.
fn about(results: &Results, ability: &str) -> Vec<String> {
    let mut text = Vec::new();
    let maec = of_row(results, ability, "MAEC");
    let base = of_row(results, ability, "Backbone");
    let g = gain(&maec);
    text.push(format!(
        "Does the ability reach languages without data? MAEC has {:.1} % {}, the backbone {:.1} %: {}, {}. Its perplexity is {:.2}, the backbone's {:.2}.",
        average(&maec).mean,
        outside(results),
        average(&base).mean,
        points(&g),
        verdict(&g),
        perplexity(&maec).mean,
        perplexity(&base).mean,
    ));
    let translated = match results.is_world() {
        true => "than training on the translated ability, which here is exact",
        false => "than training on the translated ability",
    };
    for (other, claim) in [
        ("F-TV", "than task vectors of all parameters"),
        ("L-TV", "than task vectors of low-rank factors"),
        ("F-CPT_{L&A}", "than continual pre-training on everything with as many tokens"),
        ("F-CPT_A", "than continual pre-training on the ability alone"),
        ("F-CPT_T", translated),
        ("MAEC, random tensors", "than the same merge with tensors drawn at random (Eq. 4)"),
        ("MAEC, random neurons", "than the same merge with neurons drawn at random (Eq. 1)"),
    ] {
        if of_row(results, ability, other).is_empty() {
            continue;
        }
        let d = difference(results, ability, "MAEC", other);
        let appears = if d.seeds < 2 {
            "one seed decides nothing"
        } else if d.low > 0.0 {
            "the paper's order appears"
        } else if d.high < 0.0 {
            "the opposite of the paper's order appears"
        } else {
            "the seeds do not decide"
        };
        let ppl = perplexity(&of_row(results, ability, other)).mean;
        text.push(format!(
            "Is MAEC better {claim}? {}: {appears}. The other's perplexity is {ppl:.2}.",
            points(&d)
        ));
    }
    let whole = average(&of_ablation(results, ability, "MAEC")).mean;
    let parts: Vec<String> = ["−KNL", "−AWO", "−ATI", "−AAC"]
        .iter()
        .map(|name| {
            let briefs = of_ablation(results, ability, name);
            let change = average(&briefs).mean - whole;
            format!("{name} {change:+.1} points at perplexity {:.2}", perplexity(&briefs).mean)
        })
        .collect();
    text.push(format!("What each part does (Fig. 3), against MAEC's {whole:.1} %: {}.", parts.join("; ")));
    let found: Vec<&Measured> = results.of(ability).collect();
    let ends: Vec<String> = found.first().map_or(Vec::new(), |first| {
        first
            .losses
            .iter()
            .enumerate()
            .map(|(index, (name, _))| {
                let ends = found
                    .iter()
                    .filter_map(|measured| measured.losses.get(index))
                    .map(|(_, curve)| last(curve));
                format!("{name}: {:.3}", ends.sum::<f64>() / found.len() as f64)
            })
            .collect()
    });
    text.push(format!("Loss at the end of training (Fig. 5): {}.", ends.join(", ")));
    if let Some(first) = found.first() {
        let mean = |index: usize| {
            let pairs = found.iter().filter_map(|measured| measured.layers.get(index));
            let all: Vec<f64> = pairs.flat_map(|pair| pair.layers.iter().map(|layer| layer.cosine)).collect();
            all.iter().sum::<f64>() / all.len().max(1) as f64
        };
        let pairs: Vec<String> = first
            .layers
            .iter()
            .enumerate()
            .map(|(index, pair)| format!("{} {:.3}", pair.name, mean(index)))
            .collect();
        let languages = first.layers.first().is_some_and(|pair| pair.name.starts_with(SAME_ABILITY));
        let appears = match languages && first.layers.len() > 1 {
            true if mean(0) > mean(1) => ": the languages are closer than the abilities, as the paper says",
            true => ": the languages are not closer than the abilities, against what the paper says",
            false => "",
        };
        if !pairs.is_empty() {
            text.push(format!("Mean cosine of what was changed (Fig. 5): {}{appears}.", pairs.join("; ")));
        }
    }
    text.extend(results.left_out(ability));
    text
}

/// The first parts of a report: what came out for each ability.
pub(super) fn findings(results: &Results) -> Vec<Part> {
    let text = |ability: &&str| {
        let mut paragraphs = about(results, ability);
        if results.quick {
            let nothing = "These sentences are made by the same rules as those of a real report; here they say nothing.";
            paragraphs.insert(0, nothing.into());
        }
        Part::Text { heading: format!("Findings: {ability}"), paragraphs }
    };
    results.abilities().iter().map(text).collect()
}
