//! A report as a folder: the page, the data, and a CSV file for each table and figure.

use std::collections::BTreeSet;
use std::path::Path;

use maec_checkpoint::AtomicFolder;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Figure, Part, Report, Shape, Table};

const DATA: &str = "report.json";
/// Version of the data's format.
const FORMAT: u32 = 1;
/// The longest id: it becomes the name of a file.
const LONGEST_ID: usize = 100;

/// Why a report can't be written.
#[derive(Debug, Error)]
pub enum ReportError {
    /// An id that can't name a file and an anchor.
    #[error(
        "the report's part `{id}` can't be named so: use 1 to {LONGEST_ID} ASCII letters, digits and `-`"
    )]
    Id {
        /// The id, as much as fits a line.
        id: String,
    },
    /// Two parts with one id; letters' case makes no difference, as on some disks.
    #[error("two parts of the report are named `{id}`: name one of them otherwise")]
    Twice {
        /// The id.
        id: String,
    },
    /// A row with more or fewer cells than columns.
    #[error("row `{row}` of table `{id}` has {cells} cells for {columns} columns: give it a cell for each")]
    Ragged {
        /// The table.
        id: String,
        /// The row's name.
        row: String,
        /// Its cells.
        cells: usize,
        /// The table's columns.
        columns: usize,
    },
    /// A bar that belongs to no label.
    #[error(
        "series `{series}` of figure `{id}` has a bar at {x}, but its labels are 0 to {last}: give each bar a label's index"
    )]
    Bar {
        /// The figure.
        id: String,
        /// The series' name.
        series: String,
        /// Where the bar should stand.
        x: f64,
        /// Index of the last label; −1 where there is none.
        last: i64,
    },
    /// The data can't be put into JSON.
    #[error("the report's data can't be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The folder can't be written, or is not a report's.
    #[error(transparent)]
    Write(#[from] maec_checkpoint::Error),
}

/// The data's file: the report, marked as ours.
#[derive(Serialize)]
struct Stored<'a> {
    maec_report: u32,
    #[serde(flatten)]
    report: &'a Report,
}

/// What tells a report of ours from other people's files.
#[derive(Deserialize)]
struct Mark {
    maec_report: u32,
}

impl Report {
    /// Whether it can be written: every table and figure has an id of its own, every row a cell for each column, and every bar a
    /// label.
    pub fn check(&self) -> Result<(), ReportError> {
        let mut seen = BTreeSet::new();
        self.parts.iter().try_for_each(|part| {
            let id = match part {
                Part::Text { .. } => return Ok(()),
                Part::Table(table) => check_table(table).map(|()| &table.id),
                Part::Figure(figure) => check_figure(figure).map(|()| &figure.id),
            }?;
            let is_new = seen.insert(id.to_ascii_lowercase());
            if is_new { Ok(()) } else { Err(ReportError::Twice { id: id.clone() }) }
        })
    }

    /// The data as JSON, with `maec_report` = 1 before its fields.
    pub fn json(&self) -> Result<String, ReportError> {
        let mut text = serde_json::to_string_pretty(&Stored { maec_report: FORMAT, report: self })?;
        text.push('\n');
        Ok(text)
    }

    /// Writes `report.html`, `report.json`, `tables/ID.csv` and `figures/ID.csv` into a folder that appears whole. One that exists is
    /// replaced if it is empty or holds a `report.json` of ours, and refused otherwise.
    pub fn write(&self, folder: &Path) -> Result<(), ReportError> {
        self.write_with(folder, &[])
    }

    /// As [`write`](Self::write), with more files beside them, by name.
    pub fn write_with(&self, folder: &Path, files: &[(&str, Vec<u8>)]) -> Result<(), ReportError> {
        self.check()?;
        let out = AtomicFolder::create(folder, is_report)?;
        out.write("report.html", self.html().as_bytes())?;
        out.write(DATA, self.json()?.as_bytes())?;
        for (name, bytes) in files {
            out.write(name, bytes)?;
        }
        for part in &self.parts {
            match part {
                Part::Text { .. } => {}
                Part::Table(table) => {
                    out.write(&format!("tables/{}.csv", table.id), table.csv().as_bytes())?
                }
                Part::Figure(figure) => {
                    out.write(&format!("figures/{}.csv", figure.id), figure.csv().as_bytes())?;
                }
            }
        }
        Ok(out.finish()?)
    }

    /// Whether a folder may become a report's: it is not there yet, is empty, or holds one of ours.
    ///
    /// # Errors
    /// When it is something else, or another process writes it.
    pub fn may_be_written(folder: &Path) -> Result<(), ReportError> {
        AtomicFolder::create(folder, is_report)?;
        Ok(())
    }
}

/// Whether a folder holds a report that this program wrote.
fn is_report(folder: &Path) -> bool {
    let bytes = std::fs::read(folder.join(DATA)).unwrap_or_default();
    serde_json::from_slice::<Mark>(&bytes).is_ok_and(|mark| mark.maec_report > 0)
}

fn check_id(id: &str) -> Result<(), ReportError> {
    let is_fit =
        (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let shown = || id.chars().take(40).flat_map(char::escape_debug).collect();
    if is_fit { Ok(()) } else { Err(ReportError::Id { id: shown() }) }
}

fn check_table(table: &Table) -> Result<(), ReportError> {
    check_id(&table.id)?;
    let columns = table.columns.len();
    let ragged = table.rows.iter().find(|row| row.cells.len() != columns);
    ragged.map_or(Ok(()), |row| {
        let (id, row, cells) = (table.id.clone(), row.name.clone(), row.cells.len());
        Err(ReportError::Ragged { id, row, cells, columns })
    })
}

fn check_figure(figure: &Figure) -> Result<(), ReportError> {
    check_id(&figure.id)?;
    if figure.shape != Shape::Bars {
        return Ok(());
    }
    let bars =
        figure.series.iter().flat_map(|series| series.points.iter().map(move |point| (series, point.x)));
    let mut outside = bars.filter(|(_, x)| !(0..figure.labels.len()).any(|label| label as f64 == *x));
    outside.next().map_or(Ok(()), |(series, x)| {
        let (id, series, last) = (figure.id.clone(), series.name.clone(), figure.labels.len() as i64 - 1);
        Err(ReportError::Bar { id, series, x, last })
    })
}
