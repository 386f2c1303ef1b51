//! `maec reproduce`: the paper's tables and figures from one command.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::{Context, Result};
use indicatif::ProgressBar;
use maec_lab::report::Report;
use maec_lab::reproduce::{Results, Tuned, measure, report, total_steps};
use maec_lab::tune::Tuning;
use maec_lab::{Exam, Lab, LabSettings, News, ProblemSet, Store, Watch, WorldGround};

use super::extract;
use crate::failure::usage;
use crate::{interrupt, output, pack, progress};

/// Arguments of `maec reproduce`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  maec reproduce --seeds 1,2,3 --out paper\n  maec reproduce --quick --out check"
)]
pub struct Args {
    /// An experiment on real models and texts (docs/extract.md): with --plan, what it would train.
    #[arg(value_name = "EXPERIMENT", requires = "plan", conflicts_with_all = ["quick", "settings", "tuned", "out"])]
    experiment: Option<PathBuf>,
    /// Say what an experiment would train, and everything in its way, from headers and manifests alone.
    #[arg(long, requires = "experiment")]
    plan: bool,
    /// Tokens a second that the plan's times are for.
    #[arg(long, value_name = "N", requires = "plan")]
    tokens_per_second: Option<f64>,
    /// Seeds, one experiment each. Test seeds are 1–99.
    #[arg(long, value_delimiter = ',', default_value = "1,2,3")]
    seeds: Vec<u64>,
    /// Train for a few steps only, to check that everything runs; the report's title says so.
    #[arg(long)]
    quick: bool,
    /// Test problems of each ability asked in every language.
    #[arg(long, default_value_t = 300)]
    problems: usize,
    /// Sizes, steps and rates as JSON, where they differ from the published ones.
    #[arg(long, value_name = "FILE", conflicts_with = "quick")]
    settings: Option<PathBuf>,
    /// What `maec tune` found, in place of the published choices: one file for each ability and method that is to differ.
    #[arg(long, value_name = "FILE", value_delimiter = ',')]
    tuned: Vec<PathBuf>,
    /// Folder that keeps what was trained and examined, by content [default: maec-studio/lab in the user's cache].
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
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
    if let Some(path) = &args.experiment {
        return extract::print_plan(path, &cache, args.tokens_per_second);
    }
    let out = args.out.as_deref().ok_or_else(|| usage("give --out"))?;
    let settings = settings(args)?;
    let mut tuned = Tuned::published().context("the published choices")?;
    for path in &args.tuned {
        let tuning =
            Tuning::read(&std::fs::read(path).with_context(|| format!("reading {}", path.display()))?);
        tuned.take(&tuning.map_err(|error| usage(format!("{}: {error}", path.display())))?);
    }
    if let Some(seed) = args.seeds.iter().find(|seed| !(1..100).contains(*seed)) {
        return Err(usage(format!(
            "seed {seed} is no test seed: give 1 to 99; 100 and above are for tuning"
        )));
    }
    // A wrong output is found before the training, not after.
    Report::may_be_written(out)?;
    let exam = Exam { set: ProblemSet::Test, problems: args.problems, texts: usize::MAX };
    let store = Store::folder(&cache);
    let mut seeds = Vec::new();
    for &seed in &args.seeds {
        let ground = WorldGround::new(settings.clone(), seed)?;
        let bar = Bar::new(seed, total_steps(&settings, ground.abilities().len()));
        let lab = Lab { ground: &ground, store: &store, watch: &bar };
        seeds.push(measure(&lab, &ground, &tuned, exam, &|stage| bar.say(stage))?);
        bar.bar.finish_and_clear();
    }
    let results = Results { quick: args.quick, settings, tuned, problems: args.problems, seeds };
    let report = report(&results, &pack::command_line());
    report.write_with(out, &[("results.json", serde_json::to_vec(&results)?)])?;
    output::print(format!("{}", out.join("report.html").display()))
}

fn settings(args: &Args) -> Result<LabSettings> {
    match &args.settings {
        Some(path) => read_json(path),
        None if args.quick => Ok(LabSettings::quick()),
        None => Ok(LabSettings::paper()),
    }
}

fn read_json<T: serde::de::DeserializeOwned>(path: &std::path::Path) -> Result<T> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| usage(format!("{}: {error}", path.display())))
}

/// Steps of one seed's trainings.
struct Bar {
    bar: ProgressBar,
    stage: RefCell<String>,
}

impl Bar {
    fn new(seed: u64, total: u64) -> Self {
        Self { bar: progress::bar(&format!("seed {seed}"), total), stage: RefCell::default() }
    }

    fn say(&self, stage: &str) {
        self.bar.set_message(stage.to_owned());
        self.stage.replace(stage.to_owned());
    }
}

impl Watch for Bar {
    fn step(&self, news: News<'_>) -> ControlFlow<()> {
        self.bar.inc(1);
        let (name, loss) = (news.name, news.loss);
        self.bar.set_message(format!("{} · {name}, loss {loss:.3}", self.stage.borrow()));
        interrupt::flow()
    }
}
