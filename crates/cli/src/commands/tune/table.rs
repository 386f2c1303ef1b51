//! A search's outcome as tables.

use maec_lab::tune::{Trial, Tuning};

use crate::table;

/// The best ten, the front, and what matters.
pub(super) fn shown(tuning: &Tuning) -> String {
    let free = tuning.plan.space.free();
    let symbols: Vec<&str> = free.iter().map(|axis| axis.symbol()).collect();
    let headings: Vec<&str> =
        ["trial"].into_iter().chain(symbols).chain(["accuracy %", "perplexity ×"]).collect();
    let rows = |trials: &mut dyn Iterator<Item = &Trial>| {
        let mut rows = table::new(&headings, 0);
        for trial in trials {
            let mut cells = vec![trial.number.to_string()];
            cells.extend(free.iter().map(|axis| axis.of(&trial.choice).to_string()));
            cells.push(table::percent(trial.accuracy));
            cells.push(format!("{:.3}", trial.perplexity_ratio));
            rows.add_row(cells);
        }
        rows
    };
    let mut matters = table::new(&["", "importance %", "spread", "of perplexity %", "spread ×"], 1);
    let share = |share: Option<f64>| share.map_or("–".into(), table::percent);
    for of in &tuning.sensitivity {
        matters.add_row([
            of.axis.symbol().to_owned(),
            share(of.accuracy.importance),
            table::percent(of.accuracy.spread),
            share(of.perplexity.importance),
            format!("{:.3}", of.perplexity.spread.exp()),
        ]);
    }
    let ranked = tuning.plan.objective.ranked(&tuning.trials);
    let limit = tuning.plan.objective.perplexity_limit;
    let best = match tuning.within_limit {
        true => format!("The best trials within {limit} × the base's perplexity"),
        false => format!("No trial is within {limit} × the base's perplexity; the nearest"),
    };
    format!(
        "{best}\n{}\n\nThe Pareto front of accuracy against perplexity\n{}\n\nHow much each matters\n{matters}",
        rows(&mut ranked.into_iter().take(10)),
        rows(&mut tuning.pareto.iter().map(|number| &tuning.trials[*number])),
    )
}
