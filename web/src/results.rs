//! Results as rows and bars, from the engine's numbers and the pack's recorded ones. Pure.

use maec_protocol::{LanguageResult, PackSummary, RecordedRow, Subject, SubjectResult};
use maec_recipe::ResultsMetric;

use crate::format::{percent, perplexity};
use crate::scale::Axis;

/// What a row's numbers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Θo, evaluated here.
    Base,
    /// The task vector, evaluated here.
    TaskVector,
    /// The merge, evaluated here.
    Merged,
    /// Measured when the pack was made.
    Recorded,
}

impl Kind {
    /// The class that styles it.
    pub fn class(self) -> &'static str {
        match self {
            Kind::Base => "base",
            Kind::TaskVector => "vector",
            Kind::Merged => "merged",
            Kind::Recorded => "recorded",
        }
    }
}

/// One model's numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its name: `MAEC`.
    pub label: String,
    /// What the numbers are.
    pub kind: Kind,
    /// Where recorded numbers come from.
    pub source: Option<String>,
    /// One for each language.
    pub cells: Vec<LanguageResult>,
}

/// Rows for the table and the bars: what was evaluated, then what was recorded.
pub fn rows(results: &[SubjectResult], recorded: &[RecordedRow]) -> Vec<Row> {
    let evaluated = results.iter().map(|result| {
        let (label, kind) = match result.subject {
            Subject::Base => ("Base", Kind::Base),
            Subject::TaskVector => ("Task vector", Kind::TaskVector),
            Subject::Merged => ("MAEC", Kind::Merged),
        };
        Row { label: label.into(), kind, source: None, cells: result.languages.clone() }
    });
    let recorded = recorded.iter().map(|row| Row {
        label: row.label.clone(),
        kind: Kind::Recorded,
        source: Some(row.source.clone()),
        cells: row.languages.clone(),
    });
    evaluated.chain(recorded).collect()
}

impl Row {
    /// The name in full: recorded labels are the paper's, which say little to who has not read it.
    pub fn name(&self) -> &str {
        match self.label.as_str() {
            "F-CPT_A" => "Full training on the ability (F-CPT_A)",
            "F-TV" => "Full task vector (F-TV)",
            label => label,
        }
    }

    /// Whether the numbers were computed here.
    pub fn is_measured_here(&self) -> bool {
        self.kind != Kind::Recorded
    }

    /// The row's numbers in a language.
    pub fn cell(&self, language: &str) -> Option<&LanguageResult> {
        self.cells.iter().find(|cell| cell.language == language)
    }

    /// Means over all languages but the reference: accuracy (0–1) and perplexity; `None` without such languages.
    pub fn mean_elsewhere(&self, reference: &str) -> Option<(f64, f64)> {
        let others: Vec<_> = self.cells.iter().filter(|cell| cell.language != reference).collect();
        let count = others.len() as f64;
        let mean =
            |value: fn(&LanguageResult) -> f64| others.iter().map(|cell| value(cell)).sum::<f64>() / count;
        (!others.is_empty()).then(|| (mean(accuracy), mean(|cell| cell.perplexity)))
    }
}

/// The share of right answers, 0–1.
pub fn accuracy(cell: &LanguageResult) -> f64 {
    if cell.n == 0 { 0.0 } else { f64::from(cell.correct) / f64::from(cell.n) }
}

/// The one sentence on top: what the merge does outside the reference language.
pub fn headline(
    rows: &[Row],
    metric: ResultsMetric,
    reference: &str,
    reference_name: &str,
) -> Option<String> {
    let mean = |kind: Kind| rows.iter().find(|row| row.kind == kind)?.mean_elsewhere(reference);
    let (merged, base, vector) = (mean(Kind::Merged)?, mean(Kind::Base)?, mean(Kind::TaskVector)?);
    Some(match metric {
        ResultsMetric::Accuracy => format!(
            "Outside {reference_name}, the merged model solves {} of the problems; the base solves {}, the task vector {}.",
            percent(merged.0, 1),
            percent(base.0, 1),
            percent(vector.0, 1),
        ),
        ResultsMetric::Perplexity => format!(
            "Outside {reference_name}, the merged model’s mean perplexity is {}; the base’s is {}, the task vector’s {}.",
            perplexity(merged.1),
            perplexity(base.1),
            perplexity(vector.1),
        ),
    })
}

/// One bar, in per cent of the axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// Whose.
    pub label: String,
    /// That in full.
    pub name: String,
    /// What the number is.
    pub kind: Kind,
    /// Where it ends.
    pub at: f64,
    /// The 95 % interval, where there is one.
    pub interval: Option<(f64, f64)>,
    /// The number itself.
    pub value: String,
}

/// The bars of one language.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// The language's name.
    pub name: String,
    /// One bar for each row that has the language.
    pub bars: Vec<Bar>,
}

/// The bars of a metric, and their common axis.
pub fn bars(rows: &[Row], pack: &PackSummary, metric: ResultsMetric) -> (Axis, Vec<Group>) {
    let cells = || rows.iter().flat_map(|row| &row.cells);
    let axis = match metric {
        ResultsMetric::Accuracy => Axis::share(cells().map(|cell| cell.high)),
        ResultsMetric::Perplexity => Axis::perplexity(cells().map(|cell| cell.perplexity)),
    };
    let bar = |row: &Row, cell: &LanguageResult| {
        let (at, interval, value) = match metric {
            ResultsMetric::Accuracy => {
                let share = accuracy(cell);
                (axis.at(share), Some((axis.at(cell.low), axis.at(cell.high))), percent(share, 1))
            }
            ResultsMetric::Perplexity => (axis.at(cell.perplexity), None, perplexity(cell.perplexity)),
        };
        Bar { label: row.label.clone(), name: row.name().into(), kind: row.kind, at, interval, value }
    };
    let group = |language: &maec_protocol::Language| Group {
        name: language.name.clone(),
        bars: rows.iter().filter_map(|row| Some(bar(row, row.cell(&language.code)?))).collect(),
    };
    let groups = pack.languages.iter().map(group).collect();
    (axis, groups)
}

/// A bar as the inside of an SVG element that is as wide as the axis: the bar, then its interval.
pub fn bar_svg(bar: &Bar, ticks: &[f64]) -> String {
    let mut svg = String::new();
    for tick in ticks {
        svg += &format!("<line class=\"tick\" x1=\"{tick:.2}%\" x2=\"{tick:.2}%\" y1=\"0\" y2=\"100%\"/>");
    }
    let width = bar.at.max(0.3);
    svg +=
        &format!("<rect class=\"value\" x=\"0\" y=\"20%\" width=\"{width:.2}%\" height=\"60%\" rx=\"2\"/>");
    if let Some((low, high)) = bar.interval {
        for class in ["halo", "whisker"] {
            svg += &format!(
                "<line class=\"{class}\" x1=\"{low:.2}%\" x2=\"{high:.2}%\" y1=\"50%\" y2=\"50%\"/>"
            );
            for end in [low, high] {
                svg += &format!(
                    "<line class=\"{class}\" x1=\"{end:.2}%\" x2=\"{end:.2}%\" y1=\"32%\" y2=\"68%\"/>"
                );
            }
        }
    }
    svg
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::studio::tests::pack;

    fn cell(language: &str, correct: u32, perplexity: f64) -> LanguageResult {
        LanguageResult {
            language: language.into(),
            n: 100,
            correct,
            low: f64::from(correct) / 100.0 - 0.05,
            high: f64::from(correct) / 100.0 + 0.05,
            perplexity,
            close_calls: Vec::new(),
        }
    }

    fn results() -> Vec<SubjectResult> {
        let result = |subject, es, bn| SubjectResult {
            subject,
            languages: vec![cell("en", 40, 3.0), cell("es", es, 3.5), cell("bn", bn, 4.5)],
        };
        vec![result(Subject::Base, 10, 2), result(Subject::TaskVector, 20, 3), result(Subject::Merged, 30, 5)]
    }

    #[test]
    fn recorded_rows_follow_and_carry_their_source() {
        let recorded =
            RecordedRow { label: "F-TV".into(), source: "maec quickstart".into(), languages: vec![] };
        let rows = rows(&results(), &[recorded]);
        let labels: Vec<_> = rows.iter().map(|row| row.label.as_str()).collect();
        assert_eq!(labels, ["Base", "Task vector", "MAEC", "F-TV"]);
        assert_eq!(rows[3].source.as_deref(), Some("maec quickstart"));
        assert_eq!(rows[3].mean_elsewhere("en"), None);
        assert_eq!((rows[2].name(), rows[3].name()), ("MAEC", "Full task vector (F-TV)"));
        assert!(rows[2].is_measured_here() && !rows[3].is_measured_here());
    }

    #[test]
    fn the_headline_leaves_the_reference_language_out() {
        let sentence = headline(&rows(&results(), &[]), ResultsMetric::Accuracy, "en", "English")
            .expect("all three are there");
        assert!(
            sentence.contains("17.5") && sentence.contains("6.0") && sentence.contains("11.5"),
            "{sentence}"
        );
        let sentence = headline(&rows(&results(), &[]), ResultsMetric::Perplexity, "en", "English")
            .expect("all three are there");
        assert!(sentence.contains("perplexity is 4.00"), "{sentence}");
        assert_eq!(headline(&[], ResultsMetric::Accuracy, "en", "English"), None);
    }

    #[test]
    fn bars_share_one_axis_and_keep_their_interval() {
        let (axis, groups) = bars(&rows(&results(), &[]), &pack(), ResultsMetric::Accuracy);
        let names: Vec<_> = groups.iter().map(|group| group.name.as_str()).collect();
        assert_eq!(names, ["English", "Spanish", "Bengali"]);
        let merged = &groups[1].bars[2];
        assert_eq!(merged.at, axis.at(0.3));
        let (low, high) = merged.interval.expect("accuracies have one");
        assert!(low < merged.at && merged.at < high && high <= 100.0);
        assert_eq!(merged.value, "30.0\u{202f}%");
    }

    #[test]
    fn perplexities_have_no_interval_and_grow_with_the_logarithm() {
        let (_, groups) = bars(&rows(&results(), &[]), &pack(), ResultsMetric::Perplexity);
        assert_eq!(groups[1].bars[0].interval, None);
        assert!(groups[0].bars[0].at < groups[2].bars[0].at);
    }

    #[test]
    fn no_problems_are_no_accuracy() {
        assert_eq!(accuracy(&LanguageResult { n: 0, ..cell("en", 0, 1.0) }), 0.0);
    }
}
