//! A benchmark on what was loaded.

use std::ops::ControlFlow;

use maec_eval::Runner;
use maec_protocol::Reply;
use maec_tasks::{
    Continuation, Error, Generation, Input, Kind, LanguageModel, MemoryJournal, ModelError, Nll, Options,
    Progress, Report, Run, Task, run,
};

use super::load::Loaded;
use super::place::Opened;
use crate::job::Job;
use crate::{Failure, Host};

/// Prompts that go through the model together: few, so that a cancellation is heard soon.
const BATCH: usize = 4;
/// No benchmark's file is larger.
const MAX_FILE_BYTES: u64 = 64 << 20;

impl Loaded {
    /// Asks the rows of a benchmark; what was answered before a cancellation is not asked again.
    pub async fn evaluate<H: Host>(
        &mut self,
        job: &Job<'_, H>,
        task: &Task,
        limit: Option<u32>,
    ) -> Result<Reply, Failure> {
        let Self { model, words, stops, subject, journal } = self;
        let stopped = || job.flow().is_break();
        let runner = Runner::new(model, words.tokenizer.as_ref(), stops.clone(), &stopped);
        let mut model = Interruptible { job, model: runner };
        let settings = Run { batch: BATCH, limit: limit.map(|limit| limit as usize) };
        let progress = &mut |progress: Progress| -> ControlFlow<()> {
            job.progress(|| "Evaluating".into(), progress.done as u64, progress.total as u64);
            job.flow()
        };
        let report = match run(task, &mut model, subject, &settings, journal, progress).await {
            // Other rows than those asked before: what was answered then is of no use here.
            Err(Error::Settings { .. }) => {
                *journal = MemoryJournal::default();
                run(task, &mut model, subject, &settings, journal, progress).await?
            }
            report => report?,
        };
        let json = report.to_json().map_err(Failure::of)?;
        Ok(Reply::Report { json, table: table(&report), seconds: job.seconds() })
    }
}

/// The task of some dropped files.
pub(crate) fn task(files: &Opened, kind: &str, language: &str) -> Result<Task, Failure> {
    let kind: Kind = kind.parse()?;
    let names = files.names();
    let inputs = names.iter().map(|name| input(files, name, language)).collect::<Result<Vec<_>, _>>()?;
    Ok(Task::new(kind, &inputs, &Options::default())?)
}

fn input(files: &Opened, name: &str, language: &str) -> Result<Input, Failure> {
    let source = files.files.open(name)?;
    if source.len() > MAX_FILE_BYTES {
        let message = format!("`{name}` has {} bytes, more than {MAX_FILE_BYTES}.", source.len());
        return Err(Failure::refused(message, "Cut it into smaller files."));
    }
    let mut bytes = vec![0; source.len() as usize];
    source.read_at(0, &mut bytes)?;
    Ok(Input::new(name, Some(language), &bytes)?)
}

/// The report as a small table, its notes below it.
fn table(report: &Report) -> Vec<Vec<String>> {
    let head = report.head();
    let width = head.len();
    let notes = report.notes().into_iter().map(|note| {
        let mut row = vec![note];
        row.resize(width, String::new());
        row
    });
    std::iter::once(head).chain(report.rows()).chain(notes).collect()
}

/// A model that lets messages in before every batch.
struct Interruptible<'j, 'h, H, M> {
    job: &'j Job<'h, H>,
    model: M,
}

impl<H: Host, M> Interruptible<'_, '_, H, M> {
    async fn pause(&self) -> Result<(), ModelError> {
        self.job.checkpoint().await.map_err(|_| ModelError::Cancelled)
    }
}

impl<H: Host, M: LanguageModel> LanguageModel for Interruptible<'_, '_, H, M> {
    async fn generate(
        &mut self,
        prompts: &[String],
        until: &[String],
        max_new_tokens: usize,
    ) -> Result<Vec<Generation>, ModelError> {
        self.pause().await?;
        self.model.generate(prompts, until, max_new_tokens).await
    }

    async fn log_likelihood(&mut self, pairs: &[(String, String)]) -> Result<Vec<Continuation>, ModelError> {
        self.pause().await?;
        self.model.log_likelihood(pairs).await
    }

    async fn rolling(&mut self, texts: &[String]) -> Result<Vec<Nll>, ModelError> {
        self.pause().await?;
        self.model.rolling(texts).await
    }

    fn context_tokens(&self) -> usize {
        self.model.context_tokens()
    }

    fn count(&self, text: &str) -> usize {
        self.model.count(text)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Cancelled { .. } | Error::Model(ModelError::Cancelled) => Self::Cancelled,
            error => Self::of(error),
        }
    }
}
