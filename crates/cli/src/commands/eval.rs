//! `maec eval`: accuracy and perplexity of models.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::Result;
use maec_checkpoint::model_hash;
use maec_eval::{ModelReport, Options};
use serde::Serialize;

use crate::args::DeviceArg;
use crate::evaluation::{self, TestSet};
use crate::input::{self, FileRecord};
use crate::models::Models;
use crate::output::{self, ReportFile};
use crate::progress;

/// Arguments of `maec eval`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  maec eval --model base --model merged --problems world/test --text world/heldout --out results.json

An answer is greedy generation from the question alone, until the end token; right is an exact match of its number.")]
pub struct Args {
    /// Model: a folder, or a pack's entry such as PACK#base; may be given several times.
    #[arg(long = "model", value_name = "DIR", required = true)]
    models: Vec<PathBuf>,
    /// Problems: JSONL files, or folders of them.
    #[arg(long, value_name = "FILE", num_args = 1.., required_unless_present = "text")]
    problems: Vec<PathBuf>,
    /// Held-out text: JSONL files with "language" and "text", or folders of them.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    text: Vec<PathBuf>,
    /// The first so many problems of every language.
    #[arg(long, value_name = "N")]
    limit: Option<NonZeroUsize>,
    /// Prompts that go through a model together.
    #[arg(long, value_name = "N", default_value_t = Options::default().batch)]
    batch: usize,
    /// Tokens after which an answer that does not end is cut off.
    #[arg(long, value_name = "N", default_value_t = Options::default().max_new_tokens)]
    max_new_tokens: usize,
    #[command(flatten)]
    device: DeviceArg,
    /// Write the results with every sample as JSON.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print the results with every sample as JSON instead of tables.
    #[arg(long)]
    json: bool,
}

/// The results with their provenance.
#[derive(Serialize)]
struct Report {
    maec: &'static str,
    options: Options,
    files: Vec<FileRecord>,
    models: Vec<Evaluated>,
}

#[derive(Serialize)]
struct Evaluated {
    model_hash: String,
    #[serde(flatten)]
    report: ModelReport,
}

/// Runs it.
pub fn run(args: &Args) -> Result<()> {
    let report_file = args.out.as_deref().map(ReportFile::begin).transpose()?;
    let (problems, mut files) = input::problems(&args.problems)?;
    let (texts, more) = input::held_out(&args.text)?;
    files.extend(more);
    let tests = TestSet::new(problems, texts, args.limit.map(NonZeroUsize::get));
    let options = Options { batch: args.batch, max_new_tokens: args.max_new_tokens };
    let device = args.device.open()?;

    let bar = progress::bar("evaluating", tests.units() * args.models.len() as u64);
    let mut names = Models::in_folder(Path::new("."));
    let mut models = Vec::new();
    for name in &args.models {
        let name = name.display().to_string();
        let model = names.open(&name)?;
        let (llama, tokenizer) = (model.load(&device)?, model.tokenizer()?);
        let report = evaluation::evaluate(&name, &llama, &tokenizer, &tests, &options, &bar)?;
        models.push(Evaluated { model_hash: model_hash(model.weights.as_ref())?, report });
    }
    bar.finish_and_clear();

    let report = Report { maec: env!("CARGO_PKG_VERSION"), options, files, models };
    if let Some(file) = report_file {
        file.finish(&report)?;
    }
    if args.json {
        return output::print_json(&report);
    }
    let models: Vec<ModelReport> = report.models.into_iter().map(|model| model.report).collect();
    output::print(evaluation::tables(&models))
}
