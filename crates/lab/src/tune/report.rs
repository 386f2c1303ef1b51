//! A search as a report: what was chosen, the front, and what each hyper-parameter does.

use super::{Axis, Effect, Models, Sensitivity, Trial, Tuning};
use crate::report::{Cell, Column, Estimate, Figure, Part, Point, Report, Row, Series, Shape, Table};

/// Trials that the table of the best shows.
const BEST: usize = 10;

/// The report of a search; `command` makes it again.
pub fn report(tuning: &Tuning, command: &str) -> Report {
    let plan = &tuning.plan;
    let mut parts = vec![
        Part::Text { heading: "What was chosen".into(), paragraphs: findings(tuning) },
        Part::Table(best(tuning)),
        Part::Figure(front(tuning)),
        Part::Table(front_table(tuning)),
        Part::Table(importance(tuning)),
    ];
    parts.extend(
        tuning
            .sensitivity
            .iter()
            .flat_map(|of| [Part::Figure(along(of, true)), Part::Figure(along(of, false))]),
    );
    Report {
        title: format!("Hyper-parameters of {} for {}", plan.method.name(), plan.ability),
        command: command.to_owned(),
        summary: vec![
            asked(tuning),
            format!(
                "Best is the highest accuracy outside the reference language among the merges whose perplexity is at most {} × \
                 the base's, means over the seeds.",
                plan.objective.perplexity_limit
            ),
        ],
        parts,
    }
}

/// What every merge was asked, and of which models.
fn asked(tuning: &Tuning) -> String {
    let (plan, trials) = (&tuning.plan, tuning.trials.len());
    let seeds = plan.seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    let made = format!("{trials} merges of trained models, none trained again, each asked");
    if let Some(files) = plan.settings.as_ref().and_then(Models::files) {
        let count = |(code, count): (&String, &usize)| format!("{code} {count}");
        let counts: Vec<String> = files.questions.iter().map(count).collect();
        return format!(
            "{made} validation questions ({}) and at most {} held-out windows in every language with the models of `{}` of seeds \
             {seeds}. No question that its tables report was used.",
            counts.join(", "),
            plan.exam.texts,
            files.experiment
        );
    }
    let (models, tests) = match &plan.pack {
        // A pack's seed may be one that results are reported for.
        Some(pack) => (format!("models of pack {pack} (seed {seeds})"), "No test problem was used."),
        None => {
            (format!("models of the validation seeds {seeds}"), "No test problem and no test seed was used.")
        }
    };
    format!(
        "{made} {} validation problems and {} held-out texts in every language with the {models}. {tests}",
        plan.exam.problems, plan.exam.texts
    )
}

/// A choice in symbols: `β 0.5, γ 1.2, …`.
fn in_words(axes: &[Axis], trial: &Trial) -> String {
    let one = |axis: &Axis| format!("{} {}", axis.symbol(), axis.of(&trial.choice));
    axes.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn findings(tuning: &Tuning) -> Vec<String> {
    let best = tuning.best();
    let base = tuning.base.iter().map(|base| base.other_languages).sum::<f64>() / tuning.base.len() as f64;
    let free = tuning.plan.space.free();
    let limit = tuning.plan.objective.perplexity_limit;
    let mut all = vec![format!(
        "Trial {}: {}. Its accuracy is {} (the base's {}) at {:.3} × the base's perplexity.",
        best.number,
        in_words(&free, best),
        percent(best.accuracy),
        percent(base),
        best.perplexity_ratio
    )];
    let within = tuning.trials.iter().filter(|trial| tuning.plan.objective.allows(trial)).count();
    all.push(match within {
        0 => format!("No trial kept the limit of {limit}: this is the one with the lowest perplexity."),
        _ => format!("{within} of {} trials kept the limit of {limit}.", tuning.trials.len()),
    });
    if best.accuracy <= base {
        all.push("No allowed merge was better than the base: what was chosen is not worth merging.".into());
    }
    if let Some(first) = tuning.sensitivity.first()
        && let Some(importance) = first.accuracy.importance.filter(|importance| *importance > 0.0)
    {
        all.push(format!(
            "Accuracy depends most on {}, which alone explains {} of its variance over the trials.",
            first.axis.symbol(),
            percent(importance)
        ));
    }
    let ends = |axis: &&Axis| {
        let ends = tuning.plan.space.values(**axis).map(|values| values.ends());
        ends.is_some_and(|(low, high)| [low, high].contains(&axis.of(&best.choice)))
    };
    let edges: Vec<&str> = free.iter().filter(ends).map(|axis| axis.symbol()).collect();
    if !edges.is_empty() {
        let edges = edges.join(", ");
        all.push(format!("The choice is at an end of what {edges} may be: more may lie beyond."));
    }
    all
}

fn column(name: &str, unit: &str, decimals: usize) -> Column {
    Column { name: name.into(), unit: unit.into(), decimals }
}

fn exact(value: f64) -> Cell {
    Cell::Measured(Estimate::exact(value))
}

/// Trials with their numbers and scores, one row each.
fn rows<'a>(tuning: &Tuning, trials: impl Iterator<Item = &'a Trial>) -> Vec<Row> {
    let free = tuning.plan.space.free();
    let row = |trial: &Trial| {
        let mut cells: Vec<Cell> = free.iter().map(|axis| exact(axis.of(&trial.choice))).collect();
        let each = |score: &dyn Fn(usize) -> f64| (0..trial.seeds.len()).map(score).collect::<Vec<f64>>();
        let accuracy = each(&|i| 100.0 * trial.seeds[i].other_languages);
        let ratio = each(&|i| trial.seeds[i].perplexity / tuning.base[i].perplexity);
        cells.push(Cell::Measured(Estimate::over_seeds(&accuracy, None)));
        cells.push(Cell::Measured(Estimate::over_seeds(&ratio, None)));
        Row { name: format!("trial {}", trial.number), cells }
    };
    trials.map(row).collect()
}

fn columns(tuning: &Tuning) -> Vec<Column> {
    let free = tuning.plan.space.free();
    let mut columns: Vec<Column> = free.iter().map(|axis| column(axis.symbol(), "", 4)).collect();
    columns.push(column("accuracy outside the reference language", "%", 1));
    columns.push(column("perplexity over the base's", "×", 3));
    columns
}

fn best(tuning: &Tuning) -> Table {
    let ranked = tuning.plan.objective.ranked(&tuning.trials);
    Table {
        id: "best".into(),
        title: format!("The best {} trials", BEST.min(ranked.len())),
        columns: columns(tuning),
        rows: rows(tuning, ranked.into_iter().take(BEST)),
        notes: vec![
            "Intervals are Student's over the seeds. The best of many trials looks better than it is: only test seeds tell how \
             good it is."
                .into(),
        ],
    }
}

fn front_table(tuning: &Tuning) -> Table {
    Table {
        id: "front".into(),
        title: "The Pareto front: trials that no other beats in both accuracy and perplexity".into(),
        columns: columns(tuning),
        rows: rows(tuning, tuning.pareto.iter().map(|number| &tuning.trials[*number])),
        notes: Vec::new(),
    }
}

fn front(tuning: &Tuning) -> Figure {
    let free = tuning.plan.space.free();
    let point = |trial: &Trial| Point {
        x: trial.perplexity_ratio,
        y: Estimate::exact(100.0 * trial.accuracy),
        label: format!("trial {}: {}", trial.number, in_words(&free, trial)),
    };
    let on_front = |trial: &&Trial| tuning.pareto.contains(&trial.number);
    let base = tuning.base.iter().map(|base| 100.0 * base.other_languages).collect::<Vec<f64>>();
    // One merge in ruins would press all others into a corner.
    let shown =
        |trial: &&Trial| trial.perplexity_ratio <= 3.0_f64.max(tuning.plan.objective.perplexity_limit);
    let hidden = tuning.trials.iter().filter(|trial| !shown(trial)).count();
    let others = tuning.trials.iter().filter(|trial| shown(trial) && !on_front(trial));
    let front = tuning.pareto.iter().map(|number| &tuning.trials[*number]).filter(shown);
    let mut notes =
        vec![format!("Allowed is what stands left of {}.", tuning.plan.objective.perplexity_limit)];
    if hidden > 0 {
        notes.push(format!("{hidden} trials with more than 3 × the base's perplexity are not drawn."));
    }
    Figure {
        id: "accuracy-against-perplexity".into(),
        title: "Ability against perplexity".into(),
        shape: Shape::Points,
        x: "perplexity over the base's".into(),
        y: "accuracy outside the reference language, %".into(),
        labels: Vec::new(),
        series: vec![
            Series { name: "trials".into(), points: others.map(point).collect() },
            Series { name: "Pareto front".into(), points: front.map(point).collect() },
            Series {
                name: "base".into(),
                points: vec![Point { x: 1.0, y: Estimate::over_seeds(&base, None), label: "base".into() }],
            },
        ],
        notes,
    }
}

fn importance(tuning: &Tuning) -> Table {
    let share = |effect: &Effect| effect.importance.map_or(Cell::Empty, |share| exact(100.0 * share));
    let row = |of: &Sensitivity| Row {
        name: of.axis.symbol().into(),
        cells: vec![
            share(&of.accuracy),
            exact(100.0 * of.accuracy.spread),
            share(&of.perplexity),
            exact(of.perplexity.spread.exp()),
        ],
    };
    Table {
        id: "sensitivity".into(),
        title: "How much each hyper-parameter matters".into(),
        columns: vec![
            column("importance for accuracy", "%", 1),
            column("spread of accuracy", "points", 1),
            column("importance for perplexity", "%", 1),
            column("spread of perplexity", "×", 3),
        ],
        rows: tuning.sensitivity.iter().map(row).collect(),
        notes: vec![
            "Trials are grouped by a hyper-parameter's value (by five equal parts of its range where it has more than eight). \
             Spread: highest over lowest group mean, for perplexity of geometric means. Importance: Kelley's ε², the share of the \
             variance (for perplexity of its logarithm) that the groups explain beyond chance. A model-based search visits good \
             regions more often, so that its importances are of those regions."
                .into(),
        ],
    }
}

/// Mean accuracy, or mean perplexity, along one hyper-parameter.
fn along(of: &Sensitivity, accuracy: bool) -> Figure {
    let symbol = of.axis.symbol();
    let (name, y) = match accuracy {
        true => ("accuracy", "accuracy outside the reference language, %"),
        false => ("perplexity", "perplexity over the base's"),
    };
    let series = |name: &str, value: &dyn Fn(&super::Bin) -> f64| Series {
        name: name.into(),
        points: of
            .bins
            .iter()
            .map(|bin| Point {
                x: (bin.low + bin.high) / 2.0,
                y: Estimate::exact(value(bin)),
                label: format!("{} trials", bin.trials),
            })
            .collect(),
    };
    Figure {
        id: format!("{name}-along-{}", of.axis.name()),
        title: format!("{} along {symbol}", if accuracy { "Accuracy" } else { "Perplexity" }),
        shape: Shape::Lines,
        x: symbol.into(),
        y: y.into(),
        labels: Vec::new(),
        series: match accuracy {
            true => vec![
                series("mean", &|bin| 100.0 * bin.accuracy),
                series("best, whatever its perplexity", &|bin| 100.0 * bin.best),
            ],
            false => vec![series("geometric mean", &|bin| bin.perplexity_ratio)],
        },
        notes: Vec::new(),
    }
}
