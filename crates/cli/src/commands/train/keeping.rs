//! What `maec train` keeps of a run while it goes on: checkpoints, metrics, a report, losses on held-out text.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use maec_checkpoint::{FileSink, write_file};
use maec_lab::report::training;
use maec_train::{Cadence, Trainer};

use crate::failure::usage;
use crate::run_folder::RunFolder;
use crate::training::{Data, Keeper, Measured};

/// What is kept of a run beside its model.
#[derive(Debug, clap::Args)]
pub struct KeepingArgs {
    /// Steps between checkpoints; 0 writes none but on Ctrl-C.
    #[arg(long, value_name = "N", default_value_t = 100)]
    checkpoint_every: u32,
    /// Steps between measurements of the loss on held-out text; the last step is measured too. 0 is never.
    #[arg(long, value_name = "N", default_value_t = 0)]
    evaluate_every: u32,
    /// JSONL file, or folder of them, with a "language" and a "text" in every line; prepared corpora have their own.
    #[arg(long, value_name = "FILE", requires = "evaluate_every")]
    pub heldout: Vec<PathBuf>,
    /// File for what every step did, a line of JSON each; while the run goes on it is in DIR.run/metrics.jsonl.
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,
    /// HTML file with the settings, the memory and the curves, written anew with every checkpoint.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

impl KeepingArgs {
    /// Files that are written.
    pub fn outputs(&self) -> impl Iterator<Item = &PathBuf> {
        self.metrics.iter().chain(&self.report)
    }

    /// Finds out what can't be written before the hours of training.
    pub fn check(&self, out: &Path) -> Result<()> {
        let names: Vec<&Path> = self.outputs().map(PathBuf::as_path).chain([out]).collect();
        for (index, name) in names.iter().enumerate() {
            if names[..index].contains(name) {
                return Err(usage(format!(
                    "`{}` is given for two outputs; choose another name",
                    name.display()
                )));
            }
        }
        for path in self.outputs() {
            drop(FileSink::create(path)?);
        }
        Ok(())
    }

    /// Refuses files that a run which is over can no longer write.
    pub fn too_late(&self) -> Result<()> {
        match self.outputs().find(|path| !path.exists()) {
            None => Ok(()),
            Some(path) => Err(usage(format!(
                "the run is finished, too late for `{}`; leave it out, or train anew without --resume",
                path.display()
            ))),
        }
    }

    /// What is measured.
    pub fn measured(&self, data: &Data) -> Result<Measured> {
        match self.evaluate_every {
            0 => Ok(Measured::Nothing),
            _ => Measured::read(&self.heldout, data),
        }
    }
}

/// A run's keeper.
pub struct Kept<'a> {
    /// What is asked for.
    pub args: &'a KeepingArgs,
    /// Where checkpoints go.
    pub folder: &'a RunFolder,
    /// What is measured.
    pub measured: Measured,
    /// The report's headline.
    pub title: String,
    /// Whether this rank writes what is due.
    pub leads: bool,
}

impl Kept<'_> {
    /// When what is due. All ranks measure, so that none waits for another.
    pub fn cadence(&self) -> Cadence {
        let checkpoint_every = if self.leads { self.args.checkpoint_every } else { 0 };
        Cadence { evaluate_every: self.args.evaluate_every, checkpoint_every }
    }

    /// Writes what is to stay of a run that is over.
    pub fn finish(&self, trainer: &Trainer) -> Result<()> {
        if let Some(path) = &self.args.metrics {
            let records = self.folder.records()?;
            let lines = records.iter().map(|record| Ok(serde_json::to_string(record)? + "\n"));
            write_file(path, lines.collect::<Result<String>>()?.as_bytes())?;
        }
        self.report(trainer)
    }

    fn report(&self, trainer: &Trainer) -> Result<()> {
        let Some(path) = &self.args.report else { return Ok(()) };
        let records = self.folder.records()?;
        let (config, memory) = (trainer.config(), Some(trainer.memory()));
        let html = training(&self.title, config, memory, &records).html();
        Ok(write_file(path, html.as_bytes())?)
    }
}

impl Keeper for Kept<'_> {
    fn save(&mut self, trainer: &Trainer) -> Result<()> {
        let snapshot = trainer.snapshot()?;
        if !self.leads {
            // A rank is lost, perhaps the one that leads. All that are left have the same snapshot, and one is enough.
            let _ = self.folder.save(&snapshot);
            return Ok(());
        }
        self.folder.save(&snapshot)?;
        self.report(trainer)
    }

    fn measure(&mut self, trainer: &Trainer) -> Result<BTreeMap<String, f64>> {
        self.measured.losses(&trainer.model())
    }
}
