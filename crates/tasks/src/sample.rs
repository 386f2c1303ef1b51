//! What came of one row: a line of the journal, an entry of the report.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One row with what the model said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The row's id.
    pub id: String,
    /// Its row of the report.
    pub group: String,
    /// What stands or falls together.
    pub problem: String,
    /// First 16 hex digits of the SHA-256 of the prompt or text as it was asked.
    pub prompt_sha256: String,
    /// Exemplars that were left out so that the prompt fits.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropped: usize,
    /// The right answer; nothing for a text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub answer: String,
    /// What the model said.
    pub outcome: Outcome,
    /// 1 or 0 by each score; a text has none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scores: BTreeMap<String, f64>,
}

/// What the model said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It wrote a text.
    Generated {
        /// The text.
        text: String,
        /// Its tokens.
        tokens: usize,
        /// Ended by a stop string or token, rather than the limit.
        stopped: bool,
        /// What each filter read off it.
        filtered: BTreeMap<String, String>,
    },
    /// It preferred a choice.
    Chosen {
        /// The likeliest continuation, the first where several are.
        choice: String,
        /// Log-likelihood of each, in nats.
        log_likelihoods: Vec<f64>,
    },
    /// It read a text.
    Read {
        /// Negative log-likelihood, in nats.
        nll: f64,
        /// Tokens predicted.
        tokens: usize,
        /// Bytes of UTF-8.
        bytes: usize,
    },
    /// The question does not fit the model even without exemplars; counted as wrong.
    TooLong {
        /// Its tokens.
        tokens: usize,
    },
}

fn is_zero(n: &usize) -> bool {
    *n == 0
}

/// The start of a long text, for messages.
pub(crate) fn clip(text: &str) -> String {
    let mut clipped: String = text.chars().take(40).collect();
    if clipped.len() < text.len() {
        clipped.push('…');
    }
    clipped
}
