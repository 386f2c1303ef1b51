//! Four-choice questions by the likelihood of each option's text.

use std::ops::ControlFlow;

use maec_model::{Decoder, WordTokenizer};
use maec_tasks::{LanguageModel as _, ModelError};
use serde::{Deserialize, Serialize};

use crate::answer::{check_vocabulary, stop_tokens};
use crate::{Accuracy, EvalError, Question, Runner};

/// One question with what the model chose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// The question's id.
    pub id: String,
    /// The code of its language.
    pub language: String,
    /// The prompt.
    pub question: String,
    /// Index of the right option.
    pub expected: usize,
    /// Index of the likeliest option, the first where several are.
    pub chosen: usize,
    /// Whether that is the right one.
    pub correct: bool,
    /// ln P(text | prompt) of each option, the sum over its tokens.
    pub log_likelihoods: Vec<f64>,
    /// What decides the question: the cluster of intervals.
    pub fact: String,
}

/// The results of one model's choices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choices {
    /// Share of right choices; a guess is right once in as many times as there are options.
    pub accuracy: Accuracy,
    /// Every question with what the model chose.
    pub samples: Vec<Choice>,
}

impl Choices {
    /// From the samples.
    pub fn new(samples: Vec<Choice>) -> Self {
        Self { accuracy: Accuracy::of(&samples), samples }
    }
}

/// Answers questions, in the questions' order: of the options' texts, the one that is likeliest after the prompt.
///
/// `batch` questions go through the model together, 0 counts as 1. `progress(done, total)` is called after every batch and
/// may break off. Nothing is awaited but the device.
///
/// # Errors
/// When a question is empty or too long, tokenizer and model do not fit, a likelihood is no number, the device fails, or
/// `progress` breaks off.
pub async fn choose(
    model: &Decoder,
    tokenizer: &WordTokenizer,
    questions: &[Question],
    batch: usize,
    progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
) -> Result<Vec<Choice>, EvalError> {
    check_vocabulary(model, tokenizer)?;
    questions.iter().try_for_each(|question| check(model, tokenizer, question))?;
    let mut runner = Runner::new(model, tokenizer, stop_tokens(model, tokenizer), &|| false);
    let mut choices = Vec::with_capacity(questions.len());
    for batch in questions.chunks(batch.max(1)) {
        let pair = |question: &Question, choice: &String| (question.question.clone(), format!(" {choice}"));
        let pairs: Vec<(String, String)> = batch
            .iter()
            .flat_map(|question| question.choices.iter().map(move |choice| pair(question, choice)))
            .collect();
        let found = runner.log_likelihood(&pairs).await.map_err(|error| match error {
            ModelError::Cancelled => EvalError::Cancelled,
            ModelError::Failed(reason) => EvalError::Device(reason.to_string()),
        })?;
        let mut found = found.into_iter().map(|continuation| continuation.log_likelihood);
        for question in batch {
            choices.push(Choice::new(question, found.by_ref().take(question.choices.len()).collect())?);
        }
        if progress(choices.len(), questions.len()).is_break() {
            return Err(EvalError::Cancelled);
        }
    }
    Ok(choices)
}

/// Refuses a question without a token, or with an option that does not fit behind it.
fn check(model: &Decoder, tokenizer: &WordTokenizer, question: &Question) -> Result<(), EvalError> {
    let positions = model.config().max_position_embeddings;
    if tokenizer.encode(&question.question).is_empty() {
        return Err(EvalError::EmptyPrompt { id: question.id.clone() });
    }
    let whole = |choice: &String| tokenizer.encode(&format!("{} {choice}", question.question)).len();
    // The last token is predicted, and needs no position.
    let tokens = question.choices.iter().map(whole).max().unwrap_or(0).saturating_sub(1);
    if tokens > positions {
        let text = format!("question `{}`", question.id);
        return Err(EvalError::TooLong { text, tokens, positions });
    }
    Ok(())
}

impl Choice {
    fn new(question: &Question, log_likelihoods: Vec<f64>) -> Result<Self, EvalError> {
        if log_likelihoods.iter().any(|value| !value.is_finite()) {
            return Err(EvalError::NotFinite { id: question.id.clone() });
        }
        let largest = |best: usize, index: usize| {
            if log_likelihoods[index] > log_likelihoods[best] { index } else { best }
        };
        let chosen = (0..log_likelihoods.len()).reduce(largest).unwrap_or(0);
        Ok(Self {
            id: question.id.clone(),
            language: question.language.clone(),
            question: question.question.clone(),
            expected: question.answer,
            chosen,
            correct: chosen == question.answer,
            log_likelihoods,
            fact: question.fact.clone(),
        })
    }
}
