//! What merges are asked, and what they score.

use serde::{Deserialize, Serialize};

/// Perplexities above this, infinite ones too, count as this: JSON has no infinity.
const WORST_PERPLEXITY: f64 = 1e12;

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

/// What tuning looks at.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Accuracy of the ability over all target languages, 0–1.
    pub other_languages: f64,
    /// Mean perplexity over all languages.
    pub perplexity: f64,
}

impl Scores {
    /// Scores that JSON can hold: the perplexity is 10¹² at most, and so where it is none.
    pub fn finite(self) -> Self {
        // `min` takes the number where the other is none.
        Self { perplexity: self.perplexity.min(WORST_PERPLEXITY), ..self }
    }
}
