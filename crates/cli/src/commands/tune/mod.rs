//! `maec tune`: the search for hyper-parameters on validation problems, without training.

mod experiment;
mod table;
mod world;

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Error, Result};
use clap::ValueEnum;
use indicatif::ProgressBar;
use maec_checkpoint::{ByteSink as _, FileSink};
use maec_lab::tune::{
    Advance, Axis, Merges, Method, Objective, Plan, Search, SearchError, Space, Trial, TuneError, Tuning,
    Values, check_journal, report, tune,
};

use crate::args::DeviceArg;
use crate::failure::usage;
use crate::output::ReportFile;
use crate::{interrupt, output, pack, progress};

/// Arguments of `maec tune`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  maec tune --ability arithmetic --out tune.json --html tune.html
  maec tune --ability science --search grid --trials 81 --set eta=1 --set k2=0.6,0.8,1 --out grid.json
  maec tune --ability arithmetic --method f-tv --search grid --trials 64 --out lambda.json
  maec tune examples/qwen2.5-0.5b.yaml --device cuda --out tune.json

Trials are kept as they are made: the same command goes on after Ctrl-C or a crash.")]
pub struct Args {
    /// An experiment on real models and texts whose `evaluation` has a `validation` (docs/extract.md), in place of the workshop world.
    #[arg(value_name = "EXPERIMENT", conflicts_with = "settings")]
    experiment: Option<PathBuf>,
    /// The ability that is to reach the other languages: arithmetic or science, or one of the experiment's.
    #[arg(long, value_name = "NAME", required_unless_present = "experiment")]
    ability: Option<String>,
    /// Every trial is made with each seed's models: of the world validation seeds, 100 or above [default: 101,102,103; of an experiment 101].
    #[arg(long, value_delimiter = ',', value_name = "SEEDS")]
    seeds: Option<Vec<u64>>,
    /// What is merged: MAEC's parts, or the task vectors of models trained whole or by low-rank factors.
    #[arg(long, value_enum, default_value = "maec")]
    method: MethodArg,
    /// How choices are found.
    #[arg(long, value_enum, default_value = "model")]
    search: SearchArg,
    /// Trials; a grid takes the most values of every range that so many allow.
    #[arg(long, default_value = "64")]
    trials: NonZeroUsize,
    /// Values of a hyper-parameter (alpha, beta, gamma, eta, mu, k2, lambda): a range 0.2..2, a list 0.6,0.8 or one value.
    #[arg(long = "set", value_name = "NAME=VALUES", value_parser = set)]
    sets: Vec<(Axis, Values)>,
    /// Highest perplexity over the base's that a choice may have.
    #[arg(long, value_name = "RATIO", default_value_t = Objective::default().perplexity_limit)]
    limit: f64,
    /// Validation problems asked in every language [default: 200 of the world's 300; an experiment's `limit`].
    #[arg(long, value_name = "N")]
    problems: Option<NonZeroUsize>,
    /// Held-out texts, or windows of an experiment's, read in every language [default: 150; an experiment's `windows`].
    #[arg(long, value_name = "N")]
    texts: Option<NonZeroUsize>,
    /// Seed of the search's own draws.
    #[arg(long, default_value_t = 1)]
    draw_seed: u64,
    /// The world's sizes, steps and rates as JSON, where they differ from the default; without it those of `maec reproduce`.
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Folder that keeps what was trained, by content; what is there is not trained again [default: maec-studio/lab in the user's cache].
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Write the outcome to this file. Beside it, FILE.trials.jsonl keeps every trial, from which the same command goes on.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Write a report as a page.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Trials at the same time [default: of the world as many as there are cores, of an experiment 1: each holds two more models].
    #[arg(long)]
    threads: Option<NonZeroUsize>,
    #[command(flatten)]
    device: DeviceArg,
    /// Print JSON instead of tables.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum MethodArg {
    /// Eq. 2–5.
    Maec,
    /// The task vector of all parameters.
    FTv,
    /// The task vector of low-rank factors.
    LTv,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SearchArg {
    /// Every combination of evenly spaced values.
    Grid,
    /// Uniform draws.
    Random,
    /// Where a tree-structured Parzen estimator expects the best.
    Model,
}

fn set(text: &str) -> Result<(Axis, Values), String> {
    let (name, values) = text.split_once('=').ok_or("write NAME=VALUES, such as gamma=0.2..2")?;
    Ok((name.parse()?, values.parse().map_err(|error: SearchError| error.to_string())?))
}

impl MethodArg {
    fn method(self) -> Method {
        match self {
            Self::Maec => Method::Maec,
            Self::FTv => Method::FTv,
            Self::LTv => Method::LTv,
        }
    }
}

impl Args {
    /// A plan over a space, as far as the arguments say it.
    fn plan(&self, of: Plan, space: Space) -> Result<Plan> {
        let space = self.sets.iter().cloned().fold(space, |space, (axis, values)| space.with(axis, values));
        // A grid is counted over values that make sense.
        space.check(of.method).map_err(failed)?;
        let trials = self.trials.get();
        let search = match self.search {
            SearchArg::Grid => Search::grid_within(&space, trials).map_err(failed)?,
            SearchArg::Random => Search::Random { trials },
            SearchArg::Model => Search::Model { trials },
        };
        let objective = Objective { perplexity_limit: self.limit };
        let plan = Plan { space, search, objective, seed: self.draw_seed, ..of };
        plan.check().map_err(failed)?;
        Ok(plan)
    }

    fn cache(&self) -> Result<PathBuf> {
        self.cache.clone().map_or_else(|| crate::cache::folder("lab"), Ok)
    }

    /// Begins what is written. What can't be written, or gone on with, is found before the training.
    fn begin(&self, plan: &Plan, inputs: &[PathBuf]) -> Result<Outputs> {
        let mut journal = self.out.clone().into_os_string();
        journal.push(".trials.jsonl");
        let journal = PathBuf::from(journal);
        check_journal(&journal, plan).map_err(failed)?;
        for out in [&self.out, &journal].into_iter().chain(&self.html) {
            output::spares(out, inputs)?;
        }
        let html = self.html.as_deref().map(FileSink::create).transpose()?;
        Ok(Outputs { out: ReportFile::begin(&self.out)?, html, journal })
    }

    /// Makes the trials, and writes what comes out.
    fn search(&self, plan: &Plan, merges: &Merges<'_>, threads: NonZeroUsize, to: Outputs) -> Result<()> {
        let bar = Trials::new(plan);
        let tuning = tune(plan, merges, Some(&to.journal), threads, &|advance| bar.hear(advance));
        let tuning = tuning.map_err(failed)?;
        bar.0.finish_and_clear();
        if let Some(mut page) = to.html {
            page.write_all(report(&tuning, &pack::command_line()).html().as_bytes())?;
            Box::new(page).finish()?;
        }
        to.out.finish(&tuning)?;
        if self.json { output::print_json(&tuning) } else { output::print(table::shown(&tuning)) }
    }
}

/// What a search writes.
struct Outputs {
    out: ReportFile,
    html: Option<FileSink>,
    journal: PathBuf,
}

/// As many as the system says it can run at once.
fn cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// A refusal is usage.
fn failed(error: impl Into<TuneError>) -> Error {
    let error = error.into();
    if error.is_usage() { usage(error.to_string()) } else { error.into() }
}

/// Reads what a search found.
///
/// # Errors
/// When it can't be read, or is not that.
pub fn read(path: &Path) -> Result<Tuning> {
    let bytes = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    Tuning::read(&bytes).map_err(|error| usage(format!("{}: {error}", path.display())))
}

/// Runs it.
///
/// # Errors
/// When the arguments make no search, a training or a trial fails, or a file can't be written.
pub fn run(args: &Args) -> Result<()> {
    match &args.experiment {
        Some(path) => experiment::run(args, path),
        None => world::run(args),
    }
}

/// The bar over trials, with the best so far.
struct Trials(ProgressBar, Mutex<Option<Trial>>, Objective);

impl Trials {
    fn new(plan: &Plan) -> Self {
        let bar = progress::bar("trials", plan.search.trials(&plan.space) as u64);
        Self(bar, Mutex::default(), plan.objective)
    }

    fn hear(&self, advance: Advance<'_>) -> ControlFlow<()> {
        match advance.trial {
            Some(trial) => {
                let mut best = self.1.lock().unwrap_or_else(PoisonError::into_inner);
                if best.as_ref().is_none_or(|best| self.2.worth(trial) > self.2.worth(best)) {
                    *best = Some(trial.clone());
                    let (accuracy, ratio) = (crate::table::percent(trial.accuracy), trial.perplexity_ratio);
                    self.0.set_message(format!("best {accuracy} % at {ratio:.3} × perplexity"));
                }
                self.0.set_position(advance.done as u64);
            }
            // What was found took no time, and says nothing about what is left.
            None => {
                self.0.set_position(advance.done as u64);
                self.0.reset_eta();
            }
        }
        interrupt::flow()
    }
}
