//! Steps, rates and shares of the paper's runs, wherever they stand.

use maec_train::{ALL_LINEAR, LoraConfig};

use crate::experiment::{AbilityCorpus, Experiment};
use crate::run::{Form, Trains};
use crate::settings::LabSettings;

/// Which parameters a baseline trains: the paper's F and L.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// All parameters.
    Full,
    /// Low-rank factors.
    Lora,
}

impl Way {
    /// `F` or `L`.
    pub fn letter(self) -> char {
        match self {
            Self::Full => 'F',
            Self::Lora => 'L',
        }
    }
}

/// Steps, rates and shares of the paper's runs.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSettings {
    /// Steps of every run on the ability, and of the reference language's beside it.
    pub ability_steps: u32,
    /// Steps of every run on one target language's general text.
    pub language_steps: u32,
    /// Steps of the runs that rank the neurons of the ability and of the reference language.
    pub neuron_steps: u32,
    /// Steps of the runs that rank a target language's neurons.
    pub language_neuron_steps: u32,
    /// Peak learning rate of the runs that rank the neurons of the ability and of the reference language.
    pub neuron_rate: f64,
    /// Peak learning rate of the runs that rank a target language's neurons.
    pub language_neuron_rate: f64,
    /// Peak learning rate of masked runs with the ability's corpus, and of the reference language's run.
    pub ability_rate: f64,
    /// Peak learning rate of all parameters on the ability's corpus.
    pub full_rate: f64,
    /// Peak learning rate of the languages' runs, masked or of all parameters.
    pub language_rate: f64,
    /// Low-rank factors of the baselines.
    pub lora: LoraConfig,
    /// Peak learning rate of low-rank factors on the ability.
    pub lora_rate: f64,
    /// Peak learning rate of low-rank factors on languages.
    pub lora_language_rate: f64,
    /// k₁: share of all parameters that are key neurons.
    pub k1: f64,
    /// What Eq. 1 ranks by.
    pub form: Form,
    /// What Θ_{A,L0} learns from.
    pub ability_corpus: AbilityCorpus,
    /// Tokens of the ability for one of C_{L0} where the two are mixed.
    pub ability_weight: f64,
}

impl From<&LabSettings> for RunSettings {
    fn from(world: &LabSettings) -> Self {
        Self {
            ability_steps: world.ability_steps,
            language_steps: world.language_steps,
            neuron_steps: world.neuron_steps,
            language_neuron_steps: world.language_neuron_steps,
            neuron_rate: world.neuron_rate,
            language_neuron_rate: world.language_rate,
            ability_rate: world.ability_rate,
            full_rate: world.full_rate,
            language_rate: world.language_rate,
            lora: LoraConfig {
                rank: world.lora_rank,
                alpha: 2.0 * world.lora_rank as f64,
                targets: vec![ALL_LINEAR.to_owned()],
            },
            lora_rate: world.lora_rate,
            lora_language_rate: world.lora_language_rate,
            k1: world.k1,
            form: Form::Change,
            ability_corpus: AbilityCorpus::Mixture,
            ability_weight: world.ability_weight,
        }
    }
}

impl From<&Experiment> for RunSettings {
    fn from(experiment: &Experiment) -> Self {
        let (training, neurons) = (&experiment.training, &experiment.neurons);
        let steps = training.steps(training.tokens);
        let neuron_steps = training.steps(neurons.tokens.unwrap_or(training.tokens));
        let neuron_rate = neurons.learning_rate.unwrap_or(training.learning_rate);
        let lora_rate = experiment.lora.learning_rate.unwrap_or(training.learning_rate);
        Self {
            ability_steps: steps,
            language_steps: steps,
            neuron_steps,
            language_neuron_steps: neuron_steps,
            neuron_rate,
            language_neuron_rate: neuron_rate,
            ability_rate: training.learning_rate,
            full_rate: training.learning_rate,
            language_rate: training.learning_rate,
            lora: experiment.lora.config(),
            lora_rate,
            lora_language_rate: lora_rate,
            k1: experiment.k1,
            form: experiment.importance,
            ability_corpus: experiment.ability_corpus,
            ability_weight: experiment.ability_weight,
        }
    }
}

impl RunSettings {
    /// Steps of MAEC's masked trainings together (Θ_{A,L0}, Θ_{L0}, Θ_{Li} of so many target languages), which every continual
    /// pre-training of Table 2 has too.
    pub fn budget(&self, targets: usize) -> u32 {
        let targets = u32::try_from(targets).unwrap_or(u32::MAX);
        (2 * self.ability_steps).saturating_add(targets.saturating_mul(self.language_steps))
    }

    pub(super) fn trains(&self, way: Way) -> Trains {
        match way {
            Way::Full => Trains::All,
            Way::Lora => Trains::Lora(self.lora.clone()),
        }
    }

    pub(super) fn ability_rate_of(&self, way: Way) -> f64 {
        match way {
            Way::Full => self.full_rate,
            Way::Lora => self.lora_rate,
        }
    }

    pub(super) fn language_rate_of(&self, way: Way) -> f64 {
        match way {
            Way::Full => self.language_rate,
            Way::Lora => self.lora_language_rate,
        }
    }
}
