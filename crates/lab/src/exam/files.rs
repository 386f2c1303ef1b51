//! The benchmarks of an experiment's file, and perplexity of what its general corpora hold out.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use maec_checkpoint::{Weights, model_hash, sha256_hex};
use maec_eval::Runner;
use maec_model::kernels::runs_on_flex;
use maec_model::{Decoder, ModelConfig, Storage};
use maec_tasks::{FileJournal, Journal, MemoryJournal, Report, Run, Subject, run};
use maec_tokenizer::Tokenizer;
use serde_json::json;

use super::benchmarks::{Asked, shared, unasked};
use super::held_out::HeldOut;
use super::{Examiner, Marks};
use crate::error::LabError;
use crate::experiment::{Benchmark, Evaluation, Experiment};
use crate::files::FilesGround;
use crate::ground::Ground as _;
use crate::lab::Lab;

/// Which of an experiment's questions are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Questions<'a> {
    /// Those that the tables report, of every ability.
    Reported,
    /// Those that an ability's hyper-parameters are chosen on.
    Validation(&'a str),
}

/// An experiment's questions and held-out text, ready to be asked of any of its models, from several threads.
pub struct FilesExam {
    evaluation: Evaluation,
    asked: Vec<Asked>,
    held_out: HeldOut,
    model: ModelConfig,
    device: Device,
    tokenizer: Box<dyn Tokenizer + Send + Sync>,
    stop: Vec<u32>,
    identity: String,
}

impl FilesExam {
    /// Reads the benchmarks that an experiment names, relative to `folder`, and opens what its general corpora hold out; `stop` are
    /// the tokens that end a text. Where the experiment has questions of both kinds, none may be in both.
    ///
    /// # Errors
    /// Everything that stands in the way; [`crate::ExperimentError::NoEvaluation`] or [`crate::ExperimentError::NoValidation`] where
    /// the experiment says nothing of it.
    pub fn open(
        ground: &FilesGround,
        folder: &Path,
        tokenizer: Box<dyn Tokenizer + Send + Sync>,
        stop: Vec<u32>,
        questions: Questions<'_>,
    ) -> Result<Self, Vec<LabError>> {
        let experiment = ground.experiment();
        let evaluation = match questions {
            Questions::Reported => experiment.evaluated(),
            Questions::Validation(ability) => experiment.validated(ability),
        };
        let evaluation = evaluation.map_err(|problem| vec![problem.into()])?.clone();
        let mut problems = Vec::new();
        let reported = read(&evaluation.abilities, experiment, folder, &mut problems);
        let validation = read(&evaluation.validation, experiment, folder, &mut problems);
        let between = questions != Questions::Reported;
        let windows = evaluation.windows.get();
        let held_out = HeldOut::open(experiment, folder, ground.seq_len(), windows, between)
            .map_err(|found| problems.extend(found));
        problems.extend(shared(&validation, &reported));
        let (asked, abilities) = match questions {
            Questions::Reported => (reported, experiment.abilities.iter().map(|a| a.name.as_str()).collect()),
            Questions::Validation(ability) => {
                (validation.into_iter().filter(|asked| asked.ability == ability).collect(), vec![ability])
            }
        };
        if problems.is_empty() {
            problems = unasked(&experiment.reference, &abilities, &asked);
        }
        let Ok(held_out) = held_out else { return Err(problems) };
        if !problems.is_empty() {
            return Err(problems);
        }
        let identity = identity(&evaluation, &asked, &held_out, ground, &stop, between);
        let (model, device) = (ground.model().clone(), ground.device());
        Ok(Self { evaluation, asked, held_out, model, device, tokenizer, stop, identity })
    }

    /// Questions by ability and language, as far as the limit lets them be asked.
    pub fn questions(&self) -> BTreeMap<String, BTreeMap<String, usize>> {
        let mut questions: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
        for asked in &self.asked {
            for (language, count) in asked.questions(self.limit()) {
                *questions.entry(asked.ability.clone()).or_default().entry(language).or_default() += count;
            }
        }
        questions
    }

    /// What tells each benchmark's questions from others, in order: 16 hex digits of its task's and its files' content.
    pub fn benchmarks(&self) -> Vec<String> {
        self.asked.iter().map(Asked::name_by_content).collect()
    }

    /// Held-out windows of each general corpus that are read, where it has as many.
    pub fn windows(&self) -> usize {
        self.evaluation.windows.get()
    }

    /// Everything beside a model that decides its marks, in words that are the same every time.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    fn limit(&self) -> Option<usize> {
        self.evaluation.limit.map(NonZeroUsize::get)
    }

    /// Asks all benchmarks. The answers so far are in journals of the store until the marks are there.
    fn ask(
        &self,
        model: &Decoder,
        lab: &Lab<'_>,
        (key, hash, name): (&str, &str, &str),
    ) -> Result<Marks, LabError> {
        let mut marks = Marks::default();
        for (number, asked) in self.asked.iter().enumerate() {
            let mut journal = open_journal(lab.store.journal(key, number)?)?;
            let report = self.one(model, lab, asked, (hash, name), journal.as_mut())?;
            let notes = report.notes().into_iter().map(|note| format!("{}: {note}", asked.task.kind()));
            marks.notes.entry(asked.ability.clone()).or_default().extend(notes);
            let languages = marks.answers.entry(asked.ability.clone()).or_default();
            for sample in &report.samples {
                let answers = languages.entry(asked.language(&sample.group)).or_default();
                answers.push(asked.answer(number, sample)?);
            }
        }
        Ok(marks)
    }

    fn one(
        &self,
        model: &Decoder,
        lab: &Lab<'_>,
        asked: &Asked,
        (hash, name): (&str, &str),
        journal: &mut dyn Journal,
    ) -> Result<Report, LabError> {
        let stopped = || lab.watch.go_on().is_break();
        let mut runner = Runner::new(model, self.tokenizer.as_ref(), self.stop.clone(), &stopped);
        let subject = Subject { model: format!("sha256:{hash}"), ..Subject::default() };
        let how = Run { batch: self.evaluation.batch.get(), limit: self.limit() };
        let progress = &mut |_| lab.watch.go_on();
        let answered = run(&asked.task, &mut runner, &subject, &how, journal, progress);
        pollster::block_on(answered).map_err(|error| match error {
            maec_tasks::Error::Cancelled { .. } => LabError::Interrupted { doing: format!("asking {name}") },
            error => error.into(),
        })
    }
}

impl Examiner for FilesExam {
    fn examine(&self, lab: &Lab<'_>, name: &str, weights: &dyn Weights) -> Result<Marks, LabError> {
        let hash = model_hash(weights)?;
        let key = sha256_hex(format!("exam of files\n{}\n{hash}", self.identity).as_bytes());
        let marks = lab.store.value(&key, || {
            let storage = match runs_on_flex(&self.device) {
                true => Storage::on_cpu(weights),
                false => Storage::default(),
            };
            let model = Decoder::load_as(self.model.clone(), weights, &self.device, storage)?;
            let mut marks = self.ask(&model, lab, (&key, &hash, name))?;
            marks.perplexity = self.held_out.perplexity(&model, lab.watch, name)?;
            Ok(marks)
        })?;
        lab.store.forget_journals(&key, self.asked.len())?;
        Ok(marks)
    }
}

/// The journal at a path; in memory where there is none, or another process writes it.
fn open_journal(path: Option<PathBuf>) -> Result<Box<dyn Journal>, LabError> {
    let Some(path) = path else { return Ok(Box::new(MemoryJournal::default())) };
    match FileJournal::open(&path) {
        Ok(journal) => Ok(Box::new(journal)),
        Err(maec_tasks::Error::Busy { .. }) => Ok(Box::new(MemoryJournal::default())),
        Err(error) => Err(error.into()),
    }
}

/// Reads benchmarks by ability, and notes what is wrong with them.
fn read(
    benchmarks: &BTreeMap<String, Vec<Benchmark>>,
    experiment: &Experiment,
    folder: &Path,
    problems: &mut Vec<LabError>,
) -> Vec<Asked> {
    let all = benchmarks.iter().flat_map(|(ability, all)| all.iter().map(move |one| (ability, one)));
    let mut asked = Vec::new();
    for (ability, benchmark) in all {
        match Asked::read(ability, benchmark, experiment, folder) {
            Ok(read) => asked.push(read),
            Err(problem) => problems.push(problem),
        }
    }
    asked
}

/// Everything beside a model that decides its marks.
fn identity(
    evaluation: &Evaluation,
    asked: &[Asked],
    held_out: &HeldOut,
    ground: &FilesGround,
    stop: &[u32],
    between: bool,
) -> String {
    let model: serde_json::Value =
        serde_json::from_str(&ground.model().to_json("float32")).unwrap_or_default();
    let mut identity = json!({
        "maec": env!("CARGO_PKG_VERSION"),
        "asked": asked.iter().map(Asked::identity).collect::<Vec<_>>(),
        "limit": evaluation.limit,
        "windows": evaluation.windows,
        "held_out": held_out.identities(),
        "seq_len": ground.seq_len(),
        "model": model,
        "tokenizer": ground.tokenizer(),
        "stop": stop,
    });
    if between {
        identity["between"] = true.into();
    }
    identity.to_string()
}
