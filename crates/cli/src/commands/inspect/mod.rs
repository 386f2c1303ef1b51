//! `maec inspect`: what is inside models, and how they differ, tensor by tensor.

mod heat;
mod html;
mod table;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use maec_checkpoint::{ByteSink, FileSink};
use maec_merge::inspect::{Grid, Inspection, Metric, Named, inspect};
use maec_recipe::mergekit::ModelName;

use crate::failure::usage;
use crate::models::{Model, Models};
use crate::{merged, output, progress};

/// Arguments of `maec inspect`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  maec inspect model
  maec inspect math code --base base --sort conflict
  maec inspect org/model+org/adapter --base org/model --metric relative --html look.html
  maec inspect a b --json

Metrics: l1, l2, max, mean, std, sparsity, nonfinite; with --base also delta (‖δ‖), relative (‖δ‖/‖base‖), changed;
with two models cosine, and with --base conflict: of the elements that two or more models changed, the share that they
changed in both directions.")]
pub struct Args {
    /// Models: folders, safetensors files, sparse deltas onto --base, names on the hub; an adapter after `+`.
    #[arg(value_name = "MODEL", required = true)]
    models: Vec<String>,
    /// What the models are compared with: δ = model − base.
    #[arg(long, value_name = "MODEL")]
    base: Option<String>,
    /// What a line of the table stands for.
    #[arg(long, value_enum, default_value = "tensor")]
    by: By,
    /// Sort the table by a metric, the largest first, instead of by name.
    #[arg(long, value_name = "METRIC")]
    sort: Option<Metric>,
    /// What the heat map of layers and kinds shows; chosen by what there is to see by default.
    #[arg(long, value_name = "METRIC")]
    metric: Option<Metric>,
    /// Also write the heat map as an HTML page.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    threads: merged::Threads,
    /// Print JSON, with histograms.
    #[arg(long)]
    json: bool,
}

/// What a line stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum By {
    /// A layer's tensors together.
    Layer,
    /// One tensor.
    Tensor,
}

/// Runs it.
pub fn run(args: &Args) -> Result<()> {
    let mut models = Models::in_folder(Path::new("."));
    let base = args.base.as_deref().map(|name| open(&mut models, None, name)).transpose()?;
    let opened = args.models.iter().map(|name| open(&mut models, base.as_ref(), name));
    let opened = opened.collect::<Result<Vec<Model>>>()?;
    let page = args.html.as_deref().map(|path| begin(path, &models)).transpose()?;
    let named = |(name, model): (&String, &Model)| -> Named { (name.clone(), model.weights.clone()) };
    let base = args.base.as_ref().zip(base.as_ref()).map(named);
    let opened: Vec<Named> = args.models.iter().zip(&opened).map(named).collect();
    let bar = progress::bar("inspecting", 0);
    let found = inspect(&opened, base.as_ref(), &args.threads.pool()?, &mut |at| merged::advance(&bar, at))?;
    bar.finish_and_clear();
    let metric = args.metric.unwrap_or_else(|| natural(&found));
    if let Some(page) = page {
        finish(page, &html::page(&found, metric))?;
    }
    if args.json {
        return output::print_json(&found);
    }
    output::print(table::draw(&found, args.by, args.sort))?;
    if std::io::stdout().is_terminal() {
        for place in 0..maps(&found, metric) {
            let grid = Grid::new(&found, metric, place);
            if grid.range().is_some() {
                output::print(format!("\n{}", heat::draw(&grid, metric, &title(&found, metric, place))))?;
            }
        }
    }
    Ok(())
}

/// A model by its name; with a base it may be a sparse delta.
fn open(models: &mut Models, base: Option<&Model>, name: &str) -> Result<Model> {
    let with_adapter = name.contains('+') && !Path::new(name).exists();
    let opened = match (with_adapter, base) {
        (true, _) => {
            let name = ModelName::parse(name).map_err(|error| usage(error.to_string()))?;
            models.open_named(&name).map(|(model, _)| model)
        }
        (false, Some(base)) => models.open_onto(base, name),
        (false, None) => models.open(name),
    };
    opened.with_context(|| name.to_owned())
}

/// A page's file, begun before the work so that a bad path is found at once.
fn begin(path: &Path, models: &Models) -> Result<FileSink> {
    output::spares(path, models.opened())?;
    Ok(FileSink::create(path)?)
}

fn finish(mut page: FileSink, html: &str) -> Result<()> {
    page.write_all(html.as_bytes())?;
    Ok(Box::new(page).finish()?)
}

/// The metric that says most of these models.
fn natural(found: &Inspection) -> Metric {
    match (&found.base, found.models.len()) {
        (Some(_), _) => Metric::Relative,
        (None, 1) => Metric::Std,
        (None, _) => Metric::Cosine,
    }
}

/// How many heat maps it takes: one for each model, but one for all where two models have the same.
fn maps(found: &Inspection, metric: Metric) -> usize {
    match (metric, found.models.len()) {
        (Metric::Conflict, _) | (Metric::Cosine, 2) => 1,
        (_, models) => models,
    }
}

/// A heat map's heading.
fn title(found: &Inspection, metric: Metric, place: usize) -> String {
    let of = if maps(found, metric) == 1 { found.models.join(", ") } else { found.models[place].clone() };
    let against = found.base.as_ref().map_or_else(String::new, |base| format!(" against {base}"));
    format!("{}: {of}{against}", metric.title())
}
