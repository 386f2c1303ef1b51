//! Accuracy and perplexity of the base, the task vector and the merge.

use maec_eval::{Accuracy, Options, Perplexity, Problem, Sample, answer, batches, perplexity};
use maec_model::Llama;
use maec_protocol::{LanguageResult, Reply, Subject, SubjectResult};

use crate::bench::Bench;
use crate::job::Job;
use crate::{Failure, Host};

/// Prompts that go through a model together.
const PROMPTS: usize = 100;
/// Held-out texts between two looks at the messages.
const TEXTS: usize = 64;
/// A lead of the largest logit below which another device may answer otherwise.
const CLOSE: f32 = 1e-3;

impl Bench {
    /// Evaluates the subjects in every language; what was computed before is not computed again.
    pub async fn evaluate<H: Host>(
        &mut self,
        job: &Job<'_, H>,
        subjects: &[Subject],
        problems: u32,
        lambda: f64,
    ) -> Result<Reply, Failure> {
        job.checkpoint().await?;
        if subjects.contains(&Subject::TaskVector) {
            self.prepare_task_vector(job, lambda).await?;
        }
        let before = job.host().dispatches();
        let codes: Vec<String> =
            self.pack.manifest().languages.iter().map(|language| language.code.clone()).collect();
        let mut meter = Meter { done: 0, total: 0 };
        for &subject in subjects {
            let (_, hash) = self.subject(subject)?;
            let new = codes.iter().filter(|code| !self.results.contains_key(&key(hash, code, problems)));
            meter.total += new.map(|code| self.units(code, problems)).sum::<u64>();
        }
        let mut results = Vec::with_capacity(subjects.len());
        for &subject in subjects {
            let mut languages = Vec::with_capacity(codes.len());
            for code in &codes {
                let key = key(self.subject(subject)?.1, code, problems);
                let result = match self.results.get(&key) {
                    Some(result) => result.clone(),
                    None => self.evaluate_in(job, subject, code, problems, &mut meter).await?,
                };
                self.results.insert(key, result.clone());
                languages.push(result);
            }
            results.push(SubjectResult { subject, languages });
        }
        let dispatches = job.host().dispatches() - before;
        Ok(Reply::Evaluated { results, seconds: job.seconds(), dispatches })
    }

    /// One model in one language.
    async fn evaluate_in<H: Host>(
        &self,
        job: &Job<'_, H>,
        subject: Subject,
        code: &str,
        problems: u32,
        meter: &mut Meter,
    ) -> Result<LanguageResult, Failure> {
        let (model, _) = self.subject(subject)?;
        let of = format!("{} ({})", self.language_name(code), name(subject));
        let samples = self.answers(job, model, self.problems_in(code, problems), &of, meter).await?;
        let mut parts = Vec::new();
        for texts in self.heldout.get(code).map(Vec::as_slice).unwrap_or_default().chunks(TEXTS) {
            job.progress(|| format!("Reading {of}"), meter.done, meter.total);
            parts.push(perplexity(model, &self.tokenizer, texts, &mut |_, _| job.flow()).await?);
            meter.done += texts.len() as u64;
            job.checkpoint().await?;
        }
        let accuracy = Accuracy::of(&samples);
        let close = samples.iter().filter(|sample| sample.margin < CLOSE);
        Ok(LanguageResult {
            language: code.into(),
            n: accuracy.n as u32,
            correct: accuracy.correct as u32,
            low: accuracy.low,
            high: accuracy.high,
            perplexity: Perplexity::join(&parts).perplexity,
            close_calls: close.map(|sample| sample.id.clone()).collect(),
        })
    }

    /// Answers in the problems' order, batch by batch.
    async fn answers<H: Host>(
        &self,
        job: &Job<'_, H>,
        model: &Llama,
        problems: &[Problem],
        of: &str,
        meter: &mut Meter,
    ) -> Result<Vec<Sample>, Failure> {
        let options = Options { batch: PROMPTS, ..Options::default() };
        let mut samples: Vec<Option<Sample>> = vec![None; problems.len()];
        for indices in batches(&self.tokenizer, problems, options.batch) {
            job.progress(|| format!("Answering in {of}"), meter.done, meter.total);
            let batch: Vec<Problem> = indices.iter().map(|&index| problems[index].clone()).collect();
            let answered = answer(model, &self.tokenizer, &batch, &options, &mut |_, _| job.flow()).await?;
            for (&index, sample) in indices.iter().zip(answered) {
                samples[index] = Some(sample);
            }
            meter.done += indices.len() as u64;
            job.checkpoint().await?;
        }
        Ok(samples.into_iter().flatten().collect())
    }

    /// A subject's model and its hash.
    pub fn subject(&self, subject: Subject) -> Result<(&Llama, &str), Failure> {
        let merge = match subject {
            Subject::Base => return Ok((&self.base, &self.base_hash)),
            Subject::TaskVector => self
                .task_vector
                .as_ref()
                .ok_or_else(|| Failure::refused("There is no task vector yet.", "Evaluate it first."))?,
            Subject::Merged => self
                .merged
                .as_ref()
                .ok_or_else(|| Failure::refused("Nothing is merged yet.", "Merge first."))?,
        };
        Ok((&merge.model, &merge.report.output_hash))
    }

    fn problems_in(&self, code: &str, at_most: u32) -> &[Problem] {
        let all = self.problems.get(code).map(Vec::as_slice).unwrap_or_default();
        &all[..all.len().min(at_most as usize)]
    }

    /// Problems and texts of a language.
    fn units(&self, code: &str, problems: u32) -> u64 {
        (self.problems_in(code, problems).len() + self.heldout.get(code).map_or(0, Vec::len)) as u64
    }
}

/// Problems and texts done, and in all.
struct Meter {
    done: u64,
    total: u64,
}

fn key(hash: &str, code: &str, problems: u32) -> (String, String, u32) {
    (hash.into(), code.into(), problems)
}

fn name(subject: Subject) -> &'static str {
    match subject {
        Subject::Base => "base",
        Subject::TaskVector => "task vector",
        Subject::Merged => "merged",
    }
}
