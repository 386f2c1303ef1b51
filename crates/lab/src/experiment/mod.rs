//! An experiment on models and texts from files, as a YAML file says it.

mod count;
mod error;
mod evaluation;
mod text;

use std::collections::BTreeMap;
use std::path::PathBuf;

use maec_recipe::Parameters;
use maec_train::{ALL_LINEAR, LoraConfig, Schedule, TrainConfig};
use serde::{Deserialize, Serialize};

use crate::extraction::LanguageVectors;
use crate::run::Form;
pub use error::ExperimentError;
pub use evaluation::{Benchmark, Evaluation};
pub(crate) use text::recipe;

/// What is trained from what. Left out settings are the paper's (Table 5), see [`Training`] and [`Scalars`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// The schema's version: [`Experiment::VERSION`].
    pub version: u32,
    /// Θo: a folder, from the file's own folder, or `org/name@revision` on the hub.
    pub base_model: String,
    /// L0's code.
    pub reference: String,
    /// C_L by language code, L0's among them: folders that `maec corpus prepare` wrote, from the file's own folder.
    pub general: BTreeMap<String, PathBuf>,
    /// L1…Ln in Eq. 3's order.
    pub languages: Vec<TargetLanguage>,
    /// The abilities, each an experiment of its own on the same languages.
    pub abilities: Vec<AbilityCorpora>,
    /// k₁: share of all parameters that are key neurons.
    #[serde(default = "k1")]
    pub k1: f64,
    /// What Eq. 1 ranks by: `change`, the paper's approximation, or `gradient`.
    #[serde(default)]
    pub importance: Form,
    /// What Θ_{A,L0} learns from: `mixture` with C_{L0}, as the paper's text has it, or `alone`, as its Algorithm 1 has it.
    #[serde(default)]
    pub ability_corpus: AbilityCorpus,
    /// Tokens of the ability for one of C_{L0} in the mixture.
    #[serde(default = "one")]
    pub ability_weight: f64,
    /// What R(Lᵢ) is: `plain`, Θ_{Li} − Θo, or `two_term`, α(Θ_{Li} − Θo) − β(Θ_{L0} − Θo).
    #[serde(default, skip_serializing_if = "LanguageVectors::is_plain")]
    pub language_vectors: LanguageVectors,
    /// Every training.
    #[serde(default)]
    pub training: Training,
    /// What differs in the trainings that Eq. 1 ranks neurons by.
    #[serde(default)]
    pub neurons: NeuronRuns,
    /// Low-rank factors, for baselines.
    #[serde(default)]
    pub lora: Lora,
    /// Eq. 2–5.
    #[serde(default)]
    pub parameters: Scalars,
    /// What its models are asked, for the paper's tables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluation: Option<Evaluation>,
}

fn k1() -> f64 {
    0.05
}

fn one() -> f64 {
    1.0
}

/// Lᵢ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetLanguage {
    /// Its code; also what its files are called.
    pub name: String,
    /// μᵢ of Eq. 3.
    pub weight: f64,
}

/// An ability's texts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AbilityCorpora {
    /// What it is called.
    pub name: String,
    /// C_{L0,A}, a prepared folder.
    pub corpus: PathBuf,
    /// The same corpus in other languages, by code, for the baselines that train on translations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub translated: BTreeMap<String, PathBuf>,
    /// k₂ for this ability, where it has its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub k2: Option<f64>,
}

/// What Θ_{A,L0} learns from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AbilityCorpus {
    /// C_{L0,A} ∪ C_{L0}.
    #[default]
    Mixture,
    /// C_{L0,A}.
    Alone,
}

/// The trainings' settings. The defaults are [`TrainConfig::published`]'s.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Training {
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Predicted tokens a step, at least.
    #[serde(deserialize_with = "count::deserialize")]
    pub tokens_per_step: u64,
    /// Predicted tokens of a training.
    #[serde(deserialize_with = "count::deserialize")]
    pub tokens: u64,
    /// Tokens of a window; without it 1,024, or the model's positions where these are fewer.
    pub seq_len: Option<usize>,
    /// Share of the steps over which the rate rises from zero.
    pub warmup: f64,
    /// What follows: `cosine` or `constant`.
    pub schedule: Schedule,
    /// What a cosine ends at, as a share of the peak.
    pub final_ratio: f64,
    /// AdamW's β₁.
    pub beta1: f64,
    /// AdamW's β₂.
    pub beta2: f64,
    /// AdamW's ε.
    pub epsilon: f64,
    /// Decoupled weight decay, of trained elements.
    pub weight_decay: f64,
    /// Largest norm of the gradient; `null` does not clip.
    pub clip_norm: Option<f64>,
    /// Seed of the data's order.
    pub seed: u64,
    /// Sequences of one forward and backward pass; `null` takes the whole step's.
    pub micro_sequences: Option<u32>,
    /// Whether the layers' inputs alone are kept for the backward pass.
    pub activation_checkpointing: bool,
    /// Whether a bf16 model's matrices are held as they are stored, with f32 masters of what is trained.
    pub bf16: bool,
    /// Steps between the checkpoints of an unfinished training.
    pub checkpoint_every: u32,
}

impl Default for Training {
    fn default() -> Self {
        let published = TrainConfig::published();
        let tokens_per_step = published.tokens_per_step.unwrap_or(1_000_000);
        Self {
            learning_rate: published.learning_rate,
            tokens_per_step,
            tokens: u64::from(published.steps) * tokens_per_step,
            seq_len: None,
            warmup: f64::from(published.warmup_steps) / f64::from(published.steps),
            schedule: published.schedule,
            final_ratio: published.final_ratio,
            beta1: published.beta1,
            beta2: published.beta2,
            epsilon: published.epsilon,
            weight_decay: published.weight_decay,
            clip_norm: published.clip_norm,
            seed: published.seed,
            micro_sequences: published.micro_sequences,
            activation_checkpointing: published.activation_checkpointing,
            bf16: false,
            checkpoint_every: 50,
        }
    }
}

impl Training {
    /// The steps that so many tokens are.
    pub fn steps(&self, tokens: u64) -> u32 {
        u32::try_from(tokens.div_ceil(self.tokens_per_step.max(1))).unwrap_or(u32::MAX)
    }

    /// The settings of a run with these steps and this peak rate.
    pub fn config(&self, steps: u32, rate: f64) -> TrainConfig {
        TrainConfig {
            steps,
            sequences_per_step: 1,
            tokens_per_step: Some(self.tokens_per_step),
            micro_sequences: self.micro_sequences,
            activation_checkpointing: self.activation_checkpointing,
            learning_rate: rate,
            warmup_steps: (f64::from(steps) * self.warmup).round() as u32,
            schedule: self.schedule,
            final_ratio: self.final_ratio,
            beta1: self.beta1,
            beta2: self.beta2,
            epsilon: self.epsilon,
            weight_decay: self.weight_decay,
            clip_norm: self.clip_norm,
            seed: self.seed,
        }
    }
}

/// What differs in the trainings of Eq. 1; what is left out is [`Training`]'s. A sample of the corpus does, says the paper.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NeuronRuns {
    /// Predicted tokens of a training.
    #[serde(deserialize_with = "count::deserialize_some", skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Peak learning rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
}

/// Low-rank factors. The paper does not say its own; these are rank 8 on every linear layer, with α = 16.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lora {
    /// r.
    pub rank: usize,
    /// α; the factors' scale is α/r.
    pub alpha: f64,
    /// Names of linear layers, or `all-linear` alone.
    pub targets: Vec<String>,
    /// Peak learning rate; [`Training`]'s where there is none.
    pub learning_rate: Option<f64>,
}

impl Default for Lora {
    fn default() -> Self {
        Self { rank: 8, alpha: 16.0, targets: vec![ALL_LINEAR.to_owned()], learning_rate: None }
    }
}

impl Lora {
    /// As a trainer takes it.
    pub fn config(&self) -> LoraConfig {
        LoraConfig { rank: self.rank, alpha: self.alpha, targets: self.targets.clone() }
    }
}

/// The scalars of Eq. 2–5. The defaults are the paper's, for models of billions of parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scalars {
    /// α of Eq. 2.
    pub alpha: f64,
    /// β of Eq. 2.
    pub beta: f64,
    /// γ of Eq. 5.
    pub gamma: f64,
    /// η of Eq. 5.
    pub eta: f64,
    /// k₂ of Eq. 4, where an ability has none of its own.
    pub k2: f64,
    /// λ of the task vector.
    pub lambda: f64,
}

impl Default for Scalars {
    fn default() -> Self {
        let Parameters { alpha, beta, eta, k2, lambda, .. } = Parameters::default();
        Self { alpha, beta, gamma: 0.2, eta, k2, lambda }
    }
}

impl Experiment {
    /// The schema's version that this crate reads.
    pub const VERSION: u32 = 1;

    /// An ability by its name.
    pub fn ability(&self, name: &str) -> Option<&AbilityCorpora> {
        self.abilities.iter().find(|ability| ability.name == name)
    }

    /// Eq. 2–5's scalars for an ability.
    pub fn scalars(&self, ability: &AbilityCorpora) -> Parameters {
        let Scalars { alpha, beta, gamma, eta, k2, lambda } = self.parameters;
        Parameters { alpha, beta, gamma, eta, k2: ability.k2.unwrap_or(k2), lambda }
    }
}
