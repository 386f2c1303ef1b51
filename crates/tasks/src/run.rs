//! Running a benchmark on a model.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crate::input::sha256;
use crate::item::Fitted;
use crate::journal::{self, Journal};
use crate::{
    Ask, Error, Item, LanguageModel, ModelError, Outcome, Prompt, Report, Sample, Settings, Subject, Task,
};

/// How a benchmark is run; none of it changes a row's result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Prompts that go through the model together; 0 counts as 1. A question with choices counts as one for each choice.
    pub batch: usize,
    /// Only the first so many rows of each language or subject.
    pub limit: Option<usize>,
}

impl Default for Run {
    fn default() -> Self {
        Self { batch: 8, limit: None }
    }
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Rows with a result.
    pub done: usize,
    /// Rows of the run.
    pub total: usize,
    /// Of those done, the ones that the journal had already.
    pub resumed: usize,
}

/// Asks `model` every row of `task` that the journal lacks, writes each batch of results to the journal, and reports on all.
///
/// `progress` is called at the start and after every batch and may break off; what is done then stays in the journal.
///
/// # Errors
/// When the journal is of other settings or can't be used, the model fails, or `progress` breaks off.
pub async fn run<M: LanguageModel>(
    task: &Task,
    model: &mut M,
    subject: &Subject,
    run: &Run,
    journal: &mut dyn Journal,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Report, Error> {
    let settings = Settings::new(task, subject, model.context_tokens());
    let mut known = journal::resume(journal, &settings)?;
    let items = limited(&task.items, run.limit);
    let mut samples: BTreeMap<&str, Sample> = BTreeMap::new();
    for item in &items {
        if let Some(sample) = known.remove(&item.id) {
            samples.insert(&item.id, sample);
        }
    }
    let (resumed, total) = (samples.len(), items.len());
    let mut report_progress = |done: usize| match progress(Progress { done, total, resumed }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Error::Cancelled { done, total }),
    };
    report_progress(resumed)?;
    for batch in batches(&items, &samples, run.batch) {
        let asked = Batch { model, task, items: &batch }.ask().await;
        let found = asked.map_err(|error| match error {
            Error::Model(ModelError::Cancelled) => Error::Cancelled { done: samples.len(), total },
            error => error,
        })?;
        journal::write(journal, &found)?;
        samples.extend(batch.iter().zip(found).map(|(item, sample)| (item.id.as_str(), sample)));
        report_progress(samples.len())?;
    }
    let ordered = items.iter().filter_map(|item| samples.remove(item.id.as_str())).collect();
    Ok(Report::new(task.kind, settings, ordered))
}

/// The first `limit` items of each group.
fn limited(items: &[Item], limit: Option<usize>) -> Vec<&Item> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wanted = Vec::new();
    for item in items {
        let count = seen.entry(&item.group).or_default();
        *count += 1;
        if limit.is_none_or(|limit| *count <= limit) {
            wanted.push(item);
        }
    }
    wanted
}

/// The items without a sample in batches of one kind and of similar length, shortest first (ties in order), so that little is padded.
fn batches<'a>(items: &[&'a Item], done: &BTreeMap<&str, Sample>, batch: usize) -> Vec<Vec<&'a Item>> {
    let mut open: Vec<&Item> =
        items.iter().copied().filter(|item| !done.contains_key(item.id.as_str())).collect();
    open.sort_by(|a, b| (a.ask.batch_key(), a.ask.bytes()).cmp(&(b.ask.batch_key(), b.ask.bytes())));
    let same = |a: &&Item, b: &&Item| a.ask.batch_key() == b.ask.batch_key();
    let chunks = open.chunk_by(same).flat_map(|alike| {
        let each = alike.iter().map(|item| match &item.ask {
            Ask::Choose { choices, .. } => choices.len(),
            _ => 1,
        });
        alike.chunks((batch / each.max().unwrap_or(1)).max(1))
    });
    chunks.map(<[&Item]>::to_vec).collect()
}

/// Items that are asked together.
struct Batch<'a, M> {
    model: &'a mut M,
    task: &'a Task,
    items: &'a [&'a Item],
}

/// A prompt that was asked, or how many tokens it would have had.
type Asked = Result<Fitted, usize>;

impl<M: LanguageModel> Batch<'_, M> {
    /// One sample for each item.
    async fn ask(mut self) -> Result<Vec<Sample>, Error> {
        match self.items.first().map(|item| &item.ask) {
            Some(Ask::Generate { until, .. }) => self.generate(until).await,
            Some(Ask::Choose { .. }) => self.choose().await,
            Some(Ask::Read { .. }) => self.read().await,
            None => Ok(Vec::new()),
        }
    }

    async fn generate(&mut self, until: &[String]) -> Result<Vec<Sample>, Error> {
        let context = self.model.context_tokens();
        // A model of few positions keeps half of them for the question.
        let room = self.task.max_new_tokens.min((context / 2).max(1));
        let asked: Vec<Asked> = self.fit(|model, text| model.count(text) + room <= context);
        let prompts: Vec<String> = texts(&asked);
        let answers =
            if prompts.is_empty() { Vec::new() } else { self.model.generate(&prompts, until, room).await? };
        let mut answers = counted(prompts.len(), answers)?.into_iter();
        let mut samples = Vec::new();
        for (item, asked) in self.items.iter().zip(asked) {
            let Ask::Generate { answer, scoring, .. } = &item.ask else { continue };
            let right = scoring.normal(answer);
            samples.push(match asked {
                Err(tokens) => {
                    let scores = scoring.score("", answer).scores;
                    sample(item, None, right, Outcome::TooLong { tokens }, scores)
                }
                Ok(prompt) => {
                    let Some(found) = answers.next() else { continue };
                    let text = cut(found.text, until);
                    let read = scoring.score(&text, answer);
                    let outcome = Outcome::Generated {
                        text,
                        tokens: found.tokens,
                        stopped: found.stopped,
                        filtered: read.filtered,
                    };
                    sample(item, Some(&prompt), right, outcome, read.scores)
                }
            });
        }
        Ok(samples)
    }

    async fn choose(&mut self) -> Result<Vec<Sample>, Error> {
        let context = self.model.context_tokens();
        let asked: Vec<Asked> = self.fit(|model, text| model.count(&format!("{text} A")) <= context);
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (item, asked) in self.items.iter().zip(&asked) {
            if let (Ask::Choose { choices, .. }, Ok(prompt)) = (&item.ask, asked) {
                pairs.extend(choices.iter().map(|choice| (prompt.text.clone(), choice.clone())));
            }
        }
        let found = if pairs.is_empty() { Vec::new() } else { self.model.log_likelihood(&pairs).await? };
        let mut found = counted(pairs.len(), found)?.into_iter();
        let mut samples = Vec::new();
        for (item, asked) in self.items.iter().zip(asked) {
            let Ask::Choose { choices, answer, .. } = &item.ask else { continue };
            let right = choices[*answer].trim().to_owned();
            let score = |correct: bool| BTreeMap::from([("accuracy".into(), f64::from(u8::from(correct)))]);
            samples.push(match asked {
                Err(tokens) => sample(item, None, right, Outcome::TooLong { tokens }, score(false)),
                Ok(prompt) => {
                    let found: Vec<f64> =
                        found.by_ref().take(choices.len()).map(|choice| choice.log_likelihood).collect();
                    if found.iter().any(|value| !value.is_finite()) {
                        return Err(Error::NotFinite { id: item.id.clone() });
                    }
                    let best = first_largest(&found);
                    let outcome =
                        Outcome::Chosen { choice: choices[best].trim().to_owned(), log_likelihoods: found };
                    sample(item, Some(&prompt), right, outcome, score(best == *answer))
                }
            });
        }
        Ok(samples)
    }

    async fn read(&mut self) -> Result<Vec<Sample>, Error> {
        let texts: Vec<String> = self
            .items
            .iter()
            .filter_map(|item| if let Ask::Read { text } = &item.ask { Some(text.clone()) } else { None })
            .collect();
        let found = self.model.rolling(&texts).await?;
        let found = counted(texts.len(), found)?;
        let mut samples = Vec::new();
        for ((item, text), nll) in self.items.iter().zip(texts).zip(found) {
            if !nll.sum.is_finite() {
                return Err(Error::NotFinite { id: item.id.clone() });
            }
            let outcome = Outcome::Read { nll: nll.sum, tokens: nll.tokens, bytes: text.len() };
            let asked = Fitted { text, dropped: 0 };
            samples.push(sample(item, Some(&asked), String::new(), outcome, BTreeMap::new()));
        }
        Ok(samples)
    }

    fn fit(&self, fits: impl Fn(&M, &str) -> bool) -> Vec<Asked> {
        let fit = |prompt: &Prompt| {
            prompt.fit(|text| fits(self.model, text)).map_err(|question| self.model.count(&question))
        };
        let prompts = self.items.iter().filter_map(|item| match &item.ask {
            Ask::Generate { prompt, .. } | Ask::Choose { prompt, .. } => Some(prompt),
            Ask::Read { .. } => None,
        });
        prompts.map(fit).collect()
    }
}

fn texts(asked: &[Asked]) -> Vec<String> {
    asked.iter().flatten().map(|prompt| prompt.text.clone()).collect()
}

/// `found` if there are `asked` of them.
fn counted<T>(asked: usize, found: Vec<T>) -> Result<Vec<T>, Error> {
    if found.len() == asked { Ok(found) } else { Err(Error::Replies { asked, answered: found.len() }) }
}

/// `text` up to the first of the strings `until`.
fn cut(mut text: String, until: &[String]) -> String {
    let ends = until.iter().filter(|stop| !stop.is_empty()).filter_map(|stop| text.find(stop.as_str()));
    if let Some(end) = ends.min() {
        text.truncate(end);
    }
    text
}

/// Index of the largest value, the first where several are.
fn first_largest(values: &[f64]) -> usize {
    (0..values.len())
        .reduce(|best, index| if values[index] > values[best] { index } else { best })
        .unwrap_or(0)
}

fn sample(
    item: &Item,
    asked: Option<&Fitted>,
    answer: String,
    outcome: Outcome,
    scores: BTreeMap<String, f64>,
) -> Sample {
    let hash = asked.map(|prompt| sha256(prompt.text.as_bytes())).unwrap_or_default();
    Sample {
        id: item.id.clone(),
        group: item.group.clone(),
        problem: item.problem.clone(),
        prompt_sha256: hash.chars().take(16).collect(),
        dropped: asked.map_or(0, |prompt| prompt.dropped),
        answer,
        outcome,
        scores,
    }
}
