//! The search on models and texts that an experiment's file names.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::Result;
use maec_checkpoint::sha256_hex;
use maec_lab::tune::{FilesModels, Merges, Method, Models, ask_files, parts, runs, space_of_files};
use maec_lab::{
    Exam, FilesExam, FilesGround, Ground as _, Lab, LabError, News, ProblemSet, Questions, Store, Wanted,
    Watch, steps_left,
};

use super::super::extract;
use super::super::extract::base::{Opened, first};
use super::super::extract::watch::Bar;
use super::{Args, Plan, Search};
use crate::failure::usage;
use crate::interrupt;

/// The seed whose models are merged where none is asked for: one that nothing is reported for unless somebody asks for it.
const SEED: u64 = 101;

/// Runs it.
pub(super) fn run(args: &Args, path: &Path) -> Result<()> {
    let experiment = extract::read(path)?;
    let ability = extract::one_ability(&experiment, args.ability.as_deref())?;
    let mut experiment = experiment.only(&ability)?;
    // Without questions nothing else is worth a look.
    experiment.validated(&ability).map_err(|error| usage(format!("{}: {error}", path.display())))?;
    if let Some(evaluation) = &mut experiment.evaluation {
        evaluation.limit = args.problems.or(evaluation.limit);
        evaluation.windows = args.texts.unwrap_or(evaluation.windows);
    }
    let cache = args.cache()?;
    let store = Store::folder(&cache);
    let device = args.device.open()?;
    let questions = Questions::Validation(&ability);
    let refused = |problems| first(problems, "reproduce", path);
    // What is in the way is said before anything large is fetched, questions and held-out text included.
    let look = Opened::open(path, experiment.clone(), &store, device.clone(), true).map_err(refused)?;
    let exam = look.exam(questions).map_err(refused)?;
    let opened = Opened::open(path, experiment.clone(), &store, device, false).map_err(refused)?;
    let method = args.method.method();
    let seeds = args.seeds.clone().unwrap_or_else(|| vec![SEED]);
    let grounds: Vec<FilesGround> = seeds.iter().map(|&seed| opened.ground.with_seed(seed)).collect();
    let models = models(path, &grounds, &exam, &ability, method)?;
    let most = models.questions.values().copied().max().unwrap_or(0);
    let search = Search::Model { trials: args.trials.get() };
    let of = Plan {
        exam: Exam { set: ProblemSet::Validation, problems: most, texts: exam.windows() },
        settings: Some(Models::Files(models)),
        ..Plan::new(ability.as_str(), method, search, seeds)
    };
    let plan = args.plan(of, space_of_files(method))?;
    let inputs: Vec<PathBuf> = opened.inputs.iter().cloned().chain([cache]).collect();
    let outputs = args.begin(&plan, &inputs)?;
    opened.check_values()?;

    let threads = args.threads.unwrap_or(NonZeroUsize::MIN);
    let each = NonZeroUsize::new(super::cores().get() / threads).unwrap_or(NonZeroUsize::MIN);
    let catalog = opened.ground.catalog(&ability)?;
    let mut merges = Merges::new(method, &catalog, each);
    let wanted: Vec<Wanted> = runs(&catalog, method).into_iter().map(Wanted::Weights).collect();
    for ground in &grounds {
        let seed = ground.experiment().training.seed;
        let bar = Bar::new(&format!("seed {seed}"), steps_left(ground, &store, &wanted));
        let parts = parts(&Lab { ground, store: &store, watch: &bar }, &catalog, method)?;
        bar.finish();
        merges.add(parts, ask_files(ground, &exam, &store, &Listens, &ability))?;
    }
    args.search(&plan, &merges, threads, outputs)
}

/// What decides the scores, by content.
fn models(
    path: &Path,
    grounds: &[FilesGround],
    exam: &FilesExam,
    ability: &str,
    method: Method,
) -> Result<FilesModels, LabError> {
    let mut keys = String::new();
    for ground in grounds {
        let catalog = ground.catalog(ability)?;
        keys += &format!("{:?}\n", catalog.language_vectors);
        for run in runs(&catalog, method) {
            keys += &format!("{}\n", run.key(ground.identity()));
        }
    }
    Ok(FilesModels {
        experiment: path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned()),
        models: sha256_hex(keys.as_bytes()),
        exam: sha256_hex(exam.identity().as_bytes()),
        benchmarks: exam.benchmarks(),
        questions: exam.questions().remove(ability).unwrap_or_default(),
    })
}

/// Breaks an exam off where the program is asked to end.
struct Listens;

impl Watch for Listens {
    fn step(&self, _: News<'_>) -> ControlFlow<()> {
        interrupt::flow()
    }

    fn go_on(&self) -> ControlFlow<()> {
        interrupt::flow()
    }
}
