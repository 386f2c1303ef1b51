//! A search as markup: accuracy against perplexity with the Pareto front, a small plot for every hyper-parameter, and the
//! tables that say the same.

use super::{Axis, Sensitivity, Trial, Tuning, meaning, ratio, scored, shown};
use crate::format::{number, percent};
use crate::order::order;
use crate::scale;

/// Perplexities above so many times the limit stand at the edge: a merge that lost all language would press the others
/// together.
const WIDEST: f64 = 4.0;

/// Accuracy upwards, perplexity over the base's to the right.
///
/// Trials are options with the id `trial-<number>`; the `chosen` one can be reached with the Tab key.
pub fn scatter(tuning: &Tuning, chosen: usize) -> String {
    let limit = tuning.plan.objective.perplexity_limit;
    let edge = limit * WIDEST;
    let ratios = || tuning.trials.iter().map(|trial| trial.perplexity_ratio.min(edge)).chain([1.0, limit]);
    let across = scale::Axis::around(ratios());
    let up = scale::Axis::around(tuning.trials.iter().map(|trial| trial.accuracy));
    let place = |trial: &Trial| (across.at(trial.perplexity_ratio.min(edge)), 100.0 - up.at(trial.accuracy));

    let mut svg = String::from("<svg viewBox=\"0 0 100 100\" preserveAspectRatio=none aria-hidden=true>");
    let mut line = |class: &str, points: &str| {
        svg += &format!("<polyline class={class} points=\"{points}\"/>");
    };
    for x in across.ticks.iter().map(|tick| across.at(*tick)) {
        line("tick", &format!("{x:.2},0 {x:.2},100"));
    }
    for y in up.ticks.iter().map(|tick| 100.0 - up.at(*tick)) {
        line("tick", &format!("0,{y:.2} 100,{y:.2}"));
    }
    let x = across.at(limit);
    line("limit", &format!("{x:.2},0 {x:.2},100"));
    // A staircase: between two trials nothing better is known than the one to the left.
    let mut stairs = String::new();
    let mut height = 100.0;
    for trial in tuning.pareto.iter().filter_map(|number| tuning.trial(*number)) {
        let (x, y) = place(trial);
        stairs += &format!("{x:.2},{height:.2} {x:.2},{y:.2} ");
        height = y;
    }
    line("front", &format!("{stairs}100,{height:.2}"));
    svg += "</svg>";

    let mut points = String::new();
    for trial in &tuning.trials {
        let (x, y) = place(trial);
        let is_front = tuning.pareto.contains(&trial.number);
        points += &point(trial, (x, y), is_front, trial.number == tuning.best, trial.number == chosen);
    }
    let label = |class: &str, style: String, words: String| {
        format!("<span class={class} style=\"{style}%\" aria-hidden=true>{words}</span>")
    };
    let below = across.ticks.iter().map(|t| label("x", format!("left:{:.2}", across.at(*t)), number(*t, 3)));
    let beside = up.ticks.iter().map(|t| label("y", format!("bottom:{:.2}", up.at(*t)), percent(*t, 1)));
    format!(
        "{svg}{}{}<div class=points role=listbox aria-label=\"Trials, accuracy against perplexity\">{points}</div>",
        below.collect::<String>(),
        beside.collect::<String>()
    )
}

fn point(trial: &Trial, (x, y): (f64, f64), is_front: bool, is_best: bool, is_chosen: bool) -> String {
    let front = if is_front { " on-front" } else { "" };
    let best = if is_best { " best" } else { "" };
    let spoken = format!(
        "Trial {}{}: {}",
        trial.number,
        if is_best {
            ", the best"
        } else if is_front {
            ", on the front"
        } else {
            ""
        },
        scored(trial)
    );
    format!(
        "<span role=option id=trial-{} class=\"point{front}{best}\" style=\"left:{x:.2}%;top:{y:.2}%\" tabindex={} \
         aria-selected={is_chosen} aria-label=\"{spoken}\" title=\"{spoken}\"></span>",
        trial.number,
        if is_chosen { "0" } else { "-1" },
    )
}

/// Rows of the trials on the front, the head first, then those of all the others, each by rising perplexity.
pub fn front_table(tuning: &Tuning) -> Vec<Vec<String>> {
    let axes = tuning.plan.method.axes();
    let mut head: Vec<String> =
        ["Trial", "Accuracy", "Perplexity over the base’s", "On the front"].map(String::from).to_vec();
    head.extend(axes.iter().map(|axis| String::from(axis.symbol())));
    let row = |trial: &Trial| {
        let place = match tuning.pareto.contains(&trial.number) {
            _ if trial.number == tuning.best => "best",
            true => "yes",
            false => "no",
        };
        let mut row = vec![
            trial.number.to_string(),
            percent(trial.accuracy, 1),
            ratio(trial.perplexity_ratio),
            place.into(),
        ];
        row.extend(axes.iter().map(|axis| shown(*axis, axis.of(&trial.choice))));
        row
    };
    let trials = &tuning.trials;
    let front = |place: usize| !tuning.pareto.contains(&trials[place].number);
    let places = order(trials.len(), &|a, b| {
        let by_perplexity = trials[a].perplexity_ratio.total_cmp(&trials[b].perplexity_ratio);
        front(a).cmp(&front(b)).then(by_perplexity)
    });
    std::iter::once(head).chain(places.into_iter().map(|place| row(&trials[place]))).collect()
}

/// The accuracies of all small plots.
fn common(tuning: &Tuning) -> scale::Axis {
    let bins = tuning.sensitivity.iter().flat_map(|one| &one.bins);
    scale::Axis::around(bins.flat_map(|bin| [bin.accuracy, bin.best]))
}

/// How to read the small plots.
pub fn senses_key(tuning: &Tuning) -> String {
    let ticks = common(tuning).ticks;
    let end = |tick: Option<&f64>| percent(tick.copied().unwrap_or_default(), 1);
    format!(
        "Mean accuracy of the trials with a value (dot) and the best of them (stroke), whatever the other numbers are. The \
         lower line is {}, the upper {}.",
        end(ticks.first()),
        end(ticks.last())
    )
}

/// A small plot for every hyper-parameter that was searched, all with one scale of accuracies: a dot for the mean of the
/// trials with a value, a stroke for the best of them.
pub fn senses(tuning: &Tuning) -> String {
    let up = common(tuning);
    tuning.sensitivity.iter().map(|one| sense(one, &up)).collect()
}

fn sense(one: &Sensitivity, up: &scale::Axis) -> String {
    let axis = one.axis;
    let (Some(first), Some(last)) = (one.bins.first(), one.bins.last()) else { return String::new() };
    let width = (last.high - first.low).max(f64::MIN_POSITIVE);
    let mut dots = String::new();
    let mut curve = String::new();
    for bin in &one.bins {
        // The ends are kept free for whole dots.
        let x = 4.0 + 92.0 * (((bin.low + bin.high) / 2.0 - first.low) / width);
        let y = |accuracy| 100.0 - up.at(accuracy);
        dots += &format!(
            "<i class=most style=\"left:{x:.2}%;top:{:.2}%\"></i><i style=\"left:{x:.2}%;top:{:.2}%\"></i>",
            y(bin.best),
            y(bin.accuracy)
        );
        curve += &format!("{x:.2},{:.2} ", y(bin.accuracy));
    }
    let explains = match (one.accuracy.importance, one.perplexity.importance) {
        (Some(of), Some(and)) => {
            format!("Explains {} of accuracy, {} of perplexity", percent(of, 0), percent(and, 0))
        }
        (Some(of), None) => format!("Explains {} of accuracy", percent(of, 0)),
        (None, Some(of)) => format!("Explains {} of perplexity", percent(of, 0)),
        (None, None) => "What it explains takes more trials to say".into(),
    };
    let spoken = format!(
        "Mean accuracy {} at {} {}, {} at {}",
        percent(first.accuracy, 1),
        axis.symbol(),
        values(axis, first.low, first.high),
        percent(last.accuracy, 1),
        values(axis, last.low, last.high)
    );
    format!(
        "<figure data-axis={axis:?}><figcaption><strong>{}</strong> {}</figcaption>\
         <div class=sense role=img aria-label=\"{spoken}\">\
         <svg viewBox=\"0 0 100 100\" preserveAspectRatio=none aria-hidden=true><polyline class=front points=\"{curve}\"/></svg>{dots}</div>\
         <p class=sense-ends><span>{}</span><span>{}</span></p>\
         <p class=note>{explains}</p></figure>",
        axis.symbol(),
        meaning(axis),
        shown(axis, first.low),
        shown(axis, last.high),
    )
}

fn values(axis: Axis, low: f64, high: f64) -> String {
    if low == high { shown(axis, low) } else { format!("{} to {}", shown(axis, low), shown(axis, high)) }
}

/// Rows of the small plots' numbers, the head first.
pub fn senses_table(tuning: &Tuning) -> Vec<Vec<String>> {
    let head = ["Parameter and values", "Trials", "Mean accuracy", "Best", "Mean perplexity over the base’s"];
    let rows = tuning.sensitivity.iter().flat_map(|one| {
        one.bins.iter().map(|bin| {
            vec![
                format!("{} {}", one.axis.symbol(), values(one.axis, bin.low, bin.high)),
                bin.trials.to_string(),
                percent(bin.accuracy, 1),
                percent(bin.best, 1),
                ratio(bin.perplexity_ratio),
            ]
        })
    });
    std::iter::once(head.map(String::from).to_vec()).chain(rows).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{companion, trial};
    use super::*;

    #[test]
    fn every_trial_is_a_point_and_one_can_be_reached() {
        let tuning = companion();
        let html = scatter(&tuning, tuning.best);
        assert_eq!(html.matches("role=option").count(), tuning.trials.len());
        assert_eq!(html.matches("tabindex=0").count(), 1);
        assert_eq!(html.matches("on-front").count(), tuning.pareto.len());
        assert_eq!(html.matches(" best\"").count(), 1);
        let best = &html[html.find(&format!("id=trial-{} ", tuning.best)).unwrap()..];
        assert!(best.contains("aria-selected=true") && best.contains(", the best: accuracy "), "{best}");
    }

    #[test]
    fn higher_is_better_lower_is_left_and_the_far_ones_stand_at_the_edge() {
        let companion = companion();
        let trials = vec![trial(0, 0.2, 1.0), trial(1, 0.4, 1.5), trial(2, 0.3, 1e9)];
        let tuning = Tuning::new(companion.plan, companion.base, trials).unwrap();
        let html = scatter(&tuning, 0);
        let at = |number: usize| -> (f64, f64) {
            let rest = &html[html.find(&format!("id=trial-{number} ")).unwrap()..];
            let part = |key: &str| {
                let from = rest.find(key).unwrap() + key.len();
                rest[from..from + rest[from..].find('%').unwrap()].parse().unwrap()
            };
            (part("left:"), part("top:"))
        };
        assert!(at(0).0 < at(1).0 && at(1).0 < at(2).0);
        assert!(at(1).1 < at(2).1 && at(2).1 < at(0).1);
        // Without a cap the first two would stand on one place.
        assert!(at(1).0 - at(0).0 > 5.0, "{:?} {:?}", at(0), at(1));
    }

    #[test]
    fn tables_have_a_row_for_every_trial_and_bin_the_front_first() {
        let tuning = companion();
        let rows = front_table(&tuning);
        assert_eq!(rows.len(), tuning.trials.len() + 1);
        assert!(rows.iter().all(|row| row.len() == rows[0].len()));
        let front: Vec<&String> = rows[1..=tuning.pareto.len()].iter().map(|row| &row[0]).collect();
        assert_eq!(
            front,
            tuning.pareto.iter().map(usize::to_string).collect::<Vec<_>>().iter().collect::<Vec<_>>()
        );
        let bins: usize = tuning.sensitivity.iter().map(|one| one.bins.len()).sum();
        assert_eq!(senses_table(&tuning).len(), bins + 1);
        assert_eq!(senses(&tuning).matches("<figure").count(), tuning.sensitivity.len());
        assert!(senses_key(&tuning).contains("The lower line is "), "{}", senses_key(&tuning));
    }
}
