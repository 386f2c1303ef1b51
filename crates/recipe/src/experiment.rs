//! The experiment: a recipe for one pack, what is evaluated, and what is looked at.

use serde::{Deserialize, Serialize};

use crate::Recipe;
use crate::link::LinkError;

/// Everything that a [`link`](crate::link) restores.
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

    /// Whether a text can be a pack's id: 16 lower-case hex digits.
    pub fn is_pack_id(text: &str) -> bool {
        text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    }

    /// Checks everything that a link can say.
    ///
    /// # Errors
    ///
    /// The first thing found wrong: the pack's id, the recipe, the number of problems, the focused tensor.
    pub fn validate(&self) -> Result<(), LinkError> {
        if !Self::is_pack_id(&self.pack) {
            return Err(LinkError::NoPack);
        }
        self.recipe.validate()?;
        let value = self.evaluation.problems_per_language;
        if !(1..=Evaluation::MAX_PROBLEMS).contains(&value) {
            return Err(LinkError::Problems { value });
        }
        match &self.view.focused_tensor {
            Some(name) if !View::can_focus(name) => Err(LinkError::FocusedTensor),
            _ => Ok(()),
        }
    }
}

/// What is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// The first so many test problems of every language, at least 1; a pack that has fewer gives all it has.
    /// Default 100.
    pub problems_per_language: u32,
}

impl Evaluation {
    /// More problems than any pack has.
    pub const MAX_PROBLEMS: u32 = 100_000;
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
    /// What the results' bars show.
    pub results_metric: ResultsMetric,
}

impl View {
    /// Whether a text can be a tensor's name: not empty, at most 512 bytes, no control characters.
    fn can_focus(name: &str) -> bool {
        (1..=512).contains(&name.len()) && !name.chars().any(char::is_control)
    }
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
    /// The share of right answers, 0–1.
    #[default]
    Accuracy,
    /// Held-out perplexity.
    Perplexity,
}
