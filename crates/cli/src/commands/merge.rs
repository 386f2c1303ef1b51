//! `maec merge`: models joined by a recipe.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use indicatif::ProgressBar;
use maec_checkpoint::{ByteSink, FileSink, Weights};
use maec_merge::{Inputs, Options, Progress, Report, Stage, execute};
use maec_recipe::{MergeMethod, Recipe};

use crate::failure::usage;
use crate::merged_folder::MergedFolder;
use crate::models::{Model, Models};
use crate::output::ReportFile;
use crate::{input, interrupt, output, progress, table};

/// Arguments of `maec merge`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  maec merge recipe.yaml --out merged --report report.json
  maec merge pack/recipe.json --out merged.safetensors

A recipe:
  version: 1
  merge_method: maec                      # or task_vector
  base_model: base
  ability:   {model: a-l0.safetensors}    # a folder, a safetensors file, a sparse delta, or PACK#entry
  reference: {model: l0.safetensors}
  languages:
    - {name: es, model: es.safetensors, weight: 0.45}
  parameters: {alpha: 0.8, beta: 0.2, gamma: 1.5, eta: 1.0, k2: 0.8}
  out_dtype: bfloat16")]
pub struct Args {
    /// The recipe: YAML, or JSON where the name ends in .json.
    #[arg(value_name = "RECIPE")]
    recipe: PathBuf,
    /// A file where the name ends in .safetensors, else a model folder.
    #[arg(long, value_name = "PATH")]
    out: PathBuf,
    /// Also write an account of every tensor and input as JSON.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Go on where a model holds a NaN or infinity.
    #[arg(long)]
    allow_nonfinite: bool,
    /// Folder that the recipe's models are looked up in; the recipe's own by default.
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
    /// Print the account in JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub fn run(args: &Args) -> Result<()> {
    let recipe = read_recipe(&args.recipe)?;
    let beside =
        args.recipe.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut models = Models::in_folder(args.models.as_deref().unwrap_or(beside));
    let opened = Opened::open(&mut models, &recipe)?;
    for out in [Some(&args.out), args.report.as_ref()].into_iter().flatten() {
        output::spares(out, models.opened().chain([args.recipe.as_path()]))?;
    }
    if args.report.as_ref() == Some(&args.out) {
        return Err(usage("--out and --report name the same file; choose another for the report"));
    }
    let inputs = opened.inputs();
    let report_file = args.report.as_deref().map(ReportFile::begin).transpose()?;
    let bar = bar(&inputs);
    let progress = &mut |at: Progress<'_>| advance(&bar, at);
    let to_file = args.out.extension().is_some_and(|extension| extension == "safetensors");
    // Reports and model cards name their inputs by their hashes.
    let hash_inputs = report_file.is_some() || args.json || !to_file;
    let options = Options { allow_nonfinite: args.allow_nonfinite, hash_inputs, ..Options::default() };

    let mut report = if to_file {
        let mut sink = FileSink::create(&args.out)?;
        let report = execute(&inputs, &recipe, &mut sink, &options, progress)?;
        Box::new(sink).finish()?;
        report
    } else {
        let folder = MergedFolder::create(&args.out, &opened.base)?;
        let mut sink = folder.sink()?;
        let options = Options { metadata: folder.metadata(), ..options };
        let mut report = execute(&inputs, &recipe, &mut sink, &options, progress)?;
        Box::new(sink).finish()?;
        models.pin(&mut report.recipe);
        folder.finish(&report)?;
        report
    };
    bar.finish_and_clear();
    models.pin(&mut report.recipe);
    report.versions.insert("maec".into(), env!("CARGO_PKG_VERSION").into());
    if let Some(file) = report_file {
        file.finish(&report)?;
    }
    if args.json { output::print_json(&report) } else { output::print(said(&report, &args.out)) }
}

/// Reads a recipe of either spelling.
pub fn read_recipe(path: &Path) -> Result<Recipe> {
    let text = input::text(path)?;
    let is_json = path.extension().is_some_and(|extension| extension == "json");
    let recipe = if is_json { Recipe::from_json(&text) } else { Recipe::from_yaml(&text) };
    recipe.with_context(|| path.display().to_string())
}

/// A recipe's models.
pub struct Opened {
    /// Θo, with the files that go into a merged folder.
    pub base: Model,
    ability: Model,
    reference: Model,
    languages: Vec<Model>,
}

impl Opened {
    /// Opens them. The task vector's reference is not looked at, so it need not be there.
    pub fn open(models: &mut Models, recipe: &Recipe) -> Result<Self> {
        let base = models.open(&recipe.base_model).context("base_model")?;
        let mut onto =
            |part: &str, name: &str| models.open_onto(&base, name).with_context(|| part.to_owned());
        let ability = onto("ability", &recipe.ability.model)?;
        let reference = match recipe.merge_method {
            MergeMethod::Maec => onto("reference", &recipe.reference.model)?,
            MergeMethod::TaskVector => base.clone(),
        };
        let languages = recipe.languages.iter();
        let languages =
            languages.map(|it| onto(&format!("language {}", it.name), &it.model)).collect::<Result<_>>()?;
        Ok(Self { base, ability, reference, languages })
    }

    /// As a merge takes them.
    pub fn inputs(&self) -> Inputs<'_> {
        Inputs {
            base: self.base.weights.as_ref(),
            ability: self.ability.weights.as_ref(),
            reference: self.reference.weights.as_ref(),
            languages: self
                .languages
                .iter()
                .map(|model| -> &dyn Weights { model.weights.as_ref() })
                .collect(),
        }
    }
}

/// A bar over both stages of a merge.
fn bar(inputs: &Inputs<'_>) -> ProgressBar {
    let parameters: u64 = inputs.base.tensors().iter().map(|info| info.elements() as u64).sum();
    progress::bar("merging", 2 * parameters)
}

fn advance(
    bar: &ProgressBar,
    Progress { stage, tensor, done, total }: Progress<'_>,
) -> std::ops::ControlFlow<()> {
    bar.set_position(if stage == Stage::Merge { total + done } else { done });
    bar.set_message(tensor.to_owned());
    interrupt::flow()
}

fn said(report: &Report, out: &Path) -> String {
    let mut table = table::new(&["rank", "tensor", "S", "selected", "‖R(A)‖", "‖R_Lang‖", "‖Θo‖"], 0);
    let name = table.column_mut(1);
    name.into_iter().for_each(|column| column.set_cell_alignment(comfy_table::CellAlignment::Left));
    let mut ranked: Vec<_> = report.tensors.iter().collect();
    ranked.sort_by_key(|tensor| tensor.rank);
    for tensor in ranked {
        let stats = &tensor.stats;
        table.add_row([
            tensor.rank.to_string(),
            stats.name.clone(),
            format!("{:+.4}", stats.similarity),
            if tensor.selected { "yes" } else { "–" }.into(),
            format!("{:.4}", stats.ability_norm),
            format!("{:.4}", stats.language_norm),
            format!("{:.4}", stats.base_norm),
        ]);
    }
    format!(
        "{table}\n{}: {} of {} tensors selected\nmodel hash {}",
        out.display(),
        report.selected,
        report.tensors.len(),
        report.output_hash
    )
}
