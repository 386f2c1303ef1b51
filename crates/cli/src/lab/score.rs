//! Accuracy and perplexity of one model in every language.

use anyhow::Result;
use maec_checkpoint::Weights;
use maec_eval::{LanguageReport, ModelReport, Options, answer, perplexity};
use maec_world::Language;

use super::Workshop;
use crate::interrupt;

/// What tuning looks at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scores {
    /// Accuracy over all target languages' problems, 0–1.
    pub other_languages: f64,
    /// Mean perplexity over all five languages.
    pub perplexity: f64,
}

impl Scores {
    /// The means of a report.
    pub fn of(report: &ModelReport) -> Self {
        Self {
            other_languages: report.accuracy_without("en").rate(),
            perplexity: report.mean_perplexity().unwrap_or(f64::INFINITY),
        }
    }
}

/// Asks the first `problems` test (or validation) problems of every language and reads `texts` held-out texts.
///
/// # Errors
/// When the weights do not fit the workshop's model.
pub fn score(
    workshop: &Workshop,
    name: &str,
    weights: &dyn Weights,
    test: bool,
    problems: usize,
    texts: usize,
) -> Result<ModelReport> {
    let model = workshop.load(weights)?;
    let tokenizer = &workshop.tokenizer;
    let go_on = &mut |_, _| interrupt::flow();
    let mut languages = Vec::new();
    for language in Language::ALL {
        let mut asked = workshop.problems(language, test);
        asked.truncate(problems);
        let samples = pollster::block_on(answer(&model, tokenizer, &asked, &Options::default(), go_on))?;
        let mut read = workshop.heldout(language);
        read.truncate(texts);
        let perplexity = pollster::block_on(perplexity(&model, tokenizer, &read, go_on))?;
        languages.push(LanguageReport::new(language.code(), samples, Some(perplexity)));
    }
    Ok(ModelReport { model: name.to_owned(), languages })
}
