//! Tables 2, 3, 7 and 8, and Eq. 1's sets.

use super::estimates::{
    average, gain, language, named, names, of_ablation, of_row, outside, perplexity, scores,
};
use super::measure::Row as Measurement;
use super::published::{self, Domain};
use super::{Brief, Results};
use crate::extract::Counts;
use crate::report::{Cell, Column, Estimate, Row, Table};

/// A column.
fn column(name: impl Into<String>, unit: &str, decimals: usize) -> Column {
    Column { name: name.into(), unit: unit.to_owned(), decimals }
}

/// Tokens for a point of improvement, as Table 2 counts it (#Tokens over improvement, lower is better), in millions; nothing
/// where the mean did not improve.
fn icer(rows: &[&Measurement]) -> Cell {
    let n = rows.len() as f64;
    let improvement = rows.iter().map(|row| 100.0 * row.scores.gain.mean).sum::<f64>() / n;
    let tokens = rows.iter().map(|row| row.tokens as f64 / 1e6).sum::<f64>() / n;
    match improvement > 0.0 && tokens > 0.0 {
        true => Cell::Measured(Estimate::exact(tokens / improvement)),
        false => Cell::Empty,
    }
}

/// The average's column.
fn average_column(results: &Results) -> Column {
    column(format!("average {}", outside(results)), "%", 1)
}

/// Table 2, with the controls below the paper's rows.
pub(super) fn baselines(results: &Results, ability: &str) -> Table {
    let mut columns = vec![column("tokens", "M", 2), column("training", "s", 0)];
    let codes = &results.languages;
    columns.extend(codes.iter().map(|code| column(code, "%", 1)));
    columns.push(average_column(results));
    columns.push(column("gain over the backbone", "points", 1));
    columns.push(column("ICER ↓", "M tokens a point", 3));
    columns.push(column("perplexity", "", 2));
    columns.push(column("paper: tokens", "B", 0));
    columns.extend(published::LANGUAGES.map(|code| column(format!("paper: {code}"), "%", 1)));
    columns.push(column("paper: average", "%", 1));
    columns.push(column("paper: ICER ↓", "", 1));
    let mut rows = Vec::new();
    for name in names(results.of(ability).next().map(|measured| measured.rows.as_slice())) {
        let found = named(results, ability, |measured| &measured.rows, &name);
        let briefs = scores(&found);
        let is_backbone = name == "Backbone";
        let cost = |value: fn(&Measurement) -> f64| -> Cell {
            let values: Vec<f64> = found.iter().map(|row| value(row)).collect();
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            if is_backbone { Cell::Empty } else { Cell::Measured(Estimate::exact(mean)) }
        };
        let mut cells = vec![cost(|row| row.tokens as f64 / 1e6), cost(|row| row.seconds)];
        cells.extend(codes.iter().map(|code| language(&briefs, code)));
        cells.push(Cell::Measured(average(&briefs)));
        cells.push(if is_backbone { Cell::Empty } else { Cell::Measured(gain(&briefs)) });
        cells.push(if is_backbone { Cell::Empty } else { icer(&found) });
        cells.push(Cell::Measured(perplexity(&briefs)));
        let number = |value: Option<f64>| value.map_or(Cell::Empty, Cell::Published);
        let paper = published::TABLE_2.iter().find(|row| row.name == name).zip(Domain::of(ability));
        let task = paper.map(|(row, domain)| row.of(domain));
        cells.push(number(paper.and_then(|(row, _)| row.tokens)));
        cells.extend((0..3).map(|index| number(task.map(|task| task.languages[index]))));
        cells.push(number(task.map(|task| task.average)));
        cells.push(number(task.and_then(|task| task.icer)));
        rows.push(Row { name, cells });
    }
    let Results { budget, .. } = results;
    let mut notes = results.left_out(ability);
    let asked = results.of(ability).next().map(|measured| measured.asked.as_slice()).unwrap_or_default();
    notes.extend(asked.iter().map(|note| format!("The backbone's answers, {note}.")));
    notes.extend([
        format!(
            "Every continual pre-training (CPT, DA) has {budget} steps, as many as MAEC's masked trainings together. MAEC's tokens count these and the \
             runs of Eq. 1; a task vector's count its own parts. Seconds are those of the machine that trained first, whatever else it did."
        ),
        "ICER = tokens ÷ improvement, which is how the paper's numbers are made (its text prints the inverse); empty where the mean did not improve.".into(),
        "The last four rows are controls and variants: 𝒯 drawn at random, neurons drawn at random, the other of the two corpora that the paper gives Θ_{A,L0} (its \
         Algorithm 1's line 5 has the ability alone), and the other form of Eq. 1 (summed gradients beside |Θ̃ − Θ|)."
            .into(),
        format!("The paper's averages are over es, bn, te; ours over {}.", codes.get(1..).unwrap_or_default().join(", ")),
    ]);
    Table {
        id: results.id("table-2", ability),
        title: format!("Table 2, {ability}: MAEC beside its baselines"),
        columns,
        rows,
        notes,
    }
}

/// Table 3: what happens to the other abilities.
pub(super) fn out_of_domain(results: &Results, ability: &str) -> Table {
    let others: Vec<&str> = results.abilities().into_iter().filter(|other| *other != ability).collect();
    let mut columns = Vec::new();
    for other in &others {
        columns.push(column(format!("{other}, average {}", outside(results)), "%", 1));
        columns.push(column(format!("{other}, change"), "points", 1));
    }
    columns.push(column("perplexity", "", 2));
    columns.extend(
        ["MMLU", "MBPP", "OpenbookQA"].map(|name| column(format!("paper: {name}, change"), "points", 2)),
    );
    let mut rows = Vec::new();
    for name in ["Backbone", "F-CPT_A", "MAEC"] {
        let found = named(results, ability, |measured| &measured.rows, name);
        let mut cells = Vec::new();
        for other in &others {
            let briefs: Vec<&Brief> = found.iter().filter_map(|row| row.elsewhere.get(*other)).collect();
            cells.push(Cell::Measured(average(&briefs)));
            cells.push(if name == "Backbone" { Cell::Empty } else { Cell::Measured(gain(&briefs)) });
        }
        cells.push(Cell::Measured(perplexity(&scores(&found))));
        let paper = published::TABLE_3.iter().find(|row| row.0 == name);
        cells.extend((0..3).map(|index| paper.map_or(Cell::Empty, |row| Cell::Published(row.1[index]))));
        rows.push(Row { name: name.to_owned(), cells });
    }
    Table {
        id: results.id("table-3", ability),
        title: format!("Table 3, trained on {ability}: what it does to what it was not trained on"),
        columns,
        rows,
        notes: vec![
            "Our domains outside are the other abilities measured here and held-out general text; the paper's are MMLU, MBPP and OpenbookQA.".into(),
        ],
    }
}

/// Table 7: the rows for small models.
pub(super) fn small_models(results: &Results, ability: &str) -> Table {
    let mut columns = vec![average_column(results), column("perplexity", "", 2)];
    for model in ["Qwen2.5 0.5B", "Gemma2 2B"] {
        columns.extend(["es", "te", "average"].map(|what| column(format!("paper, {model}: {what}"), "%", 2)));
    }
    let rows = [
        ("Backbone", false, Some("Backbone")),
        ("F-CPT_{L&A}", false, Some("F-CPT_{L&A}")),
        ("F-CPT_A", false, Some("F-CPT_A")),
        ("−ATI", true, None),
        ("−AAC", true, None),
        ("MAEC", false, Some("MAEC")),
    ];
    let mut all: Vec<Row> = rows
        .into_iter()
        .map(|(name, ablation, paper)| {
            let briefs =
                if ablation { of_ablation(results, ability, name) } else { of_row(results, ability, name) };
            let paper = paper.and_then(|name| published::TABLE_7.iter().find(|row| row.0 == name));
            let mut cells = vec![Cell::Measured(average(&briefs)), Cell::Measured(perplexity(&briefs))];
            cells.extend((0..6).map(|index| paper.map_or(Cell::Empty, |row| Cell::Published(row.1[index]))));
            Row { name: name.to_owned(), cells }
        })
        .collect();
    let undefined = published::TABLE_7.iter().filter(|row| row.0 == "w/o API").map(|row| Row {
        name: "w/o API (the paper's, undefined)".into(),
        cells: [Cell::Empty, Cell::Empty].into_iter().chain(row.1.map(Cell::Published)).collect(),
    });
    all.extend(undefined);
    Table {
        id: results.id("table-7", ability),
        title: format!("Table 7, {ability}: a small model"),
        columns,
        rows: all,
        notes: vec![
            "The paper's numbers are its science tasks'. It does not say what “w/o API” leaves out: most likely Eq. 4 (−ATI here); −AAC stands beside it, and neither is \
             claimed to be it."
                .into(),
        ],
    }
}

/// Table 8: only some kinds of tensors.
pub(super) fn kinds(results: &Results, ability: &str) -> Table {
    let columns = vec![
        column("share of 𝒯", "%", 2),
        average_column(results),
        column("perplexity", "", 2),
        column("paper: share of 𝒯", "%", 2),
        column("paper: average", "%", 2),
    ];
    let all = results.of(ability).next().map(|measured| measured.kinds.as_slice()).unwrap_or_default();
    let mut rows = Vec::new();
    for (_, row) in all {
        let found: Vec<&(f64, Measurement)> = results
            .of(ability)
            .filter_map(|measured| measured.kinds.iter().find(|(_, other)| other.name == row.name))
            .collect();
        let shares: Vec<f64> = found.iter().map(|(share, _)| 100.0 * share).collect();
        let briefs: Vec<&Brief> = found.iter().map(|(_, row)| &row.scores).collect();
        let paper = published::TABLE_8.iter().find(|paper| paper.0 == row.name);
        rows.push(Row {
            name: row.name.clone(),
            cells: vec![
                Cell::Measured(Estimate::over_seeds(&shares, None)),
                Cell::Measured(average(&briefs)),
                Cell::Measured(perplexity(&briefs)),
                paper.map_or(Cell::Empty, |row| Cell::Published(row.1)),
                paper.map_or(Cell::Empty, |row| Cell::Published(row.2)),
            ],
        });
    }
    Table {
        id: results.id("table-8", ability),
        title: format!("Table 8, {ability}: the ability in some kinds of tensors only"),
        columns,
        rows,
        notes: vec!["Of 𝒯 as Eq. 4 chose it, only tensors of the kind get the ability; the others get R_Lang alone. The paper's numbers are its mathematics'.".into()],
    }
}

/// Eq. 1's sets beside each other.
pub(super) fn overlaps(results: &Results, ability: &str) -> Table {
    let columns = vec![
        column("first", "neurons", 0),
        column("second", "neurons", 0),
        column("shared", "neurons", 0),
        column("by chance", "neurons", 0),
        column("Jaccard", "", 3),
    ];
    let all = results.of(ability).next().map(|measured| measured.overlaps.as_slice()).unwrap_or_default();
    let rows = all.iter().map(|(name, _)| {
        let found: Vec<&Counts> = results
            .of(ability)
            .filter_map(|measured| measured.overlaps.iter().find(|(other, _)| other == name))
            .map(|(_, counts)| counts)
            .collect();
        let cell = |value: fn(&Counts) -> f64| {
            let values: Vec<f64> = found.iter().map(|counts| value(counts)).collect();
            Cell::Measured(Estimate::over_seeds(&values, None))
        };
        Row {
            name: name.clone(),
            cells: vec![
                cell(|c| c.first as f64),
                cell(|c| c.second as f64),
                cell(|c| c.both as f64),
                cell(|c| c.expected),
                cell(|c| c.jaccard),
            ],
        }
    });
    Table {
        id: results.id("neurons", ability),
        title: format!("Eq. 1, {ability}: which neurons the sets share"),
        columns,
        rows: rows.collect(),
        notes: vec!["“By chance” is how many two random sets of these sizes share on average.".into()],
    }
}
