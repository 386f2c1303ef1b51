//! `maec eval --task`: benchmarks on real data, resumable.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use maec_checkpoint::{model_hash, read_file};
use maec_eval::Runner;
use maec_tasks::{
    FileJournal, Input, Journal, Kind, MemoryJournal, Options, Report, Run, Subject, Task, run,
};
use serde::Serialize;

use crate::failure::usage;
use crate::models::Models;
use crate::output::{self, ReportFile};
use crate::{interrupt, progress, table};

/// Environment variable that names the folder of benchmark data.
const DATA: &str = "MAEC_DATA";

/// Arguments of benchmarks.
#[derive(Debug, clap::Args)]
pub struct TaskArgs {
    /// Benchmark: mgsm, gsm8k, mmlu (its science subjects), text (perplexity) or jsonl; may be given several times.
    #[arg(long = "task", value_name = "TASK")]
    pub tasks: Vec<Kind>,
    /// Folder of benchmark data, with mgsm/, gsm8k/ and mmlu_stem_en/ in it; the environment's MAEC_DATA by default.
    #[arg(long, value_name = "DIR", requires = "tasks")]
    data: Option<PathBuf>,
    /// Files of the task, instead of those in the folder of data: rows, and perhaps exemplars.
    #[arg(long = "file", value_name = "FILE", num_args = 1.., requires = "tasks", conflicts_with = "data")]
    files: Vec<PathBuf>,
    /// Languages, by their codes; all that the data has by default.
    #[arg(long, value_name = "CODES", value_delimiter = ',', requires = "tasks")]
    languages: Vec<String>,
    /// Exemplars before each question: 8 for mgsm, 5 for gsm8k and mmlu by default.
    #[arg(long, value_name = "N", requires = "tasks")]
    shots: Option<usize>,
    /// Folder that keeps every answer as it comes: the same command goes on where it was stopped.
    #[arg(long, value_name = "DIR", requires = "tasks")]
    journal: Option<PathBuf>,
}

/// What is the same for every benchmark of one run.
pub struct Setup<'a> {
    /// Names of the models.
    pub models: &'a [PathBuf],
    /// Prompts that go through a model together.
    pub batch: usize,
    /// Tokens after which an answer is cut off; the task's own limit by default.
    pub max_new_tokens: Option<usize>,
    /// Rows of every language or subject.
    pub limit: Option<usize>,
    /// Where to compute.
    pub device: &'a crate::args::DeviceArg,
    /// Report in JSON.
    pub out: Option<&'a Path>,
    /// JSON instead of tables on standard output.
    pub json: bool,
}

/// One benchmark of one model.
#[derive(Serialize)]
struct TaskResult {
    model: String,
    model_hash: String,
    #[serde(flatten)]
    report: Report,
}

/// Runs every benchmark on every model.
pub fn run_all(args: &TaskArgs, setup: &Setup<'_>) -> Result<()> {
    let options = Options { shots: args.shots, max_new_tokens: setup.max_new_tokens, ..Options::default() };
    let tasks = args
        .tasks
        .iter()
        .map(|&kind| {
            Task::new(kind, &inputs(args, kind)?, &options).with_context(|| format!("--task {kind}"))
        })
        .collect::<Result<Vec<Task>>>()?;
    let report_file = setup.out.map(ReportFile::begin).transpose()?;
    let device = setup.device.open()?;
    let mut names = Models::in_folder(Path::new("."));
    let mut results = Vec::new();
    for name in setup.models {
        let name = name.display().to_string();
        let model = names.open(&name)?;
        let tokenizer = model.full_tokenizer()?;
        let stop = model.stop_tokens(tokenizer.as_ref())?;
        let decoder = model.load_to_run(&device)?;
        let hash = model_hash(model.weights.as_ref())?;
        let subject = Subject {
            model: format!("sha256:{hash}"),
            conditions: BTreeMap::from([(
                "device".into(),
                format!("{:?}", setup.device.device).to_lowercase(),
            )]),
        };
        for task in &tasks {
            let mut runner = Runner::new(&decoder, tokenizer.as_ref(), stop.clone(), &interrupt::requested);
            let mut journal = open_journal(args, task.kind(), &hash)?;
            let bar = progress::bar(&format!("{name}: {}", task.kind()), 0);
            let advance = &mut |at: maec_tasks::Progress| {
                bar.set_length(at.total as u64);
                bar.set_position(at.done as u64);
                if at.resumed > 0 {
                    bar.set_message(format!("{} from the journal", at.resumed));
                }
                match interrupt::requested() {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            };
            let how = Run { batch: setup.batch, limit: setup.limit };
            let report =
                pollster::block_on(run(task, &mut runner, &subject, &how, journal.as_mut(), advance))?;
            bar.finish_and_clear();
            results.push(TaskResult { model: name.clone(), model_hash: hash.clone(), report });
        }
    }
    if let Some(file) = report_file {
        file.finish(&results)?;
    }
    if setup.json { output::print_json(&results) } else { output::print(said(&results)) }
}

/// The files of a benchmark: those named, or those that the folder of data has.
fn inputs(args: &TaskArgs, kind: Kind) -> Result<Vec<Input>> {
    let read = |path: &Path, language: Option<&str>| -> Result<Input> {
        let name =
            path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into());
        Input::new(&name, language, &read_file(path)?).with_context(|| path.display().to_string())
    };
    if !args.files.is_empty() {
        let language = match args.languages.as_slice() {
            [] => None,
            [one] => Some(one.as_str()),
            _ => return Err(usage("--file with several --languages says not which file is which; give one")),
        };
        return args.files.iter().map(|path| read(path, language)).collect();
    }
    let folder =
        args.data.clone().or_else(|| std::env::var_os(DATA).map(PathBuf::from)).ok_or_else(|| {
            usage(format!(
                "--task {kind} needs its data; give --data DIR, set {DATA}, or name its files with --file"
            ))
        })?;
    let languages: Vec<&str> = args.languages.iter().map(String::as_str).collect();
    let files = kind.files(&languages, args.shots.unwrap_or_else(|| kind.default_shots()))?;
    if files.is_empty() {
        return Err(usage(format!("--task {kind} is about files of one's own; name them with --file")));
    }
    files.iter().map(|file| read(&folder.join(&file.path), file.language.as_deref())).collect()
}

fn open_journal(args: &TaskArgs, kind: Kind, hash: &str) -> Result<Box<dyn Journal>> {
    let Some(folder) = &args.journal else { return Ok(Box::new(MemoryJournal::default())) };
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
    Ok(Box::new(FileJournal::open(&folder.join(format!("{kind}-{}.jsonl", &hash[..12])))?))
}

fn said(results: &[TaskResult]) -> String {
    let mut parts = Vec::new();
    for result in results {
        let report = &result.report;
        let task = &report.settings.task;
        parts.push(format!(
            "{task}, {} shots: {} ({})",
            report.settings.shots,
            result.model,
            &result.model_hash[..12]
        ));
        let head = report.head();
        let headings: Vec<&str> = head.iter().map(String::as_str).collect();
        let mut table = table::new(&headings, 1);
        for row in report.rows() {
            table.add_row(row);
        }
        parts.push(table.to_string());
        parts.extend(report.notes());
    }
    parts.join("\n")
}
