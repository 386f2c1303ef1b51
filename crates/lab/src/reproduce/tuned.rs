//! What was chosen on validation problems, before any test problem was asked.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::merging::MaecChoice;
use crate::tune::{Method, Tuning};

/// The choices for every ability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tuned {
    /// Validation seeds.
    pub seeds: Vec<u64>,
    /// By ability.
    pub abilities: BTreeMap<String, Choices>,
}

/// One ability's choices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choices {
    /// MAEC's.
    pub maec: MaecChoice,
    /// λ of F-TV; all μ are 1.
    pub full_lambda: f64,
    /// λ of L-TV.
    pub lora_lambda: f64,
}

impl Tuned {
    /// Takes the choice of a search in the place of what is here for its ability and method.
    pub fn take(&mut self, tuning: &Tuning) {
        let Some(choices) = self.abilities.get_mut(&tuning.plan.ability) else { return };
        match tuning.plan.method {
            Method::Maec => choices.maec = tuning.choice,
            Method::FTv => choices.full_lambda = tuning.choice.parameters.lambda,
            Method::LTv => choices.lora_lambda = tuning.choice.parameters.lambda,
        }
        self.seeds.extend(&tuning.plan.seeds);
        self.seeds.sort_unstable();
        self.seeds.dedup();
    }

    /// What this repository publishes, found by `maec tune` (docs/reproduce.md has the commands).
    ///
    /// # Errors
    /// When the file that was built in can't be read.
    pub fn published() -> Result<Self, serde_json::Error> {
        serde_json::from_str(include_str!("tuned.json"))
    }
}
