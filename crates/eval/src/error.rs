//! The ways in which an evaluation can fail.

/// What went wrong, in one line that names the thing and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// A line of a JSONL file that can't be read.
    #[error("{file}: line {line}: {source}; each line must be one JSON object")]
    Line {
        /// What the file holds: `problems`, `questions`, `held-out text`.
        file: &'static str,
        /// Line number, from 1.
        line: usize,
        /// What the parser said.
        source: serde_json::Error,
    },
    /// Nothing to measure perplexity on.
    #[error("there is no held-out text; perplexity needs at least one token")]
    NoText,
    /// A prompt with no token at all.
    #[error("problem `{id}` has an empty question; remove it")]
    EmptyPrompt {
        /// The problem's id.
        id: String,
    },
    /// A text that does not fit the model's positions.
    #[error("{text} has {tokens} tokens, the model has {positions} positions; shorten the text")]
    TooLong {
        /// Which text.
        text: String,
        /// Its tokens.
        tokens: usize,
        /// `max_position_embeddings`.
        positions: usize,
    },
    /// The tokenizer knows more words than the model.
    #[error(
        "the tokenizer has {tokenizer} ids, the model's vocabulary {model}; use the tokenizer it was trained with"
    )]
    Vocabulary {
        /// Ids of the tokenizer.
        tokenizer: usize,
        /// Rows of the model's embedding.
        model: usize,
    },
    /// Likelihoods that can't be compared.
    #[error("question `{id}` has a likelihood that is no number; is the model damaged?")]
    NotFinite {
        /// The question's id.
        id: String,
    },
    /// Results of other problems than those they are compared with.
    #[error(
        "the two results are of different problems (`{left}` and `{right}` at place {index}); compare like with like"
    )]
    Unpaired {
        /// Place of the first difference, from 0.
        index: usize,
        /// The id there in the first results.
        left: String,
        /// The id there in the second results.
        right: String,
    },
    /// The caller's progress function asked to stop.
    #[error("the evaluation was cancelled")]
    Cancelled,
    /// The device did not return its values.
    #[error("the device did not return its results: {0}; start again, or use the CPU")]
    Device(String),
}
