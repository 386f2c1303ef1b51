//! What was chosen on validation problems, before any test problem was asked.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::merging::MaecChoice;

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
    /// What this repository publishes, found by `maec tune` (docs/reproduce.md has the commands).
    ///
    /// # Errors
    /// When the file that was built in can't be read.
    pub fn published() -> Result<Self, serde_json::Error> {
        serde_json::from_str(include_str!("tuned.json"))
    }
}
