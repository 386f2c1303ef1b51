//! `maec verify`: a pack's hashes, and what the studio shows of it.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::{Context, Result};
use burn::tensor::Device;
use maec_checkpoint::{Pack, Weights, model_hash};
use maec_eval::{HeldOut, ModelReport, Options, Problem};
use maec_merge::{Report, merge_to_memory};
use maec_model::Decoder;
use maec_protocol::{Subject, SubjectResult};
use maec_recipe::{MergeMethod, Parameters, Recipe, Select};
use serde::Serialize;

use crate::args::DeviceArg;
use crate::commands::merge::recipe::Opened;
use crate::evaluation::{self, TestSet};
use crate::models::Models;
use crate::{interrupt, output, progress, table};

/// Arguments of `maec verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  maec verify pack --evaluate 100")]
pub struct Args {
    /// The pack's folder.
    #[arg(value_name = "PACK")]
    pack: PathBuf,
    /// Also evaluate the base, the task vector and the default merge on the first N problems of every language.
    #[arg(long, value_name = "N")]
    evaluate: Option<NonZeroUsize>,
    #[command(flatten)]
    device: DeviceArg,
    /// Print everything in JSON.
    #[arg(long)]
    json: bool,
}

/// What a pack comes to.
#[derive(Serialize)]
struct Summary {
    id: String,
    title: String,
    seed: u64,
    command: String,
    lambda: f64,
    languages: Vec<String>,
    files: usize,
    bytes: u64,
    parameters: u64,
    base_fingerprint: String,
    base_hash: String,
    /// Of the default recipe.
    merged_hash: String,
    /// Names of the tensors in 𝒯, in ranking order.
    selected: Vec<String>,
    task_vector_hash: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    results: Vec<SubjectResult>,
}

/// Runs it.
pub fn run(args: &Args) -> Result<()> {
    // Opening checks every hash, and every delta against the base.
    let pack = Pack::open(&args.pack).with_context(|| format!("pack `{}`", args.pack.display()))?;
    let about = pack.manifest();
    let recipe = Recipe::from_json(pack.text(&about.recipe)?).context("the pack's recipe")?;
    let opened = Opened::open(&mut Models::in_folder(&args.pack), &recipe)?;
    let (merged, report) = merge(&opened, &recipe)?;
    let (task_vector, task_report) = merge(&opened, &task_vector(&recipe, about.lambda))?;
    let base = opened.base.weights.clone();
    let mut models = Vec::new();
    if let Some(limit) = args.evaluate {
        let subjects: [(&str, &dyn Weights); 3] =
            [("base", base.as_ref()), ("task vector", &task_vector), ("MAEC", &merged)];
        models = evaluate(&pack, &opened, &subjects, limit.get(), &args.device.open()?)?;
    }

    let mut ranked: Vec<_> = report.tensors.iter().filter(|tensor| tensor.selected).collect();
    ranked.sort_by_key(|tensor| tensor.rank);
    let subjects = [Subject::Base, Subject::TaskVector, Subject::Merged];
    let summary = Summary {
        id: pack.id().into(),
        title: about.title.clone(),
        seed: about.seed,
        command: about.command.clone(),
        lambda: about.lambda,
        languages: about.languages.iter().map(|language| language.code.clone()).collect(),
        files: about.files.len(),
        bytes: about.files.values().map(|file| file.bytes).sum(),
        parameters: base.tensors().iter().map(|info| info.elements() as u64).sum(),
        base_fingerprint: pack.base_fingerprint().into(),
        base_hash: model_hash(base.as_ref())?,
        merged_hash: report.output_hash.clone(),
        selected: ranked.into_iter().map(|tensor| tensor.stats.name.clone()).collect(),
        task_vector_hash: task_report.output_hash,
        results: subjects
            .into_iter()
            .zip(&models)
            .map(|(subject, model)| SubjectResult {
                subject,
                languages: model.languages.iter().map(evaluation::result).collect(),
            })
            .collect(),
    };
    if args.json { output::print_json(&summary) } else { output::print(said(&summary, &report, &models)) }
}

/// The task vector beside a recipe, as the studio has it.
fn task_vector(recipe: &Recipe, lambda: f64) -> Recipe {
    Recipe {
        merge_method: MergeMethod::TaskVector,
        parameters: Parameters { lambda, ..Parameters::default() },
        select: Select::default(),
        ..recipe.clone()
    }
}

fn merge(opened: &Opened, recipe: &Recipe) -> Result<(maec_checkpoint::MemoryWeights, Report)> {
    let options = maec_merge::Options::default();
    Ok(merge_to_memory(&opened.inputs(), recipe, &options, &mut |_| interrupt::flow())?)
}

fn evaluate(
    pack: &Pack,
    opened: &Opened,
    subjects: &[(&str, &dyn Weights)],
    limit: usize,
    device: &Device,
) -> Result<Vec<ModelReport>> {
    let about = pack.manifest();
    let problems = Problem::from_lines(pack.text(&about.problems)?)?;
    let texts = HeldOut::from_lines(pack.text(&about.heldout)?)?;
    let mut tests = TestSet::new(problems, texts, Some(limit));
    let place = |code: &String| about.languages.iter().position(|language| language.code == *code);
    tests.languages.retain(|test| place(&test.language).is_some());
    tests.languages.sort_by_key(|test| place(&test.language));
    let (config, tokenizer) = (opened.base.config()?, opened.base.tokenizer()?);
    let bar = progress::bar("evaluating", tests.units() * subjects.len() as u64);
    let mut models = Vec::new();
    for (name, weights) in subjects {
        let model = Decoder::load(config.clone(), *weights, device)?;
        models.push(evaluation::evaluate(name, &model, &tokenizer, &tests, &Options::default(), &bar)?);
    }
    bar.finish_and_clear();
    Ok(models)
}

fn said(summary: &Summary, report: &Report, models: &[ModelReport]) -> String {
    let about = table::pairs(&[
        ("pack", summary.id.clone()),
        ("title", summary.title.clone()),
        ("made by", summary.command.clone()),
        ("seed", summary.seed.to_string()),
        ("languages", summary.languages.join(", ")),
        ("files", format!("{}, {} bytes, all hashes right", summary.files, table::count(summary.bytes))),
        ("parameters", table::count(summary.parameters)),
        ("base fingerprint", summary.base_fingerprint.clone()),
        ("base hash", summary.base_hash.clone()),
        ("merged hash", summary.merged_hash.clone()),
        ("selected tensors", format!("{} of {}", summary.selected.len(), report.tensors.len())),
        ("task vector hash", format!("{} (λ = {})", summary.task_vector_hash, summary.lambda)),
    ]);
    if models.is_empty() { about } else { format!("{about}\n\n{}", evaluation::tables(models)) }
}
