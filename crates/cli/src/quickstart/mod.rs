//! `maec quickstart`: the whole path on the workshop world, from corpora to one table.

mod artefacts;
mod packing;
mod results;
mod tuned;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use maec_checkpoint::Weights;
use maec_lab::{
    Exam, LabSettings, MaecChoice, Merged, Parts, ProblemSet, TARGETS, WorldExam, WorldGround, merge,
};
use maec_recipe::{MergeMethod, Recipe};

use crate::commands::tune;
use crate::failure::usage;
use crate::output::{self, ReportFile};
use crate::{pack, progress};
use artefacts::Artefacts;
use packing::{Provenance, write_pack};
use results::{MAEC, Results, Row, SeedResults};
pub use tuned::Tuned;

/// Arguments of `maec quickstart`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: maec quickstart --pack demo-pack --out results.json")]
pub struct Args {
    /// Seeds, one experiment each. Test seeds are 1–3, validation seeds 101–103.
    #[arg(long, value_delimiter = ',', default_value = "1")]
    seeds: Vec<u64>,
    /// Test problems asked in every language.
    #[arg(long, default_value = "600")]
    problems: NonZeroUsize,
    /// What `maec tune --ability arithmetic` found, in place of the published choices: one file for MAEC, one for F-TV.
    #[arg(long, value_name = "FILE", value_delimiter = ',')]
    tuned: Vec<PathBuf>,
    /// Sizes, steps and rates as JSON, where they differ from the published ones.
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Write every number and every answer to this file.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Bundle the first seed's models for the studio in this folder.
    #[arg(long, value_name = "DIR")]
    pack: Option<PathBuf>,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// Runs it.
///
/// # Errors
/// When a training diverges or a file can't be written.
pub fn run(args: &Args) -> Result<()> {
    let settings = match &args.settings {
        Some(path) => read_settings(path)?,
        None => LabSettings::default(),
    };
    let mut tuned = Tuned::published()?;
    for path in &args.tuned {
        tuned.take(&tune::read(path)?, &args.seeds)?;
    }
    // Wrong outputs are found before the minutes of training, not after.
    args.pack.as_deref().map(pack::check_folder).transpose()?;
    let report = args.out.as_deref().map(ReportFile::begin).transpose()?;
    let problems = args.problems.get();
    let (mut seeds, mut first) = (Vec::new(), None);
    for &seed in &args.seeds {
        let ground = WorldGround::new(settings.clone(), seed)?;
        let artefacts = Artefacts::train(&ground, ABILITY)?;
        seeds.push(evaluate(&ground, &artefacts, &tuned, problems)?);
        first.get_or_insert((ground, artefacts));
    }
    let results = Results::new(settings, tuned, seeds)?;
    if args.json {
        output::print_json(&results.without_samples())?
    } else {
        output::print(results.table())?
    }
    report.map_or(Ok(()), |report| report.finish(&results))?;
    if let (Some(folder), Some((ground, artefacts))) = (&args.pack, first) {
        let provenance = Provenance {
            command: &pack::command_line(),
            lambda: results.tuned.pack_lambda,
            problems,
            recorded: &results.seeds[0].recorded(),
        };
        let id = write_pack(folder, &ground, artefacts.masked, results.tuned.recipe(), &provenance)
            .with_context(|| format!("packing {}", folder.display()))?;
        progress::note(&format!("pack {id} in {}", folder.display()));
    }
    Ok(())
}

/// What the quickstart teaches.
const ABILITY: &str = "arithmetic";

/// Reads a JSON object of the settings that differ from the default.
fn read_settings(path: &Path) -> Result<LabSettings> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| usage(format!("{}: {error}", path.display())))
}

/// A choice's merge of the workshop's models.
fn merged(parts: &Parts, choice: &MaecChoice, method: MergeMethod) -> Result<Merged> {
    Ok(merge(parts, &recipe(choice, method))?)
}

/// A choice's recipe over the workshop's languages.
fn recipe(choice: &MaecChoice, method: MergeMethod) -> Recipe {
    maec_lab::recipe(method, choice.parameters, TARGETS.map(|language| (language.code(), choice.mu)))
}

fn evaluate(
    ground: &WorldGround,
    artefacts: &Artefacts,
    tuned: &Tuned,
    problems: usize,
) -> Result<SeedResults> {
    let exam = Exam { set: ProblemSet::Test, problems, texts: usize::MAX };
    let bar = progress::spinner("evaluating");
    let test = |name: &str, weights: &dyn Weights| -> Result<Row> {
        bar.set_message(format!("evaluating {name}"));
        Ok(Row::new(WorldExam { ground, exam }.hold(name, weights)?))
    };
    let all =
        MaecChoice { parameters: maec_recipe::Parameters { k2: 1.0, ..tuned.maec.parameters }, ..tuned.maec };
    let task_vector = merged(&artefacts.full, &tuned.task_vector, MergeMethod::TaskVector)?;
    let maec = merged(&artefacts.masked, &tuned.maec, MergeMethod::Maec)?;
    let unselected = merged(&artefacts.masked, &all, MergeMethod::Maec)?;
    let rows = vec![
        test("base", artefacts.masked.base.as_ref())?,
        test("F-CPT_A", artefacts.full.ability.as_ref())?,
        test("F-TV", &task_vector.weights)?,
        test(MAEC, &maec.weights)?,
        test("MAEC, k2 = 100 %", &unselected.weights)?,
    ];
    bar.finish_and_clear();
    SeedResults::new(ground.seed, rows)
}
