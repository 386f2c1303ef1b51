//! What every step did, a line of JSON each.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::TrainError;

/// One step in numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The step, from 1.
    pub step: u32,
    /// Mean negative log-likelihood of its batch, in nats a token, before the step.
    pub loss: f32,
    /// Its learning rate.
    pub learning_rate: f64,
    /// L2 norm of its (masked) gradient before clipping.
    pub gradient_norm: f64,
    /// Tokens trained on so far.
    pub tokens: u64,
    /// Tokens a second of this step.
    pub tokens_per_second: f64,
    /// Seconds of training so far, over all starts of the run; evaluations and checkpoints are not in it.
    pub seconds: f64,
    /// What was measured after the step, by name: held-out losses in nats a token, or what the run's evaluation gives.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub evaluation: BTreeMap<String, f64>,
}

/// A file of metrics that is written on.
#[derive(Debug)]
pub struct MetricsFile {
    file: File,
    path: PathBuf,
}

impl MetricsFile {
    /// Opens a file to go on after a step: what it says of later steps, or a line that was cut, is removed, and the
    /// records that stay are returned. 0 begins afresh.
    ///
    /// # Errors
    /// When the file can't be read or written.
    pub fn open(path: &Path, after: u32) -> Result<(Self, Vec<Record>), TrainError> {
        let fails = |doing| move |error: std::io::Error| failure(doing, path, &error);
        let mut options = OpenOptions::new();
        let mut file =
            options.read(true).write(true).create(true).truncate(false).open(path).map_err(fails("write"))?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(fails("read"))?;
        let (records, bytes) = whole_records(&text, after);
        file.set_len(bytes as u64).map_err(fails("write"))?;
        file.seek(SeekFrom::End(0)).map_err(fails("write"))?;
        Ok((Self { file, path: path.to_owned() }, records))
    }

    /// Reads the records of a file; a last line that was cut is left out. A file that does not exist has none.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn read(path: &Path) -> Result<Vec<Record>, TrainError> {
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(whole_records(&text, u32::MAX).0),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(failure("read", path, &error)),
        }
    }

    /// Appends a record. Measurements that are no numbers are left out: JSON has none.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn write(&mut self, record: &Record) -> Result<(), TrainError> {
        let mut record = record.clone();
        record.evaluation.retain(|_, value| value.is_finite());
        let mut line = serde_json::to_vec(&record).expect("a record always serialises");
        line.push(b'\n');
        // One write a line, so that a kill leaves whole lines but perhaps the last.
        self.file.write_all(&line).map_err(|error| failure("write", &self.path, &error))
    }
}

fn failure(doing: &'static str, path: &Path, error: &std::io::Error) -> TrainError {
    let reason = format!("{error}; check the folder, its permissions and the space left");
    TrainError::File { doing, path: path.display().to_string(), reason }
}

/// The records of ascending steps up to `last`, until a line that is none, and how many bytes they take.
fn whole_records(text: &str, last: u32) -> (Vec<Record>, usize) {
    let (mut records, mut bytes): (Vec<Record>, usize) = (Vec::new(), 0);
    for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
        let Ok(record) = serde_json::from_str::<Record>(line) else { break };
        if record.step > last || records.last().is_some_and(|before| before.step >= record.step) {
            break;
        }
        bytes += line.len();
        records.push(record);
    }
    (records, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(step: u32) -> Record {
        Record {
            step,
            loss: 1.0 / step as f32,
            learning_rate: 1e-3,
            gradient_norm: 0.5,
            tokens: 100 * u64::from(step),
            tokens_per_second: 50.0,
            seconds: 2.0 * f64::from(step),
            evaluation: if step.is_multiple_of(2) {
                [("en".to_owned(), 1.5)].into()
            } else {
                BTreeMap::new()
            },
        }
    }

    #[test]
    fn a_resumed_file_has_every_step_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let (mut file, before) = MetricsFile::open(&path, 0).unwrap();
        assert!(before.is_empty());
        (1..=5).for_each(|step| file.write(&record(step)).unwrap());
        // Killed in the middle of a line; the last checkpoint is of step 3.
        file.file.write_all(br#"{"step":6,"lo"#).unwrap();
        drop(file);
        assert_eq!(MetricsFile::read(&path).unwrap().len(), 5);
        let (mut file, before) = MetricsFile::open(&path, 3).unwrap();
        assert_eq!(before, [record(1), record(2), record(3)]);
        (4..=6).for_each(|step| file.write(&record(step)).unwrap());
        assert_eq!(MetricsFile::read(&path).unwrap(), (1..=6).map(record).collect::<Vec<_>>());
        assert!(MetricsFile::open(&path, 0).unwrap().1.is_empty());
        assert_eq!(std::fs::read(&path).unwrap(), b"");
    }

    #[test]
    fn what_is_no_record_ends_the_file() {
        for text in ["{}\n", "[1]\n", "\n", "\u{0}\n", "{\"step\":-1}\n"] {
            assert_eq!(whole_records(text, 9), (Vec::new(), 0), "{text:?}");
        }
        let line = serde_json::to_string(&record(2)).unwrap() + "\n";
        assert_eq!(whole_records(&(line.clone() + &line), 9).1, line.len(), "a step twice");
    }

    #[test]
    fn a_measurement_that_is_no_number_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let (mut file, _) = MetricsFile::open(&path, 0).unwrap();
        let odd = Record { evaluation: [("a".into(), f64::NAN), ("b".into(), 1.0)].into(), ..record(1) };
        file.write(&odd).unwrap();
        assert_eq!(MetricsFile::read(&path).unwrap()[0].evaluation, [("b".into(), 1.0)].into());
        assert!(MetricsFile::open(folder.path(), 0).unwrap_err().to_string().contains("check the folder"));
    }
}
