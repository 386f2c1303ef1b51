//! The recipe's types and defaults.

use serde::{Deserialize, Serialize};

use crate::glob;

/// What to merge, and how: the one description that a file, a link and the programs share.
///
/// In the equations Θo is [`base_model`](Self::base_model), Θ_{A,L0} is [`ability`](Self::ability), Θ_{L0} is
/// [`reference`](Self::reference), and Θ_{Li}, μᵢ are the [`languages`](Self::languages). A `model` is a Hugging Face
/// folder, one safetensors file, a sparse delta, or a pack's entry; whoever loads it says which.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The schema's version: [`Recipe::VERSION`].
    pub version: u32,
    /// Which formula joins the models.
    pub merge_method: MergeMethod,
    /// Θo, the backbone that all the other models were trained from.
    pub base_model: String,
    /// Θ_{A,L0}, trained on the ability corpus and the reference language.
    pub ability: ModelRef,
    /// Θ_{L0}, trained on the reference language alone.
    pub reference: ModelRef,
    /// Θ_{L1}…Θ_{Ln} with their weights, in the order of Eq. 3's sum. May be empty: then R_Lang is zero.
    pub languages: Vec<LanguageModel>,
    /// The scalars of the equations.
    #[serde(default)]
    pub parameters: Parameters,
    /// Patterns that override Eq. 4's choice of tensors.
    #[serde(default)]
    pub select: Select,
    /// The merged tensors' dtype; the base's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_dtype: Option<OutDtype>,
}

impl Recipe {
    /// The schema's version that this crate reads and writes.
    pub const VERSION: u32 = 1;
}

/// Which formula joins the models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MergeMethod {
    /// `maec`: Eq. 2–5.
    Maec,
    /// `task_vector`: Θo + λ\[(Θ_{A,L0} − Θo) + Σ μᵢ(Θ_{Li} − Θo)\]; [`Recipe::reference`] and all other parameters
    /// than λ do not matter.
    TaskVector,
}

/// A model by its location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelRef {
    /// Where the model is.
    pub model: String,
}

/// A target language's model and weight.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LanguageModel {
    /// The language's code (`es`), unique in the recipe.
    pub name: String,
    /// Where Θ_{Li} is.
    pub model: String,
    /// μᵢ of Eq. 3: R_Lang = Σᵢ μᵢ·(Θ_{Li} − Θo). The paper has 1.5 for Spanish and 1.2 for Bengali and Telugu.
    pub weight: f64,
}

/// The scalars of the equations. A parameter that a recipe leaves out takes its default.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Parameters {
    /// α of Eq. 2: R(A) = α·(Θ_{A,L0} − Θo) − β·(Θ_{L0} − Θo). Default 0.8, the paper's.
    pub alpha: f64,
    /// β of Eq. 2, how much of the reference language is taken out of the ability. Default 0.2, the paper's.
    pub beta: f64,
    /// γ of Eq. 5: τ̃ = τo + γ·R(A)\[τ\] + η·R_Lang\[τ\] for τ ∈ 𝒯, else τo + R_Lang\[τ\]. Default 1.5, which suits small
    /// models; the paper has 0.2 for models of billions of parameters.
    pub gamma: f64,
    /// η of Eq. 5, the languages' weight in selected tensors (in the others it is always 1). Default 1.0, the paper's.
    pub eta: f64,
    /// k₂ of Eq. 4 as a fraction: 𝒯 is the last k₂ of all tensors when ranked by
    /// S(τ) = cos(R(A)\[τ\], R_Lang\[τ\]), descending. Default 0.8, the paper's for mathematics (0.6 for science).
    pub k2: f64,
    /// λ of [`MergeMethod::TaskVector`]. Default 0.5.
    pub lambda: f64,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { alpha: 0.8, beta: 0.2, gamma: 1.5, eta: 1.0, k2: 0.8, lambda: 0.5 }
    }
}

/// Patterns over tensor names that override Eq. 4's choice; see [`glob`] for their syntax.
///
/// They change 𝒯 after the ranking: a tensor forced in does not push another out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Select {
    /// A tensor that matches one of these is in 𝒯, unless it is excluded.
    pub include: Vec<String>,
    /// A tensor that matches one of these is not in 𝒯.
    pub exclude: Vec<String>,
}

impl Select {
    /// Whether a tensor is forced into 𝒯 (`Some(true)`), out of it (`Some(false)`), or left to Eq. 4 (`None`).
    pub fn forced(&self, tensor: &str) -> Option<bool> {
        let any = |patterns: &[String]| patterns.iter().any(|pattern| glob::matches(pattern, tensor));
        if any(&self.exclude) {
            Some(false)
        } else if any(&self.include) {
            Some(true)
        } else {
            None
        }
    }
}

/// The dtype that merged tensors are stored in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutDtype {
    /// `float32`.
    Float32,
    /// `float16`.
    Float16,
    /// `bfloat16`.
    Bfloat16,
}
