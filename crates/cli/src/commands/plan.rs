//! `maec plan`: what a merge will do, and everything in its way, from headers alone.

use std::path::PathBuf;

use anyhow::Result;
use maec_merge::config::{ConfigJob, ConfigPlan};
use maec_merge::engine::{Job, shards};
use maec_merge::{MaecJob, check};
use maec_recipe::MergeMethod;
use maec_recipe::mergekit::looks_like_mergekit;
use serde::Serialize;

use super::merge::{beside, config, recipe};
use crate::failure::{self, usage};
use crate::merged::Budget;
use crate::models::Models;
use crate::{input, output, size, table};

/// Arguments of `maec plan`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  maec plan recipe.yaml
  maec plan ties.yaml --memory 256MiB --json

The exit code is 2 where the merge can't run.")]
pub struct Args {
    /// The recipe, or a mergekit file.
    #[arg(value_name = "RECIPE")]
    recipe: PathBuf,
    /// Folder that the recipe's models are looked up in; the recipe's own by default.
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
    /// Most bytes of a file of weights.
    #[arg(long, value_name = "SIZE", default_value = "5GB", value_parser = size::parse)]
    shard_size: u64,
    #[command(flatten)]
    budget: Budget,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// A plan, or what stands in its way.
#[derive(Serialize)]
struct Answer<P: Serialize> {
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<P>,
    problems: Vec<String>,
    /// About how long it takes, with files in the system's cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
}

/// Runs it.
pub fn run(args: &Args) -> Result<()> {
    let mut models = Models::to_plan(args.models.as_deref().unwrap_or(beside(&args.recipe)));
    if !looks_like_mergekit(&input::text(&args.recipe)?) {
        return of_recipe(args, &mut models);
    }
    let config = config::read(&args.recipe)?;
    let opened = match config::Opened::open(&mut models, &config) {
        Ok(opened) => opened,
        Err(error) => return refuse::<ConfigPlan>(args, vec![failure::one_line(&error)]),
    };
    let job = match ConfigJob::new(&config, &opened.loaded) {
        Ok(job) => job,
        Err(problems) => {
            return refuse::<ConfigPlan>(args, problems.iter().map(ToString::to_string).collect());
        }
    };
    let shards = shards(job.outputs(), args.shard_size, &Default::default())?;
    let threads = match args.budget.threads(|threads| job.memory_bytes(threads)) {
        Ok(threads) => threads,
        Err(error) => return refuse::<ConfigPlan>(args, vec![failure::one_line(&error)]),
    };
    let plan = job.plan(&shards, threads);
    let seconds = seconds(plan.bytes_read, plan.bytes_written);
    if args.json {
        return output::print_json(&Answer {
            plan: Some(plan),
            problems: Vec::new(),
            seconds: Some(seconds),
        });
    }
    let mut lines = vec![
        ("method", format!("{}: {}", plan.method, plan.formula)),
        (
            "output",
            format!(
                "{} tensors, {} layers, {} parameters",
                plan.tensors,
                plan.layers,
                table::count(plan.parameters)
            ),
        ),
        ("reads", format!("{} in {} passes", size::shown(plan.bytes_read), plan.passes)),
        ("writes", format!("{} in {} files", size::shown(plan.bytes_written), plan.files.len())),
        ("memory", format!("{} with {} threads", size::shown(plan.memory_bytes), plan.threads)),
        ("time", format!("about {seconds:.0} s, more where the disk is slower than 1 GB/s")),
    ];
    if let Some((union, _)) = &opened.union {
        lines.push(("vocabulary", union.summary()));
    }
    output::print(table::pairs(&lines))
}

fn of_recipe(args: &Args, models: &mut Models) -> Result<()> {
    let recipe = recipe::read(&args.recipe)?;
    let opened = match recipe::Opened::open(models, &recipe) {
        Ok(opened) => opened,
        Err(error) => return refuse::<maec_merge::Plan>(args, vec![failure::one_line(&error)]),
    };
    let per_thread = MaecJob::MEMORY_PER_THREAD;
    let threads = match args.budget.threads(|threads| threads as u64 * per_thread) {
        Ok(threads) => threads,
        Err(error) => return refuse::<maec_merge::Plan>(args, vec![failure::one_line(&error)]),
    };
    let (method, selected) = match recipe.merge_method {
        MergeMethod::Maec => ("MAEC, Eq. 2–5", "by Eq. 4"),
        MergeMethod::TaskVector => ("task vector", "all of them"),
    };
    match check(&opened.inputs(), &recipe) {
        Err(problems) => refuse::<maec_merge::Plan>(args, problems.iter().map(ToString::to_string).collect()),
        Ok(plan) => {
            // Its sums are taken one after the other, in f64.
            let seconds = MAEC_SLOWER * seconds(plan.bytes_read, plan.bytes_written);
            if args.json {
                return output::print_json(&Answer {
                    plan: Some(plan),
                    problems: Vec::new(),
                    seconds: Some(seconds),
                });
            }
            output::print(table::pairs(&[
                ("method", method.into()),
                (
                    "output",
                    format!("{} tensors, {} parameters", plan.tensors.len(), table::count(plan.parameters)),
                ),
                ("selected", format!("{} tensors, {selected}", plan.selected)),
                ("reads", format!("at most {}", size::shown(plan.bytes_read))),
                ("writes", size::shown(plan.bytes_written)),
                ("memory", format!("{} with {threads} threads", size::shown(threads as u64 * per_thread))),
                ("time", format!("about {seconds:.0} s")),
            ]))
        }
    }
}

/// Bytes a second that a merge reads and writes on the machine of docs/benchmarks.md; other machines differ.
const BYTES_PER_SEC: f64 = 1.0e9;
/// How much longer MAEC takes than a method of one pass.
const MAEC_SLOWER: f64 = 4.0;

fn seconds(read: u64, written: u64) -> f64 {
    ((read + written) as f64 / BYTES_PER_SEC).max(1.0)
}

/// Says every problem, and fails with the code for usage.
fn refuse<P: Serialize>(args: &Args, problems: Vec<String>) -> Result<()> {
    let count = problems.len();
    if args.json {
        output::print_json(&Answer::<P> { plan: None, problems, seconds: None })?;
    } else {
        output::print(problems.join("\n"))?;
    }
    let plural = if count == 1 { "1 problem stands".to_owned() } else { format!("{count} problems stand") };
    Err(usage(format!("{plural} in the way of this merge; correct what is listed")))
}
