//! What is kept of an exam.

use std::collections::BTreeMap;

use maec_eval::{Accuracy, PairedDifference};
use serde::{Deserialize, Serialize};

use crate::error::LabError;
use crate::exam::Marks;

/// One model's scores in one ability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Brief {
    /// Accuracy by language.
    pub accuracy: BTreeMap<String, Accuracy>,
    /// Accuracy over all languages but the reference.
    pub others: Accuracy,
    /// Perplexity of held-out text by language.
    pub perplexity: BTreeMap<String, f64>,
    /// Its mean over the languages.
    pub mean_perplexity: f64,
    /// Accuracy outside the reference minus the backbone's on the same problems.
    pub gain: PairedDifference,
}

impl Brief {
    /// From a model's marks and the backbone's.
    ///
    /// # Errors
    /// When the two were asked different problems.
    pub fn of(marks: &Marks, backbone: &Marks, ability: &str, reference: &str) -> Result<Self, LabError> {
        Ok(Self {
            accuracy: marks.accuracy(ability),
            others: marks.accuracy_without(ability, reference),
            perplexity: marks.perplexity.clone(),
            mean_perplexity: marks.mean_perplexity().unwrap_or(f64::NAN),
            gain: marks.gain_without(backbone, ability, reference)?,
        })
    }
}
