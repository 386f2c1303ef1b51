//! A training run as a report: its settings, its memory and its curves.

use std::collections::BTreeSet;

use maec_report::{Cell, Column, Estimate, Figure, Part, Point, Report, Row, Series, Shape, Table, short};
use maec_train::{Record, StateMemory, TrainConfig};

/// Points that a curve is drawn of; more steps are put together and averaged.
const POINTS: usize = 200;

/// The report of a run: a table of its settings and of the memory of weights and optimizer state, then loss, evaluations, learning
/// rate, gradient norm and speed over steps.
pub fn training(
    title: &str,
    config: &TrainConfig,
    memory: Option<StateMemory>,
    records: &[Record],
) -> Report {
    let over_steps = |id: &str, title: &str, y: &str, series| {
        Part::Figure(Figure {
            id: id.into(),
            title: title.into(),
            shape: Shape::Lines,
            x: "step".into(),
            y: y.into(),
            labels: Vec::new(),
            series,
            notes: notes(records),
        })
    };
    let of = |name: &str, value: fn(&Record) -> f64| {
        vec![curve(name, records.iter().map(|record| (record.step, value(record))))]
    };
    let names: BTreeSet<&String> = records.iter().flat_map(|record| record.evaluation.keys()).collect();
    let evaluations = names.into_iter().map(|name| {
        let measured = |record: &Record| Some((record.step, *record.evaluation.get(name)?));
        curve(name, records.iter().filter_map(measured))
    });
    let evaluations: Vec<Series> = evaluations.collect();

    let mut parts = vec![Part::Table(settings(config, memory, records))];
    parts.push(over_steps("loss", "Loss", "nats a token", of("training", |record| f64::from(record.loss))));
    if !evaluations.is_empty() {
        parts.push(over_steps("evaluation", "Evaluation", "value", evaluations));
    }
    parts.push(over_steps(
        "learning-rate",
        "Learning rate",
        "rate",
        of("rate", |record| record.learning_rate),
    ));
    let norm = of("norm", |record| record.gradient_norm);
    parts.push(over_steps("gradient-norm", "Gradient norm before clipping", "L2 norm", norm));
    parts.push(over_steps(
        "speed",
        "Speed",
        "tokens a second",
        of("speed", |record| record.tokens_per_second),
    ));
    Report { title: title.into(), command: String::new(), summary: Vec::new(), parts }
}

/// Says where points are means of several steps.
fn notes(records: &[Record]) -> Vec<String> {
    match records.len().div_ceil(POINTS) {
        0 | 1 => Vec::new(),
        steps => vec![format!("A point is the mean of {steps} consecutive values.")],
    }
}

/// Means of consecutive values, [`POINTS`] at most.
fn curve(name: &str, values: impl Iterator<Item = (u32, f64)>) -> Series {
    let values: Vec<(u32, f64)> = values.collect();
    let mean = |part: &[(u32, f64)]| {
        let count = part.len() as f64;
        let x = part.iter().map(|(step, _)| f64::from(*step)).sum::<f64>() / count;
        let y = Estimate::exact(part.iter().map(|(_, value)| value).sum::<f64>() / count);
        Point { x, y, label: String::new() }
    };
    let points = values.chunks(values.len().div_ceil(POINTS).max(1)).map(mean).collect();
    Series { name: name.into(), points }
}

fn settings(config: &TrainConfig, memory: Option<StateMemory>, records: &[Record]) -> Table {
    let mut rows = Vec::new();
    let mut row = |name: &str, value: String| {
        rows.push(Row { name: name.into(), cells: vec![Cell::Text(value)] });
    };
    if let Some(last) = records.last() {
        row("steps", format!("{} of {}", last.step, config.steps));
        row("tokens", last.tokens.to_string());
        row("seconds", short(last.seconds));
        row("last loss, nats a token", format!("{:.4}", last.loss));
    }
    if let Some(memory) = memory {
        row("parameters trained", format!("{} of {}", memory.trained, memory.parameters));
        row("weights", format!("{} bytes", memory.weights));
        let share = 100.0 * memory.ratio();
        row("optimizer state", format!("{} bytes, {share:.1} % of full AdamW's", memory.state()));
    }
    if let Ok(serde_json::Value::Object(settings)) = serde_json::to_value(config) {
        settings.iter().for_each(|(name, value)| row(&name.replace('_', " "), value.to_string()));
    }
    Table {
        id: "settings".into(),
        title: "Settings".into(),
        columns: vec![Column { name: "Value".into(), unit: String::new(), decimals: 0 }],
        rows,
        notes: Vec::new(),
    }
}
