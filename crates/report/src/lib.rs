//! A report of tables, figures and sentences that are data first: the same values become HTML, CSV and JSON.
//!
//! It knows no experiment: what is measured, and what the sentences say, comes from its callers.

mod csv;
mod head;
mod html;
mod markup;
mod number;
#[cfg(test)]
mod sample;
mod scale;
mod svg;
mod table;
#[cfg(test)]
mod tests;
mod twin;
mod write;

use serde::{Deserialize, Deserializer, Serialize};

pub use number::short;
pub use write::ReportError;

/// A mean over seeds with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The mean, in the unit of its column.
    #[serde(deserialize_with = "number_or_null")]
    pub mean: f64,
    /// Lower end of the interval; the mean itself where none is known.
    #[serde(deserialize_with = "number_or_null")]
    pub low: f64,
    /// Upper end.
    #[serde(deserialize_with = "number_or_null")]
    pub high: f64,
    /// Seeds that it is a mean of.
    pub seeds: usize,
}

/// What stands in a table's cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cell {
    /// Nothing, such as an ICER where nothing improved.
    Empty,
    /// Words.
    Text(String),
    /// A measured number.
    Measured(Estimate),
    /// A number that the paper prints.
    Published(#[serde(deserialize_with = "number_or_null")] f64),
}

/// A column's heading.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Heading. Neighbours named `GROUP: NAME` stand under one heading of their group.
    pub name: String,
    /// Unit, such as `%`; empty where there is none.
    pub unit: String,
    /// Decimals that are shown.
    pub decimals: usize,
}

/// A row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What it is about.
    pub name: String,
    /// As many cells as the table has columns.
    pub cells: Vec<Cell>,
}

/// A table of the report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Name for files and anchors: letters, digits and `-`, such as `table-2-arithmetic`.
    pub id: String,
    /// Title.
    pub title: String,
    /// Columns after the rows' names.
    pub columns: Vec<Column>,
    /// Rows.
    pub rows: Vec<Row>,
    /// What a reader must know to read it.
    pub notes: Vec<String>,
}

/// How a figure is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Lines over a numeric x.
    Lines,
    /// Bars, one group for each of the labels.
    Bars,
    /// Points, such as candidates by two scores.
    Points,
}

/// One place of a series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Its place: for bars, the index of its label.
    #[serde(deserialize_with = "number_or_null")]
    pub x: f64,
    /// Its value.
    pub y: Estimate,
    /// What it is called, where that is more than its place.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
}

/// One line, one kind of bar, one cloud.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// In the order of x.
    pub points: Vec<Point>,
}

/// A figure of the report; every one is shown with a table of the same values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// As a table's.
    pub id: String,
    /// Title.
    pub title: String,
    /// How it is drawn.
    pub shape: Shape,
    /// What x is, with its unit.
    pub x: String,
    /// What y is, with its unit.
    pub y: String,
    /// The groups of bars, in the order of x; empty for other shapes.
    pub labels: Vec<String>,
    /// The data.
    pub series: Vec<Series>,
    /// What a reader must know to read it.
    pub notes: Vec<String>,
}

/// A part of the report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// A heading with the sentences under it.
    Text {
        /// Heading.
        heading: String,
        /// Sentences, one paragraph each; computed from the data.
        paragraphs: Vec<String>,
    },
    /// A table.
    Table(Table),
    /// A figure.
    Figure(Figure),
}

/// Everything that a report says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Title.
    pub title: String,
    /// The command that makes it again.
    pub command: String,
    /// What it is and under which settings, in sentences.
    pub summary: Vec<String>,
    /// In the order shown.
    pub parts: Vec<Part>,
}

impl Estimate {
    /// A value without an interval.
    pub fn exact(value: f64) -> Self {
        Self { mean: value, low: value, high: value, seeds: 1 }
    }

    /// The same with an interval that ends where values can.
    pub fn within(self, low: f64, high: f64) -> Self {
        Self { low: self.low.max(low), high: self.high.min(high), ..self }
    }

    /// Mean and Student's 95 % interval of one value for each seed; `alone` is the interval where there is one seed only.
    pub fn over_seeds(values: &[f64], alone: Option<(f64, f64)>) -> Self {
        let n = values.len();
        let mean = values.iter().sum::<f64>() / n as f64;
        if n < 2 {
            let (low, high) = alone.unwrap_or((mean, mean));
            return Self { mean, low, high, seeds: n };
        }
        let variance =
            values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / (n - 1) as f64;
        // Quantiles .975 of Student's t with 1 to 10 degrees of freedom, then the normal's.
        const T: [f64; 10] = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];
        let half = T.get(n - 2).copied().unwrap_or(1.96) * (variance / n as f64).sqrt();
        Self { mean, low: mean - half, high: mean + half, seeds: n }
    }
}

/// Reads what JSON writes of a number that is none, which is `null`.
fn number_or_null<'de, D: Deserializer<'de>>(data: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(data)?.unwrap_or(f64::NAN))
}
