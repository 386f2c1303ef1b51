//! `maec reproduce`: the paper's tables and figures from one command.

mod experiment;
mod world;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;
use maec_lab::report::Report;
use maec_lab::reproduce::{Results, report};
use maec_lab::tune::Tuning;

use super::tune;
use crate::args::DeviceArg;
use crate::failure::usage;
use crate::{output, pack};

/// Arguments of `maec reproduce`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  maec reproduce --seeds 1,2,3 --out paper
  maec reproduce --quick --out check
  maec reproduce examples/qwen2.5-0.5b.yaml --plan --tokens-per-second 20000
  maec reproduce examples/qwen2.5-0.5b.yaml --seeds 1 --device cuda --out paper

What is trained and asked is kept by content: the same command goes on after Ctrl-C or a crash, and does nothing twice.")]
pub struct Args {
    /// An experiment on real models and texts with an `evaluation` (docs/extract.md), in place of the workshop world.
    #[arg(value_name = "EXPERIMENT", conflicts_with_all = ["quick", "settings", "problems"])]
    experiment: Option<PathBuf>,
    /// Say what an experiment's tables would train, and everything in their way, from headers and manifests alone.
    #[arg(long, requires = "experiment")]
    plan: bool,
    /// Tokens a second that the plan's times are for.
    #[arg(long, value_name = "N", requires = "plan")]
    tokens_per_second: Option<f64>,
    /// Print the plan as JSON instead of tables.
    #[arg(long, requires = "plan")]
    json: bool,
    /// Seeds, one run of everything each [default: 1,2,3; of an experiment its training's own and the two after it]. The world's test seeds are 1–99.
    #[arg(long, value_delimiter = ',', value_name = "SEEDS")]
    seeds: Option<Vec<u64>>,
    /// Train for a few steps only, to check that everything runs; the report's title says so.
    #[arg(long)]
    quick: bool,
    /// Test problems of each ability asked in every language of the world.
    #[arg(long, default_value_t = 300)]
    problems: usize,
    /// The world's sizes, steps and rates as JSON, where they differ from the published ones.
    #[arg(long, value_name = "FILE", conflicts_with = "quick")]
    settings: Option<PathBuf>,
    /// What `maec tune` found, in place of the published choices, or of an experiment's `parameters`: one file for each ability and method that is to differ.
    #[arg(long, value_name = "FILE", value_delimiter = ',')]
    tuned: Vec<PathBuf>,
    /// Folder that keeps what was trained and examined, by content [default: maec-studio/lab in the user's cache].
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArg,
    /// Folder for report.html, report.json, results.json and the tables as CSV.
    #[arg(long, value_name = "DIR", required_unless_present = "plan")]
    out: Option<PathBuf>,
}

/// Runs it.
///
/// # Errors
/// When a training diverges or is interrupted, or a file can't be read or written.
pub fn run(args: &Args) -> Result<()> {
    let cache = match &args.cache {
        Some(folder) => folder.clone(),
        None => crate::cache::folder("lab")?,
    };
    if let Some(rate) = args.tokens_per_second.filter(|rate| !(rate.is_finite() && *rate > 0.0)) {
        return Err(usage(format!("--tokens-per-second is {rate}: give a positive number")));
    }
    match &args.experiment {
        Some(path) => experiment::run(args, path, &cache),
        None => world::run(args, &cache),
    }
}

impl Args {
    /// The seeds asked for, each once; three from `first` where none are.
    fn seeds(&self, first: u64) -> Result<Vec<u64>> {
        let Some(seeds) = &self.seeds else {
            return Ok((0..3).map(|next| first.saturating_add(next)).collect());
        };
        let mut seen = BTreeSet::new();
        match seeds.iter().find(|seed| !seen.insert(**seed)) {
            Some(seed) => Err(usage(format!("seed {seed} is given twice: give each once"))),
            None => Ok(seeds.clone()),
        }
    }

    /// What searches found.
    fn tunings(&self) -> Result<Vec<Tuning>> {
        self.tuned.iter().map(|path| tune::read(path)).collect()
    }

    /// Where the report goes: a wrong output is found before the training, not after.
    fn out(&self) -> Result<&Path> {
        let out = self.out.as_deref().ok_or_else(|| usage("give --out"))?;
        Report::may_be_written(out)?;
        Ok(out)
    }
}

/// Writes the report of what was measured.
fn write(out: &Path, results: &Results) -> Result<()> {
    let report = report(results, &pack::command_line());
    report.write_with(out, &[("results.json", serde_json::to_vec(results)?)])?;
    output::print(format!("{}", out.join("report.html").display()))
}
