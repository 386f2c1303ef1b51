//! The benchmarks of an experiment's file, and perplexity of what its general corpora hold out.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;

use burn::tensor::Device;
use maec_checkpoint::{Weights, model_hash, sha256_hex};
use maec_corpus::{Blocks, Corpus as Prepared, Split};
use maec_eval::Runner;
use maec_model::kernels::{cross_entropy, runs_on_flex};
use maec_model::{Batch, Decoder, ModelConfig, Storage};
use maec_tasks::{MemoryJournal, Run, Subject, run};
use maec_tokenizer::Tokenizer;
use serde_json::json;

use super::benchmarks::{Asked, unasked};
use super::{Examiner, Marks};
use crate::error::LabError;
use crate::experiment::{Evaluation, ExperimentError};
use crate::files::FilesGround;
use crate::ground::Ground as _;
use crate::lab::Lab;
use crate::watch::Watch;

/// An experiment's questions and held-out text, ready to be asked of any of its models.
pub struct FilesExam {
    evaluation: Evaluation,
    asked: Vec<Asked>,
    /// By language.
    held_out: BTreeMap<String, Blocks>,
    seq_len: usize,
    model: ModelConfig,
    device: Device,
    tokenizer: Box<dyn Tokenizer>,
    stop: Vec<u32>,
    identity: String,
}

impl FilesExam {
    /// Reads the benchmarks that an experiment names, relative to `folder`, and opens what its general corpora hold out; `stop` are
    /// the tokens that end a text.
    ///
    /// # Errors
    /// Everything that stands in the way; [`ExperimentError::NoEvaluation`] where the experiment says nothing of it.
    pub fn open(
        ground: &FilesGround,
        folder: &Path,
        tokenizer: Box<dyn Tokenizer>,
        stop: Vec<u32>,
    ) -> Result<Self, Vec<LabError>> {
        let experiment = ground.experiment();
        let evaluation = experiment.evaluated().map_err(|problem| vec![problem.into()])?.clone();
        let (mut asked, mut held_out, mut problems) = (Vec::new(), BTreeMap::new(), Vec::new());
        for (ability, benchmarks) in &evaluation.abilities {
            for benchmark in benchmarks {
                match Asked::read(ability, benchmark, experiment, folder) {
                    Ok(read) => asked.push(read),
                    Err(problem) => problems.push(problem),
                }
            }
        }
        for code in experiment.codes() {
            match open_held_out(&folder.join(&experiment.general[code]), ground.seq_len()) {
                Ok(blocks) => drop(held_out.insert(code.to_owned(), blocks)),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() {
            problems = unasked(experiment, &asked);
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let identity = identity(&evaluation, &asked, &held_out, ground, &stop);
        Ok(Self {
            evaluation,
            asked,
            held_out,
            seq_len: ground.seq_len(),
            model: ground.model().clone(),
            device: ground.device(),
            tokenizer,
            stop,
            identity,
        })
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

    fn limit(&self) -> Option<usize> {
        self.evaluation.limit.map(NonZeroUsize::get)
    }

    fn ask(&self, model: &Decoder, watch: &dyn Watch, hash: &str, name: &str) -> Result<Marks, LabError> {
        let stopped = || watch.go_on().is_break();
        let mut marks = Marks::default();
        for (number, asked) in self.asked.iter().enumerate() {
            let mut runner = Runner::new(model, self.tokenizer.as_ref(), self.stop.clone(), &stopped);
            let subject = Subject { model: format!("sha256:{hash}"), ..Subject::default() };
            let how = Run { batch: self.evaluation.batch.get(), limit: self.limit() };
            let (journal, progress) = (&mut MemoryJournal::default(), &mut |_| watch.go_on());
            let answered = run(&asked.task, &mut runner, &subject, &how, journal, progress);
            let report = pollster::block_on(answered).map_err(|error| match error {
                maec_tasks::Error::Cancelled { .. } => {
                    LabError::Interrupted { doing: format!("asking {name}") }
                }
                error => error.into(),
            })?;
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

    /// exp of the mean negative log-likelihood over evenly spaced windows.
    fn perplexity(
        &self,
        model: &Decoder,
        blocks: &Blocks,
        watch: &dyn Watch,
        name: &str,
    ) -> Result<f64, LabError> {
        let windows = blocks.windows(self.seq_len)?;
        let count = windows.min(self.evaluation.windows.get() as u64);
        let mut sum = 0.0;
        for number in 0..count {
            if watch.go_on().is_break() {
                return Err(LabError::Interrupted { doing: format!("reading with {name}") });
            }
            let window = blocks.window(number * (windows / count), self.seq_len)?;
            let batch = Batch::packed(&[window.inputs().to_vec()]);
            let mean = cross_entropy(model.forward(&batch), window.targets()).into_data();
            let mean = mean.try_to_vec::<f32>().map_err(|error| LabError::Device(format!("{error:?}")))?;
            sum += f64::from(mean[0]);
        }
        Ok((sum / count as f64).exp())
    }
}

impl Examiner for FilesExam {
    fn examine(&self, lab: &Lab<'_>, name: &str, weights: &dyn Weights) -> Result<Marks, LabError> {
        let hash = model_hash(weights)?;
        let key = sha256_hex(format!("exam of files\n{}\n{hash}", self.identity).as_bytes());
        lab.store.value(&key, || {
            let storage = match runs_on_flex(&self.device) {
                true => Storage::on_cpu(weights),
                false => Storage::default(),
            };
            let model = Decoder::load_as(self.model.clone(), weights, &self.device, storage)?;
            let mut marks = self.ask(&model, lab.watch, &hash, name)?;
            for (language, blocks) in &self.held_out {
                let perplexity = self.perplexity(&model, blocks, lab.watch, name)?;
                // JSON has no infinity.
                marks.perplexity.insert(language.clone(), perplexity.min(f64::MAX));
            }
            Ok(marks)
        })
    }
}

fn open_held_out(path: &Path, seq_len: usize) -> Result<Blocks, LabError> {
    let blocks = Prepared::open(path)?.blocks(Split::HeldOut)?;
    match blocks.windows(seq_len) {
        Ok(_) => Ok(blocks),
        Err(maec_corpus::Error::TooFewTokens { tokens, .. }) => {
            Err(ExperimentError::NoHeldOut { path: path.to_owned(), tokens, window: seq_len + 1 }.into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Everything beside a model that decides its marks.
fn identity(
    evaluation: &Evaluation,
    asked: &[Asked],
    held_out: &BTreeMap<String, Blocks>,
    ground: &FilesGround,
    stop: &[u32],
) -> String {
    let held_out: BTreeMap<&String, &str> =
        held_out.iter().map(|(code, blocks)| (code, blocks.identity())).collect();
    let model: serde_json::Value =
        serde_json::from_str(&ground.model().to_json("float32")).unwrap_or_default();
    json!({
        "maec": env!("CARGO_PKG_VERSION"),
        "asked": asked.iter().map(Asked::identity).collect::<Vec<_>>(),
        "limit": evaluation.limit,
        "windows": evaluation.windows,
        "held_out": held_out,
        "seq_len": ground.seq_len(),
        "model": model,
        "tokenizer": ground.tokenizer(),
        "stop": stop,
    })
    .to_string()
}
