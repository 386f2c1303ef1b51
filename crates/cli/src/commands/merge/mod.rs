//! `maec merge`: models joined by a recipe, or as a mergekit file says.

pub mod config;
pub mod recipe;

use std::path::{Path, PathBuf};

use anyhow::Result;
use maec_recipe::mergekit::looks_like_mergekit;

use crate::failure::usage;
use crate::merged::WriteArgs;
use crate::models::Models;
use crate::{input, output};

/// Arguments of `maec merge`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  maec merge recipe.yaml --out merged --report report.json
  maec merge ties.yaml --out merged --shard-size 2GB
  maec merge ties.yaml --out merged --resume
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
  out_dtype: bfloat16

A mergekit file does as well:
  merge_method: ties
  base_model: org/base@main
  models:
    - {model: org/math, parameters: {weight: 0.6, density: 0.3}}
    - {model: org/code+org/adapter, parameters: {weight: [0, 0.5, 0], density: 0.3}}
  dtype: float32
  out_dtype: bfloat16")]
pub struct Args {
    /// The recipe: YAML, or JSON where the name ends in .json; or a mergekit file.
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
    /// Read every input to its end for its SHA-256. Reports of MAEC's recipes have it always.
    #[arg(long)]
    hash_inputs: bool,
    /// Print the account in JSON instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    write: WriteArgs,
}

/// Runs it.
pub fn run(args: &Args) -> Result<()> {
    if args.report.as_ref() == Some(&args.out) {
        return Err(usage("--out and --report name the same file; choose another for the report"));
    }
    if looks_like_mergekit(&input::text(&args.recipe)?) { config::run(args) } else { recipe::run(args) }
}

impl Args {
    /// Where the recipe's names lead; weights are fetched once the plan is clean.
    fn models(&self) -> Models {
        Models::to_plan(self.models.as_deref().unwrap_or(beside(&self.recipe)))
    }

    /// Fails where an output is one of the inputs.
    fn check_outputs(&self, models: &Models) -> Result<()> {
        for out in [Some(&self.out), self.report.as_ref()].into_iter().flatten() {
            output::spares(out, models.opened().into_iter().chain([self.recipe.clone()]))?;
        }
        Ok(())
    }
}

/// The folder that a recipe stands in.
pub fn beside(recipe: &Path) -> &Path {
    recipe.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
