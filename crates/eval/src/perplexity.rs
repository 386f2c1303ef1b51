//! Perplexity of held-out text.

use std::ops::ControlFlow;

use maec_model::kernels::cross_entropy;
use maec_model::{Batch, Decoder, WordTokenizer};
use serde::{Deserialize, Serialize};

use crate::EvalError;
use crate::answer::{check_vocabulary, stop_tokens};

/// Tokens that go through the model together: enough to keep a matrix product busy, few enough for a tab's memory.
const BATCH_TOKENS: usize = 2048;

/// exp(mean negative log-likelihood) of some texts, with what it was computed from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Perplexity {
    /// Predicted tokens: those of the texts and one end token each.
    pub tokens: usize,
    /// UTF-8 bytes of the texts.
    pub bytes: usize,
    /// Sum of the tokens' negative log-likelihoods, in nats.
    pub nll_sum: f64,
    /// exp(nll_sum / tokens).
    pub perplexity: f64,
    /// nll_sum / ln 2 / bytes: comparable between tokenizers.
    pub bits_per_byte: f64,
}

impl Perplexity {
    /// From the sums.
    pub fn new(tokens: usize, bytes: usize, nll_sum: f64) -> Self {
        let perplexity = (nll_sum / tokens.max(1) as f64).exp();
        let bits_per_byte = nll_sum / std::f64::consts::LN_2 / bytes.max(1) as f64;
        Self { tokens, bytes, nll_sum, perplexity, bits_per_byte }
    }

    /// Of several parts' texts together.
    pub fn join(parts: &[Self]) -> Self {
        let sum = |count: fn(&Self) -> usize| parts.iter().map(count).sum();
        Self::new(
            sum(|part| part.tokens),
            sum(|part| part.bytes),
            parts.iter().map(|part| part.nll_sum).sum(),
        )
    }
}

/// Perplexity of whole texts: the start token first, every token predicted from all before it, the end token last.
///
/// `progress(done, total)` counts texts, is called after every batch and may break off.
///
/// # Errors
/// When there is no text, one is too long, tokenizer and model do not fit, the device fails, or `progress` breaks off.
pub async fn perplexity(
    model: &Decoder,
    tokenizer: &WordTokenizer,
    texts: &[String],
    progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
) -> Result<Perplexity, EvalError> {
    check_vocabulary(model, tokenizer)?;
    let end = stop_tokens(model, tokenizer);
    let positions = model.config().max_position_embeddings;
    let mut parts = Vec::new();
    let mut done = 0;
    let mut rest = texts;
    while !rest.is_empty() {
        let (mut inputs, mut targets, mut bytes) = (Vec::new(), Vec::new(), 0);
        while let Some((text, after)) = rest.split_first() {
            let mut ids = tokenizer.encode(text);
            ids.extend(&end);
            let tokens = ids.len().saturating_sub(1);
            if tokens > positions {
                let text = format!("held-out text {}", done + inputs.len() + 1);
                return Err(EvalError::TooLong { text, tokens, positions });
            }
            if !targets.is_empty() && targets.len() + tokens > BATCH_TOKENS {
                break;
            }
            rest = after;
            bytes += text.len();
            targets.extend(ids.iter().skip(1));
            ids.truncate(tokens);
            inputs.push(ids);
        }
        done += inputs.len();
        inputs.retain(|ids| !ids.is_empty());
        if !targets.is_empty() {
            let mean = cross_entropy(model.forward(&Batch::packed(&inputs)), &targets);
            let data = mean.into_data_async().await.map_err(|error| EvalError::Device(error.to_string()))?;
            let mean = data.try_to_vec::<f32>().map_err(|error| EvalError::Device(error.to_string()))?[0];
            parts.push(Perplexity::new(targets.len(), bytes, f64::from(mean) * targets.len() as f64));
        }
        if progress(done, texts.len()).is_break() {
            return Err(EvalError::Cancelled);
        }
    }
    let whole = Perplexity::join(&parts);
    if whole.tokens == 0 { Err(EvalError::NoText) } else { Ok(whole) }
}
