//! Accuracy and perplexity of the base, the task vector and the merge.

use maec_eval::{Accuracy, Options, Perplexity, Problem, Sample, answer, batches, perplexity};
use maec_model::Decoder;
use maec_protocol::{LanguageResult, ProblemSet, Reply, Subject, SubjectResult};

use crate::bench::{Asked, Bench};
use crate::job::Job;
use crate::{Failure, Host};

/// Prompts that go through a model together.
const PROMPTS: usize = 100;
/// Held-out texts between two looks at the messages.
const TEXTS: usize = 100;
/// A lead of the largest logit below which another device may answer otherwise.
const CLOSE: f32 = 1e-3;

impl Bench {
    /// Evaluates the subjects, which are [prepared](Self::prepare), in every language; what was computed before is not
    /// computed again.
    pub async fn evaluate<H: Host>(
        &mut self,
        job: &Job<'_, H>,
        subjects: &[Subject],
        asked: Asked,
    ) -> Result<Reply, Failure> {
        job.checkpoint().await?;
        let before = job.host().dispatches();
        let codes: Vec<String> =
            self.pack.manifest().languages.iter().map(|language| language.code.clone()).collect();
        let mut unknown = Vec::new();
        for &subject in subjects {
            let hash = self.subject(subject)?.1;
            if !codes.iter().all(|code| self.results.contains_key(&key(hash, code, asked))) {
                unknown.push(subject);
            }
        }
        let units: u64 = codes.iter().map(|code| self.units(code, asked)).sum();
        let mut meter = Meter { done: 0, total: units * unknown.len() as u64 };
        for subject in unknown {
            let hash = self.subject(subject)?.1.to_owned();
            for result in self.evaluate_one(job, subject, &codes, asked, &mut meter).await? {
                self.results.insert(key(&hash, &result.language, asked), result);
            }
        }
        let mut results = Vec::with_capacity(subjects.len());
        for &subject in subjects {
            let hash = self.subject(subject)?.1;
            let known = |code: &String| self.results.get(&key(hash, code, asked)).cloned();
            results.push(SubjectResult { subject, languages: codes.iter().filter_map(known).collect() });
        }
        let dispatches = job.host().dispatches() - before;
        Ok(Reply::Evaluated { results, seconds: job.seconds(), dispatches })
    }

    /// One model in every language. All languages' problems go through it together: fewer and fuller batches.
    async fn evaluate_one<H: Host>(
        &self,
        job: &Job<'_, H>,
        subject: Subject,
        codes: &[String],
        asked: Asked,
        meter: &mut Meter,
    ) -> Result<Vec<LanguageResult>, Failure> {
        let (model, _) = self.subject(subject)?;
        let problems: Vec<Problem> =
            codes.iter().flat_map(|code| self.problems_in(code, asked)).cloned().collect();
        let label = format!("Answering in every language ({})", name(subject));
        let mut samples = self.answers(job, model, &problems, &label, meter).await?.into_iter();
        let mut results = Vec::with_capacity(codes.len());
        for code in codes {
            let own: Vec<Sample> = samples.by_ref().take(self.problems_in(code, asked).len()).collect();
            let label = format!("Reading {} ({})", self.language_name(code), name(subject));
            let mut parts = Vec::new();
            for texts in self.heldout.get(code).map(Vec::as_slice).unwrap_or_default().chunks(TEXTS) {
                job.progress(|| label.clone(), meter.done, meter.total);
                parts.push(perplexity(model, &self.tokenizer, texts, &mut |_, _| job.flow()).await?);
                meter.done += texts.len() as u64;
                job.checkpoint().await?;
            }
            let accuracy = Accuracy::of(&own);
            let close = own.iter().filter(|sample| sample.margin < CLOSE);
            results.push(LanguageResult {
                language: code.clone(),
                n: accuracy.n as u32,
                correct: accuracy.correct as u32,
                low: accuracy.low,
                high: accuracy.high,
                perplexity: Perplexity::join(&parts).perplexity,
                close_calls: close.map(|sample| sample.id.clone()).collect(),
            });
        }
        Ok(results)
    }

    /// Answers in the problems' order, batch by batch.
    async fn answers<H: Host>(
        &self,
        job: &Job<'_, H>,
        model: &Decoder,
        problems: &[Problem],
        label: &str,
        meter: &mut Meter,
    ) -> Result<Vec<Sample>, Failure> {
        let options = Options { batch: PROMPTS, ..Options::default() };
        let mut samples: Vec<Option<Sample>> = vec![None; problems.len()];
        for indices in batches(&self.tokenizer, problems, options.batch) {
            job.progress(|| label.to_owned(), meter.done, meter.total);
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
    pub fn subject(&self, subject: Subject) -> Result<(&Decoder, &str), Failure> {
        let merge = match subject {
            Subject::Base => return Ok((&self.base, &self.base_hash)),
            Subject::TaskVector => &self.task_vector,
            Subject::Merged => &self.merged,
        };
        let merge =
            merge.as_ref().ok_or_else(|| Failure::refused("Nothing is merged yet.", "Merge first."))?;
        Ok((&merge.model, &merge.made.report.output_hash))
    }

    /// What is to be asked, where the pack has it.
    pub fn asked(&self, set: ProblemSet, problems: u32) -> Result<Asked, Failure> {
        if set == ProblemSet::Validation && self.validation.is_empty() {
            return Err(Failure::refused(
                "The pack has no validation problems.",
                "Make it again with some (maec pack --validation), or open another pack.",
            ));
        }
        Ok(Asked { set, problems })
    }

    fn problems_in(&self, code: &str, asked: Asked) -> &[Problem] {
        let all = match asked.set {
            ProblemSet::Test => &self.problems,
            ProblemSet::Validation => &self.validation,
        };
        let all = all.get(code).map(Vec::as_slice).unwrap_or_default();
        &all[..all.len().min(asked.problems as usize)]
    }

    /// Problems and texts of a language.
    fn units(&self, code: &str, asked: Asked) -> u64 {
        (self.problems_in(code, asked).len() + self.heldout.get(code).map_or(0, Vec::len)) as u64
    }
}

/// Problems and texts done, and in all.
struct Meter {
    done: u64,
    total: u64,
}

fn key(hash: &str, code: &str, asked: Asked) -> (String, String, Asked) {
    (hash.into(), code.into(), asked)
}

fn name(subject: Subject) -> &'static str {
    match subject {
        Subject::Base => "base",
        Subject::TaskVector => "task vector",
        Subject::Merged => "merged",
    }
}
