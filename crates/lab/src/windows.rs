//! Windows of prepared corpora as a run's sequences.

use maec_corpus::{Mixture, Position};
use maec_train::{Sequences, TrainError};
use serde::Deserialize;

/// A mixture of windows of `seq_len` + 1 tokens each.
pub struct Windows(pub Mixture);

impl Sequences for Windows {
    fn next_sequence(&mut self) -> Result<Vec<u32>, TrainError> {
        self.0.next_window().map(|(_, window)| window.tokens).map_err(|error| TrainError::File {
            doing: "read",
            path: "prepared corpus".into(),
            reason: error.to_string(),
        })
    }

    fn position(&self) -> serde_json::Value {
        serde_json::json!(self.0.position())
    }

    fn seek(&mut self, position: &serde_json::Value) -> Result<(), TrainError> {
        let position = Position::deserialize(position).map_err(|error| error.to_string());
        let sought =
            position.and_then(|position| self.0.restore(position).map_err(|error| error.to_string()));
        sought.map_err(|problem| TrainError::Mismatch { tensor: "data".into(), problem })
    }
}
