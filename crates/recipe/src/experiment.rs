//! The experiment: a recipe for one pack, what is evaluated, and what is looked at.

use serde::{Deserialize, Serialize};

use crate::Recipe;

/// Everything that a link restores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// The pack's id: the first 16 hex digits (lower case) of its manifest's SHA-256.
    pub pack: String,
    /// What is merged.
    pub recipe: Recipe,
    /// What is evaluated.
    pub evaluation: Evaluation,
    /// What is looked at.
    pub view: View,
}

impl Experiment {
    /// The experiment that a pack opens with, and that its links are differences from: the pack's default recipe
    /// with the default evaluation and view. Published links rely on those defaults, so they never change.
    pub fn preset(pack: impl Into<String>, recipe: Recipe) -> Self {
        Self { pack: pack.into(), recipe, evaluation: Evaluation::default(), view: View::default() }
    }
}

/// What is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// The first so many test problems of every language, at least 1. Default 100.
    pub problems_per_language: u32,
}

impl Default for Evaluation {
    fn default() -> Self {
        Self { problems_per_language: 100 }
    }
}

/// What is looked at. The theme is personal and not part of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct View {
    /// The open tab.
    pub tab: Tab,
    /// The tensor that is explained, by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub focused_tensor: Option<String>,
    /// The results' bars.
    pub results_metric: ResultsMetric,
}

/// The studio's tabs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tab {
    /// The tensor map.
    #[default]
    Tensors,
    /// Accuracy and perplexity.
    Results,
    /// The prompt box.
    Try,
}

/// What the results' bars show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResultsMetric {
    /// Answers that are right, 0–1.
    #[default]
    Accuracy,
    /// Held-out perplexity.
    Perplexity,
}
