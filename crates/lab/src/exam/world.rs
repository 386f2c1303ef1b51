//! Accuracy and perplexity of one model in every language of the world.

use std::ops::ControlFlow;

use maec_checkpoint::{Weights, model_hash, sha256_hex};
use maec_eval::{LanguageReport, ModelReport, Options, answer, choose, perplexity};
use maec_world::Language;

use super::{Answer, Examiner, Marks};
use crate::error::LabError;
use crate::ground::Ground as _;
use crate::lab::Lab;
use crate::store::Store;
use crate::world::WorldGround;

pub use maec_search::{Exam, ProblemSet, Scores};

/// Questions that go through a model together.
const BATCH: usize = 32;

/// An exam in a world.
pub struct WorldExam<'a> {
    /// The world.
    pub ground: &'a WorldGround,
    /// What is asked.
    pub exam: Exam,
}

impl WorldExam<'_> {
    /// Asks the first problems of every language and ability, and reads the first held-out texts.
    ///
    /// # Errors
    /// When the weights do not fit the world's model.
    pub fn hold(&self, name: &str, weights: &dyn Weights) -> Result<ModelReport, LabError> {
        let Self { ground, exam } = self;
        let model = ground.load(weights)?;
        let tokenizer = &ground.tokenizer;
        let go_on = &mut |_, _| ControlFlow::Continue(());
        let mut languages = Vec::new();
        for language in Language::ALL {
            let problems = ground.problems(language, exam.set);
            let problems = first(&problems, exam.problems);
            let samples =
                pollster::block_on(answer(&model, tokenizer, problems, &Options::default(), go_on))?;
            let questions = ground.questions(language, exam.set);
            let questions = first(&questions, exam.problems);
            let choices = pollster::block_on(choose(&model, tokenizer, questions, BATCH, go_on))?;
            let read = ground.heldout(language);
            let read = first(&read, exam.texts);
            let perplexity = match read.is_empty() {
                true => None,
                false => Some(pollster::block_on(perplexity(&model, tokenizer, read, go_on))?),
            };
            languages.push(LanguageReport::new(language.code(), samples, perplexity).with_choices(choices));
        }
        Ok(ModelReport { model: name.to_owned(), languages })
    }

    /// As [`hold`](Self::hold), unless the store has the report of the same weights.
    ///
    /// # Errors
    /// As [`hold`](Self::hold), and when the store can't be written.
    pub fn report(&self, store: &Store, name: &str, weights: &dyn Weights) -> Result<ModelReport, LabError> {
        let exam = serde_json::to_string(&self.exam).expect("an exam serialises");
        let hash = model_hash(weights)?;
        let key = sha256_hex(format!("exam {exam}\n{}\n{hash}", self.ground.identity()).as_bytes());
        let report = store.value(&key, || self.hold(name, weights))?;
        Ok(ModelReport { model: name.to_owned(), ..report })
    }
}

impl Examiner for WorldExam<'_> {
    fn examine(&self, lab: &Lab<'_>, name: &str, weights: &dyn Weights) -> Result<Marks, LabError> {
        Ok(marks(self.report(lab.store, name, weights)?))
    }
}

/// The first so many, or all where there are fewer.
fn first<T>(all: &[T], count: usize) -> &[T] {
    &all[..count.min(all.len())]
}

/// A report's answers: problems are alike by operand pair, questions by the fact that decides them.
fn marks(report: ModelReport) -> Marks {
    let mut marks = Marks::default();
    for language in report.languages {
        let mut add = |ability: &str, answers: Vec<Answer>| {
            let abilities = marks.answers.entry(ability.to_owned()).or_default();
            abilities.insert(language.language.clone(), answers);
        };
        let solved = language.samples.into_iter().map(|sample| Answer {
            // Wide, so that pairs stand in their own order.
            problem: format!("{:010} {:010}", sample.pair.0, sample.pair.1),
            id: sample.id,
            correct: sample.correct,
        });
        add("arithmetic", solved.collect());
        let chosen = language.choices.into_iter().flat_map(|choices| choices.samples);
        let chosen =
            chosen.map(|choice| Answer { id: choice.id, problem: choice.fact, correct: choice.correct });
        add("science", chosen.collect());
        marks
            .perplexity
            .extend(language.perplexity.map(|found| (language.language.clone(), found.perplexity)));
    }
    marks
}

/// What tuning looks at in a report; `ability` is `arithmetic` or `science`.
pub fn scores(report: &ModelReport, ability: &str) -> Scores {
    let accuracy = match ability {
        "science" => report.choice_accuracy_without("en"),
        _ => report.accuracy_without("en"),
    };
    Scores { other_languages: accuracy.rate(), perplexity: report.mean_perplexity().unwrap_or(f64::INFINITY) }
}
