//! What `maec train` says of a finished run.

use anyhow::Result;
use maec_train::StateMemory;
use serde::Serialize;

use crate::{output, table};

/// What is said of a finished run.
#[derive(Serialize)]
pub struct Summary {
    /// The folder written.
    pub out: String,
    /// The trained model's hash, or that of an adapter's factors.
    pub model_hash: String,
    /// Parameters of the model.
    pub parameters: u64,
    /// Parameters trained.
    pub trained_parameters: u64,
    /// Optimizer steps.
    pub steps: u32,
    /// Tokens trained on.
    pub tokens: u64,
    /// Mean of the last steps before the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<f32>,
    /// Of this start of the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_per_second: Option<f64>,
    /// Bytes of weights and optimizer state.
    pub memory: StateMemory,
}

impl Summary {
    /// Prints it.
    pub fn print(&self, json: bool) -> Result<()> {
        if json { output::print_json(self) } else { output::print(self.said()) }
    }

    fn said(&self) -> String {
        let loss = self.loss.map_or_else(String::new, |loss| format!(", loss {loss:.3}"));
        let rate = self
            .tokens_per_second
            .map_or_else(String::new, |rate| format!(" ({} a second)", table::count(rate as u64)));
        format!(
            "{}: {} of {} parameters trained in {} steps on {} tokens{rate}{loss}\nmodel hash {}",
            self.out,
            table::count(self.trained_parameters),
            table::count(self.parameters),
            self.steps,
            table::count(self.tokens),
            self.model_hash,
        )
    }
}
