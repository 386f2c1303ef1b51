//! Accuracy and perplexity of one model in every language of the world.

use std::ops::ControlFlow;

use maec_checkpoint::{Weights, model_hash, sha256_hex};
use maec_eval::{LanguageReport, ModelReport, Options, answer, choose, perplexity};
use maec_world::Language;
use serde::{Deserialize, Serialize};

use crate::error::LabError;
use crate::ground::Ground as _;
use crate::store::Store;
use crate::world::WorldGround;

/// Which problems are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemSet {
    /// For tuning.
    Validation,
    /// For final numbers.
    Test,
}

/// What a model is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exam {
    /// Which problems.
    pub set: ProblemSet,
    /// Problems of each ability in every language.
    pub problems: usize,
    /// Held-out texts of every language.
    pub texts: usize,
}

/// Questions that go through a model together.
const BATCH: usize = 32;

impl Exam {
    /// Asks the first problems of every language and ability, and reads the first held-out texts.
    ///
    /// # Errors
    /// When the weights do not fit the world's model.
    pub fn hold(
        &self,
        ground: &WorldGround,
        name: &str,
        weights: &dyn Weights,
    ) -> Result<ModelReport, LabError> {
        let model = ground.load(weights)?;
        let tokenizer = &ground.tokenizer;
        let go_on = &mut |_, _| ControlFlow::Continue(());
        let mut languages = Vec::new();
        for language in Language::ALL {
            let mut problems = ground.problems(language, self.set);
            problems.truncate(self.problems);
            let samples =
                pollster::block_on(answer(&model, tokenizer, &problems, &Options::default(), go_on))?;
            let mut questions = ground.questions(language, self.set);
            questions.truncate(self.problems);
            let choices = pollster::block_on(choose(&model, tokenizer, &questions, BATCH, go_on))?;
            let mut read = ground.heldout(language);
            read.truncate(self.texts);
            let perplexity = match read.is_empty() {
                true => None,
                false => Some(pollster::block_on(perplexity(&model, tokenizer, &read, go_on))?),
            };
            languages.push(LanguageReport::new(language.code(), samples, perplexity).with_choices(choices));
        }
        Ok(ModelReport { model: name.to_owned(), languages })
    }

    /// As [`hold`](Self::hold), unless the store has the report of the same weights.
    ///
    /// # Errors
    /// As [`hold`](Self::hold), and when the store can't be written.
    pub fn report(
        &self,
        ground: &WorldGround,
        store: &Store,
        name: &str,
        weights: &dyn Weights,
    ) -> Result<ModelReport, LabError> {
        let exam = serde_json::to_string(self).expect("an exam serialises");
        let hash = model_hash(weights)?;
        let key = sha256_hex(format!("exam {exam}\n{}\n{hash}", ground.identity()).as_bytes());
        let report = store.value(&key, || self.hold(ground, name, weights))?;
        Ok(ModelReport { model: name.to_owned(), ..report })
    }
}

/// What tuning looks at.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Accuracy of the ability over all target languages, 0–1.
    pub other_languages: f64,
    /// Mean perplexity over all languages.
    pub perplexity: f64,
}

impl Scores {
    /// The means of a report; `ability` is `arithmetic` or `science`.
    pub fn of(report: &ModelReport, ability: &str) -> Self {
        let accuracy = match ability {
            "science" => report.choice_accuracy_without("en"),
            _ => report.accuracy_without("en"),
        };
        Self {
            other_languages: accuracy.rate(),
            perplexity: report.mean_perplexity().unwrap_or(f64::INFINITY),
        }
    }
}
