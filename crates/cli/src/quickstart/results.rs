//! The quickstart's table: what is in it, and how it prints.

use anyhow::{Context, Result};
use maec_eval::{LanguageReport, ModelReport, PairedDifference, Sample, paired_difference};
use maec_lab::LabSettings;
use serde::Serialize;

use super::Tuned;
use crate::table;

/// The row that the others are compared with.
pub const MAEC: &str = "MAEC";

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

/// Compares MAEC with every other row over one or more seeds. The seeds' problems are about the same operand pairs,
/// which stay the clusters; that the seeds themselves differ is not in the interval.
fn compare(seeds: &[&[Row]]) -> Result<Vec<Comparison>> {
    let models = seeds.first().copied().unwrap_or_default().iter().map(|row| row.report.model.as_str());
    let row = |rows: &'_ [Row], model: &str| -> Result<Row> {
        let found = rows.iter().find(|row| row.report.model == model);
        found.cloned().with_context(|| format!("there is no row {model}"))
    };
    let rows = |model: &str| seeds.iter().map(|rows| row(rows, model)).collect::<Result<Vec<Row>>>();
    let samples = |rows: &[Row]| rows.iter().flat_map(Row::other_samples).collect::<Vec<Sample>>();
    let maec = rows(MAEC)?;
    let mut comparisons = Vec::new();
    for model in models.filter(|model| *model != MAEC) {
        let other = rows(model)?;
        let ratios =
            maec.iter().zip(&other).map(|(maec, other)| maec.mean_perplexity / other.mean_perplexity);
        comparisons.push(Comparison {
            against: model.to_owned(),
            difference: paired_difference(&samples(&maec), &samples(&other))?,
            perplexity_ratio: ratios.sum::<f64>() / seeds.len() as f64,
        });
    }
    Ok(comparisons)
}

impl SeedResults {
    /// Compares the rows with the one called `MAEC`.
    pub fn new(seed: u64, rows: Vec<Row>) -> Result<Self> {
        let comparisons = compare(&[&rows])?;
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
    /// MAEC against each other row over all seeds; empty where there is one seed.
    pub together: Vec<Comparison>,
}

impl Results {
    /// Compares over all seeds.
    pub fn new(settings: LabSettings, tuned: Tuned, seeds: Vec<SeedResults>) -> Result<Self> {
        let rows: Vec<&[Row]> = seeds.iter().map(|seed| seed.rows.as_slice()).collect();
        let together = if rows.len() > 1 { compare(&rows)? } else { Vec::new() };
        Ok(Self { settings, tuned, seeds, together })
    }

    /// The same without the answers' texts.
    pub fn without_samples(&self) -> Self {
        let mut results = self.clone();
        for row in results.seeds.iter_mut().flat_map(|seed| &mut seed.rows) {
            row.report.languages.iter_mut().for_each(|report| report.samples.clear());
        }
        results
    }

    /// The table, one block a seed, and the comparisons over all of them.
    pub fn table(&self) -> String {
        let mut blocks: Vec<String> = self.seeds.iter().map(Self::block).collect();
        if !self.together.is_empty() {
            blocks.push(format!("All {} seeds together\n{}", self.seeds.len(), lines(&self.together)));
        }
        blocks.join("\n\n")
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
        format!(
            "Seed {}: accuracy on {n} test problems a language, held-out perplexity\n{table}\n{}",
            seed.seed,
            lines(&seed.comparisons)
        )
    }
}

/// One line a comparison.
fn lines(comparisons: &[Comparison]) -> String {
    let line = |c: &Comparison| {
        let d = &c.difference;
        let points = |share: f64| format!("{:+.1}", share * 100.0);
        format!(
            "MAEC − {}: {} points outside English [{}, {}] (paired, {} problems in {} operand pairs); perplexity × {:.3}",
            c.against,
            points(d.mean),
            points(d.low),
            points(d.high),
            d.n,
            d.clusters,
            c.perplexity_ratio
        )
    };
    comparisons.iter().map(line).collect::<Vec<_>>().join("\n")
}
