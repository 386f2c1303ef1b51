//! Standard output, and reports in JSON.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use maec_checkpoint::{ByteSink, FileSink};
use serde::Serialize;

use crate::failure::usage;

/// Writes a line to standard output. A closed pipe comes back as an error, which ends the program quietly.
pub fn print(text: impl Display) -> Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).context("cannot write to standard output")
}

/// Writes a value to standard output as JSON over several lines.
pub fn print_json(value: &impl Serialize) -> Result<()> {
    print(serde_json::to_string_pretty(value)?)
}

/// Fails where an output is one of the inputs, stands in one, or has one in it: writing it would lose the input.
pub fn spares<P: AsRef<Path>>(out: &Path, inputs: impl IntoIterator<Item = P>) -> Result<()> {
    let Some(place) = real(out) else { return Ok(()) };
    for input in inputs {
        let input = input.as_ref();
        let Ok(found) = input.canonicalize() else { continue };
        if found.starts_with(&place) || (place.starts_with(&found) && place.exists()) {
            return Err(usage(format!(
                "`{}` would overwrite the input `{}`; choose another output",
                out.display(),
                input.display()
            )));
        }
    }
    Ok(())
}

/// Where a path leads, whether it exists or only its folder does.
fn real(path: &Path) -> Option<PathBuf> {
    let parent = || path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    path.canonicalize().ok().or_else(|| Some(parent().canonicalize().ok()?.join(path.file_name()?)))
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
