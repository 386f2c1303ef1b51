//! Story problems by greedy free-running generation.

use std::ops::ControlFlow;

use maec_model::{Decoder, Generator, Stop, WordTokenizer};
use serde::{Deserialize, Serialize};

use crate::{EvalError, Problem};

/// How answers are generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// Prompts that go through the model together; 0 counts as 1.
    pub batch: usize,
    /// Tokens after which an answer that does not stop is cut off; 0 counts as 1.
    pub max_new_tokens: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { batch: 100, max_new_tokens: 6 }
    }
}

/// One problem with what the model wrote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The problem's id.
    pub id: String,
    /// The code of its language.
    pub language: String,
    /// The prompt.
    pub question: String,
    /// The right answer.
    pub expected: i64,
    /// What was generated, until the stop token or the limit.
    pub text: String,
    /// The number read off it.
    pub parsed: Option<i64>,
    /// Whether that is the right answer.
    pub correct: bool,
    /// Smallest lead of the largest logit over the second largest in all steps: where it is tiny, another device
    /// may answer otherwise.
    pub margin: f32,
    /// The unordered operand pair, smaller first.
    pub pair: (u32, u32),
}

/// Answers problems from their questions alone, in the problems' order.
///
/// Every answer is generated greedily until the end token or the limit, and the first number in it is compared with
/// the right one. `progress(done, total)` is called after every batch and may break off. Nothing is awaited but the
/// device.
///
/// # Errors
/// When a question is empty or too long, tokenizer and model do not fit, the device fails, or `progress` breaks off.
pub async fn answer(
    model: &Decoder,
    tokenizer: &WordTokenizer,
    problems: &[Problem],
    options: &Options,
    progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
) -> Result<Vec<Sample>, EvalError> {
    check_vocabulary(model, tokenizer)?;
    let stop = Stop { tokens: stop_tokens(model, tokenizer), max_new_tokens: options.max_new_tokens.max(1) };
    let prompts = prompts(model, tokenizer, problems)?;
    let mut samples: Vec<Option<Sample>> = vec![None; problems.len()];
    let mut done = 0;
    for indices in by_length(&prompts, options.batch) {
        let batch: Vec<Vec<u32>> = indices.iter().map(|&index| prompts[index].clone()).collect();
        let generated = Generator::new(model, &batch, stop.clone()).run().await.map_err(EvalError::Device)?;
        for (&index, generated) in indices.iter().zip(generated) {
            let text = tokenizer.decode(&generated.tokens);
            samples[index] = Some(Sample::new(&problems[index], text, generated.margin));
        }
        done += indices.len();
        if progress(done, problems.len()).is_break() {
            return Err(EvalError::Cancelled);
        }
    }
    Ok(samples.into_iter().flatten().collect())
}

/// Indices of the problems in batches of similar length, for callers that run [`answer`] batch by batch.
pub fn batches(tokenizer: &WordTokenizer, problems: &[Problem], batch: usize) -> Vec<Vec<usize>> {
    let prompts: Vec<Vec<u32>> = problems.iter().map(|problem| tokenizer.encode(&problem.question)).collect();
    by_length(&prompts, batch)
}

/// The tokens that end a text: the configuration's, else `</s>`.
pub fn stop_tokens(model: &Decoder, tokenizer: &WordTokenizer) -> Vec<u32> {
    match model.config().eos_token_ids.as_slice() {
        [] => tokenizer.id_of("</s>").into_iter().collect(),
        known => known.to_vec(),
    }
}

/// The first integer in `text`: a run of ASCII digits, with a `-` or `−` directly before it as its sign. `None` where
/// there is none or it exceeds an `i64`.
///
/// ```
/// assert_eq!(maec_eval::parse_answer("12 . Tom has 3"), Some(12));
/// assert_eq!(maec_eval::parse_answer("no number"), None);
/// ```
pub fn parse_answer(text: &str) -> Option<i64> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let (before, from) = text.split_at(start);
    let digits = from.split(|c: char| !c.is_ascii_digit()).next()?;
    // Parsed with its sign, since the least i64 has no positive counterpart.
    if before.ends_with(['-', '−']) { format!("-{digits}").parse().ok() } else { digits.parse().ok() }
}

/// [`EvalError::Vocabulary`] where the tokenizer has ids that the model has no row for.
pub(crate) fn check_vocabulary(model: &Decoder, tokenizer: &WordTokenizer) -> Result<(), EvalError> {
    let (ids, rows) = (tokenizer.vocab_size(), model.config().vocab_size);
    if ids <= rows { Ok(()) } else { Err(EvalError::Vocabulary { tokenizer: ids, model: rows }) }
}

fn prompts(
    model: &Decoder,
    tokenizer: &WordTokenizer,
    problems: &[Problem],
) -> Result<Vec<Vec<u32>>, EvalError> {
    let positions = model.config().max_position_embeddings;
    let encode = |problem: &Problem| {
        let prompt = tokenizer.encode(&problem.question);
        match prompt.len() {
            0 => Err(EvalError::EmptyPrompt { id: problem.id.clone() }),
            tokens if tokens >= positions => {
                Err(EvalError::TooLong { text: format!("problem `{}`", problem.id), tokens, positions })
            }
            _ => Ok(prompt),
        }
    };
    problems.iter().map(encode).collect()
}

/// Batches of indices, shortest first (ties in order), so that little is padded.
fn by_length(prompts: &[Vec<u32>], batch: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..prompts.len()).collect();
    order.sort_by_key(|&index| prompts[index].len());
    order.chunks(batch.max(1)).map(<[usize]>::to_vec).collect()
}

impl Sample {
    fn new(problem: &Problem, text: String, margin: f32) -> Self {
        let parsed = parse_answer(&text);
        Self {
            id: problem.id.clone(),
            language: problem.language.clone(),
            question: problem.question.clone(),
            expected: problem.answer,
            text,
            parsed,
            correct: parsed == Some(problem.answer),
            // Logits that are no numbers have no lead; JSON could not say so.
            margin: if margin.is_finite() { margin } else { 0.0 },
            pair: problem.pair(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_integer_is_read() {
        for (text, expected) in [
            ("12", Some(12)),
            ("12 .", Some(12)),
            ("7 apples 3", Some(7)),
            ("Tom 3", Some(3)),
            ("-4", Some(-4)),
            ("−4", Some(-4)),
            ("- 4", Some(4)),
            ("007", Some(7)),
            ("1.5", Some(1)),
            ("答案 ： 12 。", Some(12)),
            ("১২", None),
            ("", None),
            ("apples", None),
            ("99999999999999999999", None),
            ("-9223372036854775808", Some(i64::MIN)),
        ] {
            assert_eq!(parse_answer(text), expected, "{text:?}");
        }
    }

    #[test]
    fn batches_are_sorted_by_length_and_keep_ties_in_order() {
        let prompts = [3, 1, 2, 1, 3].map(|n| vec![0; n]);
        assert_eq!(by_length(&prompts, 2), [vec![1, 3], vec![2, 0], vec![4]]);
        assert_eq!(by_length(&prompts, 0).len(), 5);
    }

    proptest! {
        #[test]
        fn numbers_read_back(number in any::<i64>(), before in "[a-z ]*", after in "[a-z .]*") {
            prop_assert_eq!(parse_answer(&format!("{before}{number}{after}")), Some(number));
        }

        #[test]
        fn any_text_is_survived(text in any::<String>()) {
            parse_answer(&text);
        }
    }
}
