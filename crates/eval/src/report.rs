//! What is known of a model after an evaluation.

use serde::{Deserialize, Serialize};

use crate::{Accuracy, Choice, Choices, Perplexity, Sample};

/// One language's results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LanguageReport {
    /// The language's code.
    pub language: String,
    /// Of the problems, if any were asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<Accuracy>,
    /// Of the held-out text, if there was any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub perplexity: Option<Perplexity>,
    /// Every problem with what the model wrote.
    pub samples: Vec<Sample>,
    /// Of the four-choice questions, if any were asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choices: Option<Choices>,
}

impl LanguageReport {
    /// From the samples and the perplexity of one language.
    pub fn new(language: impl Into<String>, samples: Vec<Sample>, perplexity: Option<Perplexity>) -> Self {
        let accuracy = (!samples.is_empty()).then(|| Accuracy::of(&samples));
        Self { language: language.into(), accuracy, perplexity, samples, choices: None }
    }

    /// With the answers to four-choice questions, if there are any.
    pub fn with_choices(self, samples: Vec<Choice>) -> Self {
        let choices = (!samples.is_empty()).then(|| Choices::new(samples));
        Self { choices, ..self }
    }

    /// Ids of problems that were answered while the two largest logits were within `lead`.
    pub fn close_calls(&self, lead: f32) -> Vec<String> {
        self.samples.iter().filter(|sample| sample.margin < lead).map(|sample| sample.id.clone()).collect()
    }
}

/// One model's results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelReport {
    /// What the model is called.
    pub model: String,
    /// One for each language, in the order evaluated.
    pub languages: Vec<LanguageReport>,
}

impl ModelReport {
    /// Accuracy over the problems of all languages but `reference`.
    pub fn accuracy_without(&self, reference: &str) -> Accuracy {
        let others = self.languages.iter().filter(|report| report.language != reference);
        Accuracy::of(others.flat_map(|report| &report.samples))
    }

    /// Accuracy over the four-choice questions of all languages but `reference`.
    pub fn choice_accuracy_without(&self, reference: &str) -> Accuracy {
        let others = self.languages.iter().filter(|report| report.language != reference);
        Accuracy::of(others.filter_map(|report| report.choices.as_ref()).flat_map(|choices| &choices.samples))
    }

    /// Mean over the languages of their perplexities, if every language has one.
    pub fn mean_perplexity(&self) -> Option<f64> {
        let all: Option<Vec<f64>> =
            self.languages.iter().map(|report| Some(report.perplexity?.perplexity)).collect();
        all.filter(|all| !all.is_empty()).map(|all| all.iter().sum::<f64>() / all.len() as f64)
    }
}
