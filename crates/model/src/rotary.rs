//! Angles of the rotary position embedding, plain and stretched for long contexts.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::config::{ConfigError, ModelConfig, unsupported};

/// How rotary frequencies are stretched, as transformers names it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RopeScaling {
    /// Every frequency divided by `factor`.
    Linear {
        /// The divisor.
        factor: f64,
    },
    /// LLaMA 3.1: low frequencies divided by `factor`, high ones kept, those between blended.
    Llama3 {
        /// The divisor of low frequencies.
        factor: f64,
        /// Wavelengths above `original / low` are low frequencies.
        low_freq_factor: f64,
        /// Wavelengths below `original / high` are high frequencies.
        high_freq_factor: f64,
        /// Positions of the model before it was stretched.
        original_max_position_embeddings: f64,
    },
}

impl RopeScaling {
    /// Reads `rope_scaling` (transformers 4) or `rope_parameters` (5); `None` where the angles are plain.
    pub(crate) fn read(field: &'static str, value: &Value) -> Result<Option<Self>, ConfigError> {
        if value.is_null() {
            return Ok(None);
        }
        let kind = value["rope_type"].as_str().or_else(|| value["type"].as_str()).unwrap_or("default");
        let number = |name: &str| match value[name].as_f64() {
            Some(number) if number > 0.0 && number.is_finite() => Ok(number),
            _ => Err(unsupported(field, value, "expected positive factors")),
        };
        match kind {
            "default" => Ok(None),
            "linear" => Ok(Some(Self::Linear { factor: number("factor")? })),
            "llama3" => {
                let scaling = Self::Llama3 {
                    factor: number("factor")?,
                    low_freq_factor: number("low_freq_factor")?,
                    high_freq_factor: number("high_freq_factor")?,
                    original_max_position_embeddings: number("original_max_position_embeddings")?,
                };
                match scaling {
                    Self::Llama3 { low_freq_factor: low, high_freq_factor: high, .. } if high <= low => {
                        Err(unsupported(field, value, "expected high_freq_factor above low_freq_factor"))
                    }
                    _ => Ok(Some(scaling)),
                }
            }
            _ => Err(unsupported(field, value, "expected the type default, linear or llama3")),
        }
    }

    /// As transformers 4 writes it in `rope_scaling`.
    pub(crate) fn to_json(self) -> Value {
        match self {
            Self::Linear { factor } => json!({ "rope_type": "linear", "factor": factor }),
            Self::Llama3 {
                factor,
                low_freq_factor,
                high_freq_factor,
                original_max_position_embeddings: original,
            } => json!({
                "rope_type": "llama3",
                "factor": factor,
                "low_freq_factor": low_freq_factor,
                "high_freq_factor": high_freq_factor,
                "original_max_position_embeddings": original,
            }),
        }
    }

    fn stretch(&self, frequency: f64) -> f64 {
        match *self {
            Self::Linear { factor } => frequency / factor,
            Self::Llama3 {
                factor,
                low_freq_factor: low,
                high_freq_factor: high,
                original_max_position_embeddings: original,
            } => {
                let wavelength = std::f64::consts::TAU / frequency;
                if wavelength < original / high {
                    frequency
                } else if wavelength > original / low {
                    frequency / factor
                } else {
                    let smooth = (original / wavelength - low) / (high - low);
                    (1.0 - smooth) * frequency / factor + smooth * frequency
                }
            }
        }
    }
}

/// Angle a position of every pair of dimensions: `[head_dim / 2]`, θ^(−2i / head_dim), then stretched.
///
/// Frequencies are rounded to f32, as the reference implementations do.
pub fn frequencies(theta: f64, head_dim: usize, scaling: Option<RopeScaling>) -> Vec<f32> {
    let plain = (0..head_dim / 2).map(|i| (1.0 / theta.powf(2.0 * i as f64 / head_dim as f64)) as f32);
    match scaling {
        None => plain.collect(),
        Some(scaling) => plain.map(|frequency| scaling.stretch(f64::from(frequency)) as f32).collect(),
    }
}

impl ModelConfig {
    pub(crate) fn frequencies(&self) -> Vec<f32> {
        frequencies(self.rope_theta, self.head_dim, self.rope_scaling)
    }
}
