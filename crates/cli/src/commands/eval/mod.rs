//! `maec eval`: accuracy and perplexity of models, on the world's problems and on benchmarks.

mod benchmark;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::Result;
use maec_checkpoint::model_hash;
use maec_eval::{ModelReport, Options};
use serde::Serialize;

use self::benchmark::{Setup, TaskArgs};
use crate::args::DeviceArg;
use crate::evaluation::{self, TestSet};
use crate::failure::usage;
use crate::input::{self, FileRecord};
use crate::models::Models;
use crate::output::{self, ReportFile};
use crate::progress;

/// Arguments of `maec eval`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  maec eval --model base --model merged --problems world/test --text world/heldout --out results.json
  maec eval --model base --model merged --world world
  maec eval --model merged --task mgsm --data benchmarks --languages es,bn --limit 50 --journal answers
  maec eval --model merged --task jsonl --file questions.jsonl

Benchmarks take the prompts and filters of lm-evaluation-harness. Of the world's problems, an answer is greedy generation from the question alone, until the end token; right is an exact match of its number. Of a four-choice question, the answer is the option whose text is likeliest after it.")]
pub struct Args {
    /// Model: a folder, or a pack's entry such as PACK#base; may be given several times.
    #[arg(long = "model", value_name = "DIR", required = true)]
    models: Vec<PathBuf>,
    /// Problems: JSONL files, or folders of them.
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with = "tasks", required_unless_present_any = ["text", "tasks", "questions", "world"])]
    problems: Vec<PathBuf>,
    /// Four-choice questions: JSONL files, or folders of them.
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with = "tasks")]
    questions: Vec<PathBuf>,
    /// Held-out text: JSONL files with "language" and "text", or folders of them.
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with = "tasks")]
    text: Vec<PathBuf>,
    /// World: its held-out text and the tests of every ability that it has.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["tasks", "problems", "questions", "text"])]
    world: Option<PathBuf>,
    #[command(flatten)]
    benchmarks: TaskArgs,
    /// The first so many problems of every language.
    #[arg(long, value_name = "N")]
    limit: Option<NonZeroUsize>,
    /// Prompts that go through a model together; 100 of the world's problems, 8 of a benchmark by default.
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// Tokens after which an answer that does not end is cut off; 6 in the world, the task's own number by default.
    #[arg(long, value_name = "N")]
    max_new_tokens: Option<usize>,
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

/// The files and folders of what is asked.
struct Asked {
    problems: Vec<PathBuf>,
    questions: Vec<PathBuf>,
    text: Vec<PathBuf>,
}

impl Asked {
    /// What a world has to ask.
    fn of_world(world: &Path) -> Result<Self> {
        let folder =
            |name: &str| Some(world.join(name)).filter(|folder| folder.is_dir()).into_iter().collect();
        let asked =
            Self { problems: folder("test"), questions: folder("science/test"), text: folder("heldout") };
        if asked.problems.is_empty() && asked.questions.is_empty() {
            return Err(usage(format!(
                "`{}` has neither test nor science/test; give a folder that `maec world` made",
                world.display()
            )));
        }
        Ok(asked)
    }
}

/// Runs it.
pub fn run(args: &Args) -> Result<()> {
    if !args.benchmarks.tasks.is_empty() {
        return benchmark::run_all(
            &args.benchmarks,
            &Setup {
                models: &args.models,
                batch: args.batch.unwrap_or(maec_tasks::Run::default().batch),
                max_new_tokens: args.max_new_tokens,
                limit: args.limit.map(NonZeroUsize::get),
                device: &args.device,
                out: args.out.as_deref(),
                json: args.json,
            },
        );
    }
    let report_file = args.out.as_deref().map(ReportFile::begin).transpose()?;
    let asked = match &args.world {
        Some(world) => Asked::of_world(world)?,
        None => Asked {
            problems: args.problems.clone(),
            questions: args.questions.clone(),
            text: args.text.clone(),
        },
    };
    let (problems, mut files) = input::problems(&asked.problems)?;
    let (questions, more) = input::questions(&asked.questions)?;
    files.extend(more);
    let (texts, more) = input::held_out(&asked.text)?;
    files.extend(more);
    let tests = TestSet::with_questions(problems, questions, texts, args.limit.map(NonZeroUsize::get));
    let defaults = Options::default();
    let options = Options {
        batch: args.batch.unwrap_or(defaults.batch),
        max_new_tokens: args.max_new_tokens.unwrap_or(defaults.max_new_tokens),
    };
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
