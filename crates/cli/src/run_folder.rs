//! `OUT.run`, the folder beside a training's output that holds what `--resume` needs.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use maec_checkpoint::lora::WEIGHTS_FILE;
use maec_checkpoint::{FileSource, SafetensorsReader, write_file};
use maec_train::{MetricsFile, Record, Snapshot, TrainConfig};
use serde::{Deserialize, Serialize};

use crate::input;

/// Metadata of a trained model's safetensors file that says how it came about.
pub const PROVENANCE_KEY: &str = "maec_training";

/// Everything that a training's result depends on, but for the binary, the device and the number of threads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// The program's version.
    pub version: String,
    /// The model begun with: `base FINGERPRINT`, or `config SHA-256, seed`.
    pub start: String,
    /// SHA-256 of tokenizer.json.
    pub tokenizer: String,
    /// SHA-256 and weight of every corpus.
    pub corpora: Vec<(String, f64)>,
    /// SHA-256 of the mask; none where everything is trained.
    pub neurons: Option<String>,
    /// The settings.
    pub settings: TrainConfig,
    /// The dtype written.
    pub dtype: String,
    /// Tokens of a window of prepared corpora.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq_len: Option<usize>,
    /// Whether matrices are held in bf16.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bf16: bool,
    /// The adapter begun with or, of a fresh one, rank, alpha and targets; none where the model itself is trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter: Option<String>,
}

impl Provenance {
    /// As it stands in a model's metadata.
    pub fn to_json(&self) -> Result<String> {
        Ok(serde_json::to_string(self)?)
    }

    /// What differs, for people; `None` where nothing does.
    fn difference(&self, now: &Self) -> Option<String> {
        if let Some(difference) = self.settings.difference(&now.settings) {
            return Some(difference);
        }
        if self.adapter != now.adapter {
            let [then, now] = [self, now].map(|run| run.adapter.as_deref().unwrap_or("none"));
            return Some(format!("adapter: {then} → {now}"));
        }
        let parts = [
            ("version", self.version != now.version),
            ("model", self.start != now.start),
            ("tokenizer", self.tokenizer != now.tokenizer),
            ("corpora", self.corpora != now.corpora),
            ("key neurons", self.neurons != now.neurons),
            ("dtype", self.dtype != now.dtype),
            ("--bf16", self.bf16 != now.bf16),
            ("--seq-len", self.seq_len != now.seq_len),
        ];
        parts.iter().find(|(_, differs)| *differs).map(|(part, _)| format!("other {part}"))
    }
}

/// The folder, which exists once there is a checkpoint.
pub struct RunFolder {
    path: PathBuf,
    provenance: Provenance,
}

/// What there is to go on with.
pub enum Begin {
    /// Nothing yet.
    Fresh,
    /// A checkpoint.
    From(Box<Snapshot>),
    /// The output itself: the run is over.
    Finished,
}

impl RunFolder {
    /// The folder of a run, and what an earlier start of it left there.
    ///
    /// Fails where there is an unfinished run and `resume` is not set, or it is and the run was another.
    pub fn open(out: &Path, provenance: Provenance, resume: bool) -> Result<(Self, Begin)> {
        let mut path = out.components().collect::<PathBuf>().into_os_string();
        path.push(".run");
        let folder = Self { path: path.into(), provenance };
        let begin = folder.find(out, resume)?;
        Ok((folder, begin))
    }

    fn find(&self, out: &Path, resume: bool) -> Result<Begin> {
        let shown = self.path.display();
        if self.about().is_file() {
            if !resume {
                bail!(
                    "`{shown}` holds an unfinished run; go on with --resume, or remove that folder to start afresh"
                );
            }
            let then: Provenance = serde_json::from_str(&input::text(&self.about())?)
                .with_context(|| format!("`{shown}` holds no run of maec; remove it"))?;
            if let Some(difference) = then.difference(&self.provenance) {
                bail!(
                    "`{shown}` is of a run with other settings ({difference}); use the same ones or another --out"
                );
            }
            return Ok(match self.checkpoint().is_file() {
                true => Begin::From(Box::new(Snapshot::load(&self.checkpoint())?)),
                false => Begin::Fresh,
            });
        }
        if !resume || !out.exists() {
            return Ok(Begin::Fresh);
        }
        let weights = if self.provenance.adapter.is_some() { WEIGHTS_FILE } else { "model.safetensors" };
        let made = FileSource::open(&out.join(weights))
            .and_then(|file| SafetensorsReader::open(Arc::new(file)))
            .ok()
            .and_then(|file| file.metadata().get(PROVENANCE_KEY).cloned());
        if made.as_deref() != Some(self.provenance.to_json()?.as_str()) {
            bail!("`{}` is not of this run; choose another --out, or leave --resume out", out.display());
        }
        Ok(Begin::Finished)
    }

    /// Writes a checkpoint in place of the last.
    pub fn save(&self, snapshot: &Snapshot) -> Result<()> {
        if !self.about().is_file() {
            self.create()?;
            write_file(&self.about(), self.provenance.to_json()?.as_bytes())?;
        }
        Ok(snapshot.save(&self.checkpoint())?)
    }

    /// Opens the file of metrics to go on after a step, and returns what it says of the steps before.
    pub fn metrics(&self, after: u32) -> Result<(MetricsFile, Vec<Record>)> {
        self.create()?;
        Ok(MetricsFile::open(&self.metrics_file(), after)?)
    }

    /// What the file of metrics says so far.
    pub fn records(&self) -> Result<Vec<Record>> {
        Ok(MetricsFile::read(&self.metrics_file())?)
    }

    /// Removes the folder if a run has ended without a checkpoint to go on from.
    pub fn abandon(&self) {
        if !self.about().is_file() {
            // What is left behind is begun afresh by the next run.
            let _ = fs::remove_file(self.metrics_file());
            let _ = fs::remove_dir(&self.path);
        }
    }

    fn create(&self) -> Result<()> {
        fs::create_dir_all(&self.path)
            .with_context(|| format!("cannot create the folder `{}`", self.path.display()))
    }

    /// Removes what is no longer needed. Anything else in the folder stays.
    pub fn remove(self) -> Result<()> {
        // The run is known by its run.json, so that goes last.
        for file in [self.metrics_file(), self.checkpoint(), self.about()] {
            let mut unfinished = file.clone().into_os_string();
            unfinished.push(".maec.tmp");
            for file in [PathBuf::from(unfinished), file] {
                match fs::remove_file(&file) {
                    Err(error) if error.kind() != ErrorKind::NotFound => {
                        return Err(error).with_context(|| format!("cannot remove `{}`", file.display()));
                    }
                    _ => (),
                }
            }
        }
        let _ = fs::remove_dir(&self.path);
        Ok(())
    }

    fn checkpoint(&self) -> PathBuf {
        self.path.join("snapshot.safetensors")
    }

    fn metrics_file(&self) -> PathBuf {
        self.path.join("metrics.jsonl")
    }

    fn about(&self) -> PathBuf {
        self.path.join("run.json")
    }
}
