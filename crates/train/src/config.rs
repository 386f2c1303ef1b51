//! Settings of a training run.

use serde::{Deserialize, Serialize};

use crate::error::TrainError;

/// How the learning rate goes on after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Stays.
    Constant,
    /// Falls along half a cosine, to [`TrainConfig::final_ratio`] of the peak.
    Cosine,
}

/// AdamW and the loop around it. Weight decay is applied to trained elements only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainConfig {
    /// Optimizer steps.
    pub steps: u32,
    /// Sequences a step, where [`tokens_per_step`](Self::tokens_per_step) does not say how many.
    pub sequences_per_step: u32,
    /// Predicted tokens a step: sequences are drawn until there are at least so many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_step: Option<u64>,
    /// Sequences of one forward and backward pass (gradient accumulation); `None` takes the whole step's at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub micro_sequences: Option<u32>,
    /// Whether the layers' inputs alone are kept for the backward pass, and the rest is computed again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub activation_checkpointing: bool,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Steps over which the rate rises from zero.
    pub warmup_steps: u32,
    /// What follows.
    pub schedule: Schedule,
    /// What a cosine ends at, as a share of the peak.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub final_ratio: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Keeps the division finite.
    pub epsilon: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Largest L2 norm of the (masked) gradient; `None` does not clip.
    pub clip_norm: Option<f64>,
    /// Seed of the data order.
    pub seed: u64,
}

fn is_zero(ratio: &f64) -> bool {
    *ratio == 0.0
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            steps: 400,
            sequences_per_step: 64,
            tokens_per_step: None,
            micro_sequences: None,
            activation_checkpointing: false,
            learning_rate: 2e-3,
            warmup_steps: 20,
            schedule: Schedule::Cosine,
            final_ratio: 0.0,
            beta1: 0.9,
            beta2: 0.95,
            epsilon: 1e-8,
            weight_decay: 0.0,
            clip_norm: Some(1.0),
            seed: 0,
        }
    }
}

impl TrainConfig {
    /// MAEC as published for LLaMA-3 8B (arXiv 2410.07825, appendix and Table 5): learning rate 5e-5, 1 M tokens a step,
    /// 2 B tokens.
    ///
    /// The paper does not name the optimizer's constants, the schedule, the warm-up, clipping or weight decay. Chosen
    /// here: AdamW with β₁ 0.9, β₂ 0.95, ε 1e-8, no decay, clipping at 1, 60 steps (3 %) of warm-up and a cosine to a tenth. One
    /// sequence at a time and activation checkpointing bound the memory; they do not change what is computed.
    pub fn published() -> Self {
        Self {
            steps: 2_000,
            tokens_per_step: Some(1_000_000),
            micro_sequences: Some(1),
            activation_checkpointing: true,
            learning_rate: 5e-5,
            warmup_steps: 60,
            final_ratio: 0.1,
            ..Self::default()
        }
    }

    /// Learning rate of a step, counted from 1.
    pub fn learning_rate_at(&self, step: u32) -> f64 {
        if step <= self.warmup_steps {
            return self.learning_rate * f64::from(step) / f64::from(self.warmup_steps);
        }
        match self.schedule {
            Schedule::Constant => self.learning_rate,
            Schedule::Cosine => {
                let length = f64::from(self.steps.saturating_sub(self.warmup_steps).max(1));
                let done = (f64::from(step - self.warmup_steps) - 1.0) / length;
                let half = 0.5 * (1.0 + (std::f64::consts::PI * done.clamp(0.0, 1.0)).cos());
                self.learning_rate * (self.final_ratio + (1.0 - self.final_ratio) * half)
            }
        }
    }

    /// Refuses settings that can't train.
    ///
    /// # Errors
    /// Names the setting.
    pub fn check(&self) -> Result<(), TrainError> {
        let bad = |field, value: String, expected| Err(TrainError::Config { field, value, expected });
        if self.steps == 0 {
            return bad("steps", "0".into(), "give at least 1");
        }
        if self.sequences_per_step == 0 {
            return bad("sequences per step", "0".into(), "give at least 1");
        }
        if self.tokens_per_step == Some(0) {
            return bad("tokens per step", "0".into(), "give at least 1, or leave it out");
        }
        if self.micro_sequences == Some(0) {
            return bad("sequences per micro-batch", "0".into(), "give at least 1, or leave it out");
        }
        if !(0.0..=1.0).contains(&self.final_ratio) {
            let expected = "give a share of the peak between 0 and 1, for example 0.1";
            return bad("final ratio", self.final_ratio.to_string(), expected);
        }
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            return bad(
                "learning rate",
                self.learning_rate.to_string(),
                "give a positive number, for example 2e-3",
            );
        }
        if !(self.weight_decay.is_finite() && self.weight_decay >= 0.0) {
            return bad("weight decay", self.weight_decay.to_string(), "give 0 or a positive number");
        }
        if let Some(limit) = self.clip_norm.filter(|limit| !(limit.is_finite() && *limit > 0.0)) {
            return bad("clip", limit.to_string(), "give the gradient's largest norm, for example 1");
        }
        if !(self.epsilon.is_finite() && self.epsilon > 0.0) {
            return bad(
                "epsilon",
                self.epsilon.to_string(),
                "give a small positive number, for example 1e-8",
            );
        }
        for (field, beta) in [("beta1", self.beta1), ("beta2", self.beta2)] {
            if !(0.0..1.0).contains(&beta) {
                return bad(field, beta.to_string(), "give a number from 0 to below 1, for example 0.9");
            }
        }
        Ok(())
    }

    /// Fields in which two settings differ, as `field: then → now`.
    pub fn difference(&self, now: &Self) -> Option<String> {
        let fields = |config: &Self| match serde_json::to_value(config) {
            Ok(serde_json::Value::Object(fields)) => fields,
            _ => serde_json::Map::new(),
        };
        let (then, now) = (fields(self), fields(now));
        // What is not written is what older settings did not know: none, off or zero.
        let names: std::collections::BTreeSet<&String> = then.keys().chain(now.keys()).collect();
        let shown = |value: Option<&serde_json::Value>| value.map_or("none".into(), ToString::to_string);
        let changed: Vec<String> = names
            .into_iter()
            .filter(|name| then.get(*name) != now.get(*name))
            .map(|name| format!("{name}: {} → {}", shown(then.get(name)), shown(now.get(name))))
            .collect();
        if changed.is_empty() { None } else { Some(changed.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_then_falls_to_nearly_zero() {
        let config = TrainConfig { steps: 100, warmup_steps: 10, learning_rate: 1.0, ..Default::default() };
        assert_eq!(config.learning_rate_at(5), 0.5);
        assert_eq!(config.learning_rate_at(10), 1.0);
        assert_eq!(config.learning_rate_at(11), 1.0);
        assert!(config.learning_rate_at(100) < 0.001);
    }

    #[test]
    fn what_would_spoil_the_weights_is_refused() {
        let good = TrainConfig::default();
        assert!(good.check().is_ok());
        for bad in [
            TrainConfig { weight_decay: f64::NAN, ..good.clone() },
            TrainConfig { weight_decay: -0.1, ..good.clone() },
            TrainConfig { clip_norm: Some(f64::NAN), ..good.clone() },
            TrainConfig { clip_norm: Some(0.0), ..good.clone() },
            TrainConfig { epsilon: 0.0, ..good.clone() },
            TrainConfig { beta2: 1.0, ..good.clone() },
            TrainConfig { learning_rate: f64::INFINITY, ..good.clone() },
            TrainConfig { tokens_per_step: Some(0), ..good.clone() },
            TrainConfig { micro_sequences: Some(0), ..good.clone() },
            TrainConfig { final_ratio: 1.5, ..good.clone() },
        ] {
            assert!(matches!(bad.check(), Err(TrainError::Config { .. })), "{bad:?}");
        }
    }

    #[test]
    fn a_difference_names_the_field() {
        let config = TrainConfig::default();
        let other = TrainConfig { seed: 5, ..config.clone() };
        assert_eq!(config.difference(&config), None);
        assert_eq!(config.difference(&other).unwrap(), "seed: 0 → 5");
        let other = TrainConfig { tokens_per_step: Some(9), ..config.clone() };
        assert_eq!(config.difference(&other).unwrap(), "tokens_per_step: none → 9");
        assert_eq!(other.difference(&config).unwrap(), "tokens_per_step: 9 → none");
    }

    #[test]
    fn the_published_run_is_two_billion_tokens() {
        let config = TrainConfig::published();
        config.check().unwrap();
        assert_eq!(u64::from(config.steps) * config.tokens_per_step.unwrap(), 2_000_000_000);
        assert_eq!(config.learning_rate_at(60), 5e-5);
        assert!((config.learning_rate_at(2_000) - 5e-6).abs() < 1e-9);
    }

    /// Settings as they were written before accumulation and checkpointing were there.
    #[test]
    fn older_settings_are_read_and_written_alike() {
        let text = r#"{"steps":3,"sequences_per_step":2,"learning_rate":0.001,"warmup_steps":0,"schedule":"constant",
            "beta1":0.9,"beta2":0.95,"epsilon":1e-8,"weight_decay":0.0,"clip_norm":null,"seed":7}"#;
        let config: TrainConfig = serde_json::from_str(text).unwrap();
        assert_eq!((config.tokens_per_step, config.activation_checkpointing), (None, false));
        let fields = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(fields(&serde_json::to_string(&config).unwrap()), fields(text));
    }
}
