//! `maec explain-dialect`: what a mergekit file's method would make of it under its other definitions.

use std::path::PathBuf;

use anyhow::Result;
use maec_merge::inspect::{DialectError, DialectReport, Difference, dialects};
use maec_recipe::mergekit::looks_like_mergekit;

use super::merge::{beside, config};
use crate::failure::{Problems, usage};
use crate::models::Models;
use crate::{input, merged, output, progress, table};

/// Arguments of `maec explain-dialect`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  maec explain-dialect ties.yaml
  maec explain-dialect ties.yaml --tensors 50 --json

`dialect: mergekit`, `paper` or `peft` in a mergekit file says whose definition of the method is meant.")]
pub struct Args {
    /// The mergekit file.
    #[arg(value_name = "RECIPE")]
    recipe: PathBuf,
    /// Merge at most so many tensors, of as many kinds as there are.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    tensors: u32,
    /// Folder that the file's models are looked up in; the file's own by default.
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
    #[command(flatten)]
    threads: merged::Threads,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub fn run(args: &Args) -> Result<()> {
    if !looks_like_mergekit(&input::text(&args.recipe)?) {
        return Err(usage(format!(
            "`{}` is no mergekit file; MAEC's own recipes have one definition only",
            args.recipe.display()
        )));
    }
    let config = config::read(&args.recipe)?;
    let mut models = Models::in_folder(args.models.as_deref().unwrap_or(beside(&args.recipe)));
    let opened = config::Opened::open(&mut models, &config)?;
    let bar = progress::bar("merging", 0);
    let pool = args.threads.pool()?;
    let count = usize::try_from(args.tensors)?;
    let found = dialects(&config, &opened.loaded, count, &pool, &mut |at| merged::advance(&bar, at));
    bar.finish_and_clear();
    let report = found.map_err(|error| match error {
        DialectError::Problems(problems) => Problems::new(problems).into(),
        DialectError::Merge(error) => anyhow::Error::from(error),
    })?;
    if args.json { output::print_json(&report) } else { output::print(said(&report)) }
}

fn said(report: &DialectReport) -> String {
    let mut text = format!(
        "{}: {}\nThe file's dialect is {}; differences are from {}'s values in f32.",
        report.method, report.formula, report.chosen, report.reference
    );
    if report.dialects.is_empty() {
        return format!("{}: {}\nEvery dialect defines it alike.", report.method, report.formula);
    }
    for dialect in &report.dialects {
        text += &format!("\n\n{}: {}.\n", dialect.name, dialect.otherwise);
        if let Some(problem) = &dialect.problem {
            text += &format!("It can't merge this file: {problem}");
            continue;
        }
        let mut drawn = table::new(&["tensor", "elements", "differ %", "max |difference|", "relative"], 1);
        let row = |name: &str, it: &Difference| {
            [
                name.to_owned(),
                table::count(it.elements),
                format!("{:.2}", it.share * 100.0),
                format!("{:.3e}", it.max),
                format!("{:.3e}", it.relative),
            ]
        };
        for tensor in &dialect.tensors {
            drawn.add_row(row(&tensor.name, &tensor.difference));
        }
        drawn.add_row(row("all", &dialect.all));
        text += &drawn.to_string();
    }
    text
}
