//! The tables on models and texts that an experiment's file names.

use std::path::{Path, PathBuf};

use anyhow::Result;
use maec_lab::reproduce::{Chosen, Measures, Results, Tables, measure, wanted};
use maec_lab::tune::{Models, Tuning};
use maec_lab::{Catalog, FilesExam, FilesGround, Lab, LabError, Plan, Questions, Store, steps_left};
use serde::Serialize;

use super::super::extract::base::{Opened, first};
use super::super::extract::watch::Bar;
use super::super::extract::{self, plan};
use super::Args;
use crate::failure::usage;
use crate::{output, table};

/// Runs it, or prints what it would train.
pub(super) fn run(args: &Args, path: &Path, cache: &Path) -> Result<()> {
    let experiment = extract::read(path)?;
    // Without questions nothing else is worth a look.
    experiment.evaluated().map_err(|error| usage(format!("{}: {error}", path.display())))?;
    let seeds = args.seeds(experiment.training.seed)?;
    let mut chosen = Chosen::of_experiment(&experiment);
    let tunings = args.tunings()?;
    for tuning in &tunings {
        let ability = &tuning.plan.ability;
        let choice = chosen.get_mut(ability);
        choice
            .ok_or_else(|| usage(format!("--tuned: the experiment has no ability `{ability}`")))?
            .take(tuning);
        check_seeds(tuning, &seeds)?;
    }
    let store = Store::folder(cache);
    let device = args.device.open()?;
    // What is in the way is said before anything large is fetched, questions and held-out text included.
    let look = Opened::open(path, experiment.clone(), &store, device.clone(), true)
        .and_then(|opened| Ok((opened.exam(Questions::Reported)?, opened)));
    let (exam, looked) = match look {
        Ok(found) => found,
        Err(problems) if args.plan => return plan::refuse(problems, args.json),
        Err(problems) => return Err(first(problems, "reproduce", path)),
    };
    tunings.iter().try_for_each(|tuning| check_questions(tuning, &exam))?;
    if args.plan {
        return print_plan(args, &looked.ground, &store, &seeds);
    }
    let out = args.out()?;
    output::spares(out, looked.inputs.iter().map(PathBuf::as_path).chain([cache]))?;
    let opened = Opened::open(path, experiment.clone(), &store, device, false);
    let opened = opened.map_err(|problems| first(problems, "reproduce", path))?;
    opened.check_values()?;
    let mut numbers = Vec::new();
    let (mut languages, mut budget) = (Vec::new(), 0);
    for seed in seeds {
        let ground = opened.ground.with_seed(seed);
        let catalogs = catalogs(&ground)?;
        if let Some(catalog) = catalogs.first() {
            languages = catalog.codes().into_iter().map(str::to_owned).collect();
            budget = catalog.budget();
        }
        let bar = Bar::new(&format!("seed {seed}"), steps_left(&ground, &store, &wanted(&catalogs, seed)));
        let lab = Lab { ground: &ground, store: &store, watch: &bar };
        let tables = Tables { seed, catalogs: &catalogs, chosen: &chosen, examiner: &exam };
        numbers.push(measure(&lab, &tables, &|stage| bar.say(stage))?);
        bar.finish();
    }
    let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let of = Measures::Experiment { name, experiment: Box::new(experiment), questions: exam.questions() };
    super::write(out, &Results { quick: false, of, languages, budget, chosen, seeds: numbers })
}

/// Refuses to report on seeds that something was chosen on. A world's seeds are other models.
fn check_seeds(tuning: &Tuning, seeds: &[u64]) -> Result<()> {
    let of_files = tuning.plan.settings.as_ref().is_some_and(|models| models.files().is_some());
    match seeds.iter().find(|seed| of_files && tuning.plan.seeds.contains(seed)) {
        Some(seed) => Err(usage(format!(
            "--tuned: what was chosen on seed {seed} would flatter the results reported for it: give other seeds with --seeds"
        ))),
        None => Ok(()),
    }
}

/// Refuses to report on questions that something was chosen on.
fn check_questions(tuning: &Tuning, exam: &FilesExam) -> Result<()> {
    let chosen_on = tuning.plan.settings.as_ref().and_then(Models::files).map(|files| &files.benchmarks);
    match exam.benchmarks().iter().any(|reported| chosen_on.is_some_and(|all| all.contains(reported))) {
        true => Err(usage(
            "--tuned: something was chosen on questions that the experiment's `evaluation` reports, which would flatter the results: name \
             them below `validation`, and others below `abilities`",
        )),
        false => Ok(()),
    }
}

/// Every ability's runs.
fn catalogs(ground: &FilesGround) -> Result<Vec<Catalog>, LabError> {
    ground.experiment().abilities.iter().map(|ability| ground.catalog(&ability.name)).collect()
}

/// One seed's plan.
#[derive(Serialize)]
struct Seed {
    seed: u64,
    plan: Plan,
}

/// What the plans of all seeds come to.
#[derive(Serialize)]
struct Plans {
    seeds: Vec<Seed>,
    /// Predicted tokens of what is not in the store.
    tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
}

/// Prints the first seed's trainings and what all seeds come to.
fn print_plan(args: &Args, ground: &FilesGround, store: &Store, seeds: &[u64]) -> Result<()> {
    let mut plans = Vec::new();
    for &seed in seeds {
        let ground = ground.with_seed(seed);
        let known = ground.has_fingerprint().then_some(store);
        let wanted = wanted(&catalogs(&ground)?, seed);
        plans.push(Seed { seed, plan: Plan::new(&ground, known, &wanted, args.tokens_per_second)? });
    }
    let tokens = plans.iter().map(|seed| seed.plan.tokens).sum();
    let seconds = args.tokens_per_second.map(|rate| tokens as f64 / rate);
    if args.json {
        return output::print_json(&Plans { seeds: plans, tokens, seconds });
    }
    let Some(one) = plans.first() else { return Ok(()) };
    plan::print(&one.plan, false)?;
    let time = seconds.map_or_else(String::new, |seconds| format!(", about {}", plan::duration(seconds)));
    let all: Vec<String> = seeds.iter().map(u64::to_string).collect();
    output::print(format!(
        "The trainings are seed {}'s. Seeds {} together: {} tokens to train{time}",
        one.seed,
        all.join(", "),
        table::count(tokens)
    ))
}
