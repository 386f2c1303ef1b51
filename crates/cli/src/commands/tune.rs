//! `maec tune`: the search for hyper-parameters on validation problems, without training.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result};
use clap::ValueEnum;
use indicatif::ProgressBar;
use maec_checkpoint::{ByteSink as _, FileSink};
use maec_lab::tune::{
    Advance, Axis, Method, Objective, Plan, Search, SearchError, Space, Trial, TuneError, Tuning, Values,
    Worlds, check_journal, plan, report, runs, tune,
};
use maec_lab::{Catalog, Exam, LabSettings, News, ProblemSet, Run, Store, Trains, Watch, WorldGround};

use crate::failure::usage;
use crate::output::ReportFile;
use crate::{interrupt, output, pack, progress, table};

/// Arguments of `maec tune`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  maec tune --ability arithmetic --out tune.json --html tune.html
  maec tune --ability science --search grid --trials 81 --set eta=1 --set k2=0.6,0.8,1 --out grid.json
  maec tune --ability arithmetic --method f-tv --search grid --trials 64 --out lambda.json")]
pub struct Args {
    /// The ability that is to reach the other languages: arithmetic or science.
    #[arg(long)]
    ability: String,
    /// Validation seeds, 100 or above; every trial is made with each one's models.
    #[arg(long, value_delimiter = ',', default_value = "101,102,103")]
    seeds: Vec<u64>,
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
    /// Validation problems asked in every language, 300 at most.
    #[arg(long, default_value_t = 200)]
    problems: usize,
    /// Held-out texts read in every language.
    #[arg(long, default_value_t = 150)]
    texts: usize,
    /// Seed of the search's own draws.
    #[arg(long, default_value_t = 1)]
    draw_seed: u64,
    /// Sizes, steps and rates as JSON, where they differ from the default; without it those of `maec reproduce`.
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
    /// Trials at the same time, each on one thread [default: as many as there are cores].
    #[arg(long)]
    threads: Option<NonZeroUsize>,
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

impl Args {
    fn plan(&self, settings: LabSettings) -> Result<Plan> {
        let method = match self.method {
            MethodArg::Maec => Method::Maec,
            MethodArg::FTv => Method::FTv,
            MethodArg::LTv => Method::LTv,
        };
        let space = self
            .sets
            .iter()
            .cloned()
            .fold(Space::of(method), |space, (axis, values)| space.with(axis, values));
        // A grid is counted over values that make sense.
        space.check(method).map_err(failed)?;
        let trials = self.trials.get();
        let search = match self.search {
            SearchArg::Grid => Search::grid_within(&space, trials).map_err(failed)?,
            SearchArg::Random => Search::Random { trials },
            SearchArg::Model => Search::Model { trials },
        };
        let exam = Exam { set: ProblemSet::Validation, problems: self.problems, texts: self.texts };
        let objective = Objective { perplexity_limit: self.limit };
        let plan = plan(&self.ability, method, search, self.seeds.clone());
        let plan = Plan { space, exam, objective, settings: Some(settings), seed: self.draw_seed, ..plan };
        plan.check().map_err(failed)?;
        Ok(plan)
    }
}

/// A refusal is usage.
fn failed(error: impl Into<TuneError>) -> Error {
    let error = error.into();
    if error.is_usage() { usage(error.to_string()) } else { error.into() }
}

fn settings(path: &Path) -> Result<LabSettings> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| usage(format!("{}: {error}", path.display())))
}

/// Runs it.
///
/// # Errors
/// When the arguments make no search, a training or a trial fails, or a file can't be written.
pub fn run(args: &Args) -> Result<()> {
    let settings = args.settings.as_deref().map_or(Ok(LabSettings::paper()), settings)?;
    let plan = args.plan(settings.clone())?;
    let mut journal = args.out.clone().into_os_string();
    journal.push(".trials.jsonl");
    let journal = PathBuf::from(journal);
    // What can't be written, or gone on with, is found before the training.
    check_journal(&journal, &plan).map_err(failed)?;
    for out in [&args.out, &journal].into_iter().chain(&args.html) {
        output::spares(out, &args.settings)?;
    }
    let out = ReportFile::begin(&args.out)?;
    let html = args.html.as_deref().map(FileSink::create).transpose()?;
    let mut worlds = Worlds::new(&plan);
    let cache = match &args.cache {
        Some(folder) => folder.clone(),
        None => crate::cache::folder("lab")?,
    };
    let store = Store::folder(cache);
    for &seed in &plan.seeds {
        add(&mut worlds, &plan, &settings, &store, seed)?;
    }
    let threads = args.threads.or(std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
    let bar = Trials::new(&plan);
    let tuning =
        tune(&plan, &worlds, Some(&journal), threads, &|advance| bar.hear(advance)).map_err(failed)?;
    bar.0.finish_and_clear();
    if let Some(mut page) = html {
        page.write_all(report(&tuning, &pack::command_line()).html().as_bytes())?;
        Box::new(page).finish()?;
    }
    out.finish(&tuning)?;
    if args.json { output::print_json(&tuning) } else { output::print(shown(&tuning)) }
}

/// Trains a seed's parts with a bar over all steps.
fn add(worlds: &mut Worlds, plan: &Plan, settings: &LabSettings, store: &Store, seed: u64) -> Result<()> {
    let ground = WorldGround::new(settings.clone(), seed)?;
    let catalog = Catalog::of_world(settings, &plan.ability);
    let steps = Steps::of(&runs(&catalog, plan.method), ground.base_run().steps);
    let bar = Training(progress::bar(&format!("seed {seed}"), steps.total));
    let mut done = steps.base;
    worlds.add(ground, store, &bar, &mut |run| {
        done += steps.of_run(run);
        bar.0.set_position(done);
    })?;
    bar.0.finish_and_clear();
    Ok(())
}

/// What trainings take at most.
struct Steps {
    base: u64,
    total: u64,
}

impl Steps {
    fn of(runs: &[Run], base: u32) -> Self {
        let mut steps = Self { base: base.into(), total: 0 };
        steps.total = steps.base + runs.iter().map(|run| steps.of_run(run)).sum::<u64>();
        steps
    }

    /// A run's own, and those of its rankings, each of which may have been found before.
    fn of_run(&self, run: &Run) -> u64 {
        let rankings = match &run.trains {
            Trains::KeyNeurons(rankings) => rankings.iter().map(|ranking| u64::from(ranking.steps)).sum(),
            _ => 0,
        };
        u64::from(run.steps) + rankings
    }
}

struct Training(ProgressBar);

impl Watch for Training {
    fn step(&self, news: News<'_>) -> ControlFlow<()> {
        self.0.inc(1);
        let (name, loss, rate) = (news.name, news.loss, news.tokens_per_second);
        self.0.set_message(format!("{name} · loss {loss:.3} · {rate:.0} tokens/s"));
        interrupt::flow()
    }
}

/// The bar over trials, with the best so far.
struct Trials(ProgressBar, std::sync::Mutex<Option<Trial>>, Objective);

impl Trials {
    fn new(plan: &Plan) -> Self {
        let bar = progress::bar("trials", plan.search.trials(&plan.space) as u64);
        Self(bar, std::sync::Mutex::default(), plan.objective)
    }

    fn hear(&self, advance: Advance<'_>) -> ControlFlow<()> {
        match advance.trial {
            Some(trial) => {
                let mut best = self.1.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                if best.as_ref().is_none_or(|best| self.2.worth(trial) > self.2.worth(best)) {
                    *best = Some(trial.clone());
                    let (accuracy, ratio) = (table::percent(trial.accuracy), trial.perplexity_ratio);
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

/// The best ten, the front, and what matters.
fn shown(tuning: &Tuning) -> String {
    let free = tuning.plan.space.free();
    let symbols: Vec<&str> = free.iter().map(|axis| axis.symbol()).collect();
    let headings: Vec<&str> =
        ["trial"].into_iter().chain(symbols).chain(["accuracy %", "perplexity ×"]).collect();
    let rows = |trials: &mut dyn Iterator<Item = &Trial>| {
        let mut rows = table::new(&headings, 0);
        for trial in trials {
            let mut cells = vec![trial.number.to_string()];
            cells.extend(free.iter().map(|axis| axis.of(&trial.choice).to_string()));
            cells.push(table::percent(trial.accuracy));
            cells.push(format!("{:.3}", trial.perplexity_ratio));
            rows.add_row(cells);
        }
        rows
    };
    let mut matters = table::new(&["", "importance %", "spread", "of perplexity %", "spread ×"], 1);
    let share = |share: Option<f64>| share.map_or("–".into(), table::percent);
    for of in &tuning.sensitivity {
        matters.add_row([
            of.axis.symbol().to_owned(),
            share(of.accuracy.importance),
            table::percent(of.accuracy.spread),
            share(of.perplexity.importance),
            format!("{:.3}", of.perplexity.spread.exp()),
        ]);
    }
    let ranked = tuning.plan.objective.ranked(&tuning.trials);
    let limit = tuning.plan.objective.perplexity_limit;
    let best = match tuning.within_limit {
        true => format!("The best trials within {limit} × the base's perplexity"),
        false => format!("No trial is within {limit} × the base's perplexity; the nearest"),
    };
    format!(
        "{best}\n{}\n\nThe Pareto front of accuracy against perplexity\n{}\n\nHow much each matters\n{matters}",
        rows(&mut ranked.into_iter().take(10)),
        rows(&mut tuning.pareto.iter().map(|number| &tuning.trials[*number])),
    )
}
