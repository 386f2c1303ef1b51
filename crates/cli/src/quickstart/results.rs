//! The quickstart's table: what is in it, and how it prints.

use anyhow::{Context, Result};
use maec_eval::{LanguageReport, ModelReport, PairedDifference, Sample, paired_difference};
use serde::Serialize;

use super::Tuned;
use crate::lab::LabSettings;
use crate::table;

/// One model's results.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Accuracy, perplexity and answers by language.
    #[serde(flatten)]
    pub report: ModelReport,
    /// Mean perplexity over the languages.
    pub mean_perplexity: f64,
}

impl Row {
    /// From an evaluation.
    pub fn new(report: ModelReport) -> Self {
        let mean_perplexity = report.mean_perplexity().unwrap_or(f64::NAN);
        Self { report, mean_perplexity }
    }

    fn other_samples(&self) -> Vec<Sample> {
        let others = self.report.languages.iter().filter(|report| report.language != "en");
        others.flat_map(|report| report.samples.iter().cloned()).collect()
    }

    fn cells(&self) -> Vec<String> {
        let accuracy = |r: &LanguageReport| r.accuracy.map_or("–".into(), |a| table::percent(a.rate()));
        let perplexity =
            |r: &LanguageReport| r.perplexity.map_or("–".into(), |p| format!("{:.2}", p.perplexity));
        let others = self.report.accuracy_without("en");
        let mut cells = vec![self.report.model.clone()];
        cells.extend(self.report.languages.iter().map(accuracy));
        cells.push(format!(
            "{} [{}, {}]",
            table::percent(others.rate()),
            table::percent(others.low),
            table::percent(others.high)
        ));
        cells.extend(self.report.languages.iter().map(perplexity));
        cells.push(format!("{:.2}", self.mean_perplexity));
        cells
    }
}

/// MAEC against another row, on the same problems.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// The other row.
    pub against: String,
    /// MAEC's accuracy minus the other's outside English, with an interval clustered by operand pair.
    pub difference: PairedDifference,
    /// MAEC's mean perplexity over the other's.
    pub perplexity_ratio: f64,
}

/// One seed's results.
#[derive(Debug, Clone, Serialize)]
pub struct SeedResults {
    /// The seed.
    pub seed: u64,
    /// base, F-CPT_A, F-TV, MAEC, MAEC without tensor selection.
    pub rows: Vec<Row>,
    /// MAEC against each other row.
    pub comparisons: Vec<Comparison>,
}

impl SeedResults {
    /// Compares the rows with the one called `MAEC`.
    pub fn new(seed: u64, rows: Vec<Row>) -> Result<Self> {
        let maec = rows.iter().find(|row| row.report.model == "MAEC").context("there is no row MAEC")?;
        let mut comparisons = Vec::new();
        for row in rows.iter().filter(|row| row.report.model != "MAEC") {
            comparisons.push(Comparison {
                against: row.report.model.clone(),
                difference: paired_difference(&maec.other_samples(), &row.other_samples())?,
                perplexity_ratio: maec.mean_perplexity / row.mean_perplexity,
            });
        }
        Ok(Self { seed, rows, comparisons })
    }

    /// The rows that a pack records, because their models are not in it.
    pub fn recorded(&self) -> Vec<ModelReport> {
        let kept = self.rows.iter().filter(|row| row.report.model.starts_with("F-"));
        kept.map(|row| row.report.clone()).collect()
    }
}

/// Everything the quickstart found.
#[derive(Debug, Clone, Serialize)]
pub struct Results {
    /// Sizes, steps and rates.
    pub settings: LabSettings,
    /// What was tuned on validation seeds.
    pub tuned: Tuned,
    /// One for each seed.
    pub seeds: Vec<SeedResults>,
}

impl Results {
    /// The same without the answers' texts.
    pub fn without_samples(&self) -> Self {
        let mut results = self.clone();
        for row in results.seeds.iter_mut().flat_map(|seed| &mut seed.rows) {
            row.report.languages.iter_mut().for_each(|report| report.samples.clear());
        }
        results
    }

    /// The table, one block a seed.
    pub fn table(&self) -> String {
        self.seeds.iter().map(Self::block).collect::<Vec<_>>().join("\n\n")
    }

    fn block(seed: &SeedResults) -> String {
        let Some(first) = seed.rows.first() else { return String::new() };
        let codes: Vec<&str> = first.report.languages.iter().map(|r| r.language.as_str()).collect();
        let n = first.report.languages.iter().filter_map(|r| r.accuracy).map(|a| a.n).min().unwrap_or(0);
        let mut headings: Vec<String> = vec!["model".into()];
        headings.extend(codes.iter().map(|code| format!("{code} %")));
        headings.push("non-English % [95 %]".into());
        headings.extend(codes.iter().map(|code| format!("ppl {code}")));
        headings.push("ppl mean".into());
        let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
        let mut table = table::new(&headings, 1);
        for row in &seed.rows {
            table.add_row(row.cells());
        }
        let lines = seed.comparisons.iter().map(|c| {
            let d = &c.difference;
            let points = |share: f64| format!("{:+.1}", share * 100.0);
            format!(
                "MAEC − {}: {} points outside English [{}, {}] (paired, {} problems in {} operand pairs); perplexity × {:.3}",
                c.against, points(d.mean), points(d.low), points(d.high), d.n, d.clusters, c.perplexity_ratio
            )
        });
        let lines: Vec<String> = lines.collect();
        format!(
            "Seed {}: accuracy on {n} test problems a language, held-out perplexity\n{table}\n{}",
            seed.seed,
            lines.join("\n")
        )
    }
}
