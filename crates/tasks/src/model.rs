//! What a benchmark asks of a language model.

use std::error::Error;

/// What was generated for one prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// The text after the prompt, up to the first stop string, which is left out.
    pub text: String,
    /// Tokens generated, those of the stop string included.
    pub tokens: usize,
    /// Whether a stop string or an end token ended it, rather than the limit.
    pub stopped: bool,
}

/// How likely a continuation is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Continuation {
    /// Natural logarithm of its probability after the context: the sum over its tokens.
    pub log_likelihood: f64,
    /// Its tokens.
    pub tokens: usize,
    /// Whether greedy decoding would give exactly it.
    pub greedy: bool,
}

/// Negative log-likelihood of a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Nll {
    /// Sum over the tokens, in nats.
    pub sum: f64,
    /// Tokens predicted.
    pub tokens: usize,
}

/// Why a model gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// It was stopped in the middle of a batch.
    #[error("stopped")]
    Cancelled,
    /// It failed.
    #[error("{0}")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

impl ModelError {
    /// A failure for any reason, or one in words.
    pub fn new(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed(reason.into())
    }
}

/// A language model with its tokenizer, wherever it runs.
///
/// Results come in the order of the requests, one for each. All decoding is greedy.
#[allow(
    async_fn_in_trait,
    reason = "callers are generic over the model, and in the tab futures are not `Send`"
)]
pub trait LanguageModel {
    /// Continues every prompt until one of the strings `until` appears, an end token, or `max_new_tokens`.
    ///
    /// # Errors
    /// When the model fails or is stopped.
    async fn generate(
        &mut self,
        prompts: &[String],
        until: &[String],
        max_new_tokens: usize,
    ) -> Result<Vec<Generation>, ModelError>;

    /// The likelihood of each pair's second text after its first. Space at the end of the first belongs to the second's
    /// tokens: the pair is tokenized together.
    ///
    /// # Errors
    /// When the model fails or is stopped.
    async fn log_likelihood(&mut self, pairs: &[(String, String)]) -> Result<Vec<Continuation>, ModelError>;

    /// The likelihood of whole texts of any length: every token is predicted once, those beyond the context in
    /// windows.
    ///
    /// # Errors
    /// When the model fails or is stopped.
    async fn rolling(&mut self, texts: &[String]) -> Result<Vec<Nll>, ModelError>;

    /// Tokens that fit the model at once, prompt and answer together.
    fn context_tokens(&self) -> usize;

    /// Tokens of `text` as a prompt, with what the tokenizer puts before it.
    fn count(&self, text: &str) -> usize;
}
