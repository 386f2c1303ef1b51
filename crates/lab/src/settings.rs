//! Sizes, steps and rates of the workshop experiment.

use maec_model::ModelConfig;
use maec_world::{Abilities, END_ID, Numbers, PAD_ID, START_ID, WorldConfig};
use serde::{Deserialize, Serialize};

use crate::{LabError, RunSettings, TARGETS};

/// Everything about the workshop's trainings but the seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LabSettings {
    /// d_model.
    pub width: usize,
    /// Width of the MLP.
    pub mlp: usize,
    /// Decoder layers.
    pub layers: usize,
    /// Attention heads.
    pub heads: usize,
    /// Steps that make the base.
    pub base_steps: u32,
    /// Steps of every run on the ability (and of the reference language's beside it).
    pub ability_steps: u32,
    /// Steps of every run on one language's general text.
    pub language_steps: u32,
    /// Steps of the short runs that rank the neurons of the ability and of English by Eq. 1.
    pub neuron_steps: u32,
    /// Steps of the short runs that rank the target languages' neurons.
    pub language_neuron_steps: u32,
    /// Sequences a step of the base's training.
    pub batch: u32,
    /// Sequences a step of every run that starts from the base.
    pub continual_batch: u32,
    /// Peak learning rate of the base.
    pub base_rate: f64,
    /// Peak learning rate of the runs that rank the neurons of the ability and of English.
    pub neuron_rate: f64,
    /// Peak learning rate of masked runs with the ability corpus, and of the reference language's run.
    pub ability_rate: f64,
    /// Tokens of the ability for one of English general text where the two are mixed.
    pub ability_weight: f64,
    /// Peak learning rate of all parameters on the ability corpus (F-CPT_A, F-TV).
    pub full_rate: f64,
    /// Peak learning rate of the languages' runs.
    pub language_rate: f64,
    /// r of low-rank factors, on every linear layer, with α = 2r.
    pub lora_rank: usize,
    /// Peak learning rate of low-rank factors on the ability.
    pub lora_rate: f64,
    /// Peak learning rate of low-rank factors on languages.
    pub lora_language_rate: f64,
    /// AdamW's ε in every run that starts from the base. Far below the ability's gradients (about 1e-4) and above those
    /// that a softmax sends to words of other languages, which AdamW would otherwise blow up to full steps.
    pub epsilon: f64,
    /// AdamW's β₂ in every run that starts from the base.
    pub beta2: f64,
    /// k₁: share of all parameters that are key neurons.
    pub k1: f64,
    /// Shares of en, es, zh, bn, te in the base mix, per mille.
    pub base_languages: [u32; 5],
    /// Ability problems in the base mix, per mille.
    pub base_ability: u32,
    /// How numbers become tokens.
    pub numbers: Numbers,
    /// Held-out texts of every language.
    pub heldout: u32,
    /// What the world teaches; written only where it is more than arithmetic.
    #[serde(skip_serializing_if = "is_arithmetic")]
    pub abilities: Abilities,
}

fn is_arithmetic(abilities: &Abilities) -> bool {
    *abilities == Abilities::Arithmetic
}

impl Default for LabSettings {
    fn default() -> Self {
        Self {
            width: 128,
            mlp: 344,
            layers: 4,
            heads: 4,
            base_steps: 2000,
            ability_steps: 400,
            language_steps: 120,
            neuron_steps: 200,
            language_neuron_steps: 60,
            batch: 64,
            continual_batch: 64,
            base_rate: 2e-3,
            neuron_rate: 2e-3,
            ability_rate: 3e-3,
            ability_weight: 3.0,
            full_rate: 1.5e-3,
            language_rate: 2e-4,
            lora_rank: 8,
            lora_rate: 3e-3,
            lora_language_rate: 1e-3,
            epsilon: 1e-5,
            beta2: 0.999,
            k1: 0.05,
            base_languages: [400, 200, 200, 100, 100],
            base_ability: 80,
            numbers: Numbers::Whole,
            heldout: 400,
            abilities: Abilities::Arithmetic,
        }
    }
}

impl LabSettings {
    /// What the paper's tables are reproduced with: both abilities, and half as many sequences a step after the base, so that one
    /// seed's some eighty trainings stay under an hour on two cores.
    pub fn paper() -> Self {
        Self { abilities: Abilities::Both, continual_batch: 32, ..Self::default() }
    }

    /// A few steps of everything: whether all parts run, not what comes out.
    pub fn quick() -> Self {
        Self {
            width: 32,
            mlp: 64,
            layers: 2,
            heads: 2,
            base_steps: 20,
            ability_steps: 6,
            language_steps: 3,
            neuron_steps: 3,
            language_neuron_steps: 2,
            batch: 8,
            continual_batch: 4,
            heldout: 6,
            ..Self::paper()
        }
    }

    /// Refuses what no workshop can be held with.
    ///
    /// # Errors
    /// When a setting is out of its range.
    pub fn check(&self) -> Result<(), LabError> {
        let steps = [self.base_steps, self.ability_steps, self.language_steps];
        let neuron_steps = [self.neuron_steps, self.language_neuron_steps];
        let batches = [("batch", self.batch), ("continual_batch", self.continual_batch)];
        let wrong = if let Some((name, batch)) = batches.iter().find(|(_, batch)| !(1..=1024).contains(batch))
        {
            format!("{name} is {batch}: give 1 to 1024")
        } else if let Some(steps) =
            steps.iter().chain(&neuron_steps).find(|steps| !(1..=100_000).contains(*steps))
        {
            format!("a run has {steps} steps: give 1 to 100000")
        } else if self.heads == 0 || !self.width.is_multiple_of(self.heads) {
            format!("heads is {}: give a divisor of the width {}", self.heads, self.width)
        } else {
            return Ok(());
        };
        Err(LabError::Settings(wrong))
    }

    /// Steps of MAEC's masked trainings together (Θ_{A,L0}, Θ_{L0}, every Θ_{Li}), which every other row of Table 2 has too.
    pub fn budget(&self) -> u32 {
        RunSettings::from(self).budget(TARGETS.len())
    }

    /// The model these settings train.
    pub fn model(&self, vocab_size: usize) -> ModelConfig {
        ModelConfig {
            vocab_size,
            hidden_size: self.width,
            intermediate_size: self.mlp,
            num_hidden_layers: self.layers,
            num_attention_heads: self.heads,
            num_key_value_heads: self.heads,
            head_dim: self.width / self.heads,
            rms_norm_eps: 1e-5,
            rope_theta: 10_000.0,
            max_position_embeddings: 128,
            tie_word_embeddings: true,
            bos_token_id: Some(START_ID),
            eos_token_ids: vec![END_ID],
            rope_scaling: None,
            family: Default::default(),
            variant: Default::default(),
            pad_token_id: Some(PAD_ID),
        }
    }

    /// The world these settings live in.
    pub fn world(&self, seed: u64) -> WorldConfig {
        WorldConfig {
            seed,
            base_documents: self.base_steps * self.batch,
            general_documents: self.ability_steps.max(self.language_steps) * self.continual_batch / 2,
            ability_documents: self.ability_steps * self.continual_batch,
            heldout_documents: self.heldout,
            base_language_weights: self.base_languages,
            base_ability_per_mille: self.base_ability,
            numbers: self.numbers,
            abilities: self.abilities,
            ..WorldConfig::default()
        }
    }
}
