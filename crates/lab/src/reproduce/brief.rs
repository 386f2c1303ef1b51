//! What is kept of an evaluation.

use std::collections::BTreeMap;

use maec_eval::{Accuracy, ModelReport, PairedDifference, paired_difference};
use serde::{Deserialize, Serialize};

use crate::error::LabError;
use crate::world::REFERENCE;

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
    /// From a model's report and the backbone's.
    ///
    /// # Errors
    /// When the two were asked different problems.
    pub fn of(report: &ModelReport, backbone: &ModelReport, ability: &str) -> Result<Self, LabError> {
        let choices = ability == "science";
        let accuracy = |language: &maec_eval::LanguageReport| match choices {
            true => language.choices.as_ref().map(|choices| choices.accuracy),
            false => language.accuracy,
        };
        let by_language = report.languages.iter().filter_map(|l| Some((l.language.clone(), accuracy(l)?)));
        let others = |report: &ModelReport| -> Vec<maec_eval::LanguageReport> {
            report.languages.iter().filter(|l| l.language != REFERENCE.code()).cloned().collect()
        };
        let (mine, theirs) = (others(report), others(backbone));
        let gain = match choices {
            true => {
                let samples = |all: Vec<maec_eval::LanguageReport>| -> Vec<maec_eval::Choice> {
                    all.into_iter().filter_map(|l| l.choices).flat_map(|choices| choices.samples).collect()
                };
                paired_difference(&samples(mine), &samples(theirs))?
            }
            false => {
                let samples = |all: Vec<maec_eval::LanguageReport>| -> Vec<maec_eval::Sample> {
                    all.into_iter().flat_map(|l| l.samples).collect()
                };
                paired_difference(&samples(mine), &samples(theirs))?
            }
        };
        let others = match choices {
            true => report.choice_accuracy_without(REFERENCE.code()),
            false => report.accuracy_without(REFERENCE.code()),
        };
        let perplexity =
            report.languages.iter().filter_map(|l| Some((l.language.clone(), l.perplexity?.perplexity)));
        Ok(Self {
            accuracy: by_language.collect(),
            others,
            perplexity: perplexity.collect(),
            mean_perplexity: report.mean_perplexity().unwrap_or(f64::NAN),
            gain,
        })
    }
}
