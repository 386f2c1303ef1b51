//! Settings of a training run.

use serde::{Deserialize, Serialize};

use crate::error::TrainError;

/// How the learning rate goes on after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Stays.
    Constant,
    /// Falls to zero along half a cosine.
    Cosine,
}

/// AdamW and the loop around it. Weight decay is applied to trained elements only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainConfig {
    /// Optimizer steps.
    pub steps: u32,
    /// Sequences a step.
    pub sequences_per_step: u32,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Steps over which the rate rises from zero.
    pub warmup_steps: u32,
    /// What follows.
    pub schedule: Schedule,
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

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            steps: 400,
            sequences_per_step: 64,
            learning_rate: 2e-3,
            warmup_steps: 20,
            schedule: Schedule::Cosine,
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
                self.learning_rate * 0.5 * (1.0 + (std::f64::consts::PI * done.clamp(0.0, 1.0)).cos())
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
        let fields = |config: &Self| serde_json::to_value(config).expect("settings always serialise");
        let (then, now) = (fields(self), fields(now));
        let changed: Vec<String> = then
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(field, value)| now[field.as_str()] != **value)
            .map(|(field, value)| format!("{field}: {value} → {}", now[field.as_str()]))
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
    }
}
