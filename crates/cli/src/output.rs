//! Standard output, and reports in JSON.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, Result};
use maec_checkpoint::{ByteSink, FileSink};
use serde::Serialize;

/// Writes a line to standard output. A closed pipe comes back as an error, which ends the program quietly.
pub fn print(text: impl Display) -> Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).context("cannot write to standard output")
}

/// Writes a value to standard output as JSON over several lines.
pub fn print_json(value: &impl Serialize) -> Result<()> {
    print(serde_json::to_string_pretty(value)?)
}

/// A report's file, begun before the work so that a bad path is found at once; dropped, it leaves nothing.
pub struct ReportFile(FileSink);

impl ReportFile {
    /// Begins the file.
    pub fn begin(path: &Path) -> Result<Self> {
        Ok(Self(FileSink::create(path)?))
    }

    /// Writes the report and gives the file its name.
    pub fn finish(mut self, report: &impl Serialize) -> Result<()> {
        let mut json = serde_json::to_vec_pretty(report)?;
        json.push(b'\n');
        self.0.write_all(&json)?;
        Ok(Box::new(self.0).finish()?)
    }
}
