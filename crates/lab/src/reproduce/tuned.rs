//! What was chosen on validation problems, before any test problem was asked.

use std::collections::BTreeMap;

use maec_recipe::Parameters;
use serde::{Deserialize, Serialize};

use crate::experiment::Experiment;
use crate::merging::MaecChoice;
use crate::tune::{Method, Tuning};

/// The choices for every ability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tuned {
    /// Validation seeds.
    pub seeds: Vec<u64>,
    /// By ability.
    pub abilities: BTreeMap<String, Choices>,
}

/// One ability's choices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choices {
    /// MAEC's.
    pub maec: MaecChoice,
    /// λ of F-TV; all μ are 1.
    pub full_lambda: f64,
    /// λ of L-TV.
    pub lora_lambda: f64,
}

impl Tuned {
    /// Takes the choice of a search in the place of what is here for its ability and method.
    pub fn take(&mut self, tuning: &Tuning) {
        let Some(choices) = self.abilities.get_mut(&tuning.plan.ability) else { return };
        match tuning.plan.method {
            Method::Maec => choices.maec = tuning.choice,
            Method::FTv => choices.full_lambda = tuning.choice.parameters.lambda,
            Method::LTv => choices.lora_lambda = tuning.choice.parameters.lambda,
        }
        self.seeds.extend(&tuning.plan.seeds);
        self.seeds.sort_unstable();
        self.seeds.dedup();
    }

    /// What merges into so many target languages are made with, by ability.
    pub fn chosen(&self, targets: usize) -> BTreeMap<String, Chosen> {
        self.abilities.iter().map(|(ability, choices)| (ability.clone(), choices.chosen(targets))).collect()
    }

    /// What this repository publishes, found by `maec tune` (docs/reproduce.md has the commands).
    ///
    /// # Errors
    /// When the file that was built in can't be read.
    pub fn published() -> Result<Self, serde_json::Error> {
        serde_json::from_str(include_str!("tuned.json"))
    }
}

/// What one ability's merges are made with, on whatever ground.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chosen {
    /// α, β, γ, η and k₂ of MAEC.
    pub parameters: Parameters,
    /// μ of every target language, in Eq. 3's order.
    pub weights: Vec<f64>,
    /// λ of F-TV; all μ are 1.
    pub full_lambda: f64,
    /// λ of L-TV.
    pub lora_lambda: f64,
}

impl Choices {
    /// For so many target languages.
    pub fn chosen(&self, targets: usize) -> Chosen {
        Chosen {
            parameters: self.maec.parameters,
            weights: vec![self.maec.mu; targets],
            full_lambda: self.full_lambda,
            lora_lambda: self.lora_lambda,
        }
    }
}

impl Chosen {
    /// What an experiment's file says, for each of its abilities.
    pub fn of_experiment(experiment: &Experiment) -> BTreeMap<String, Self> {
        let weights: Vec<f64> = experiment.languages.iter().map(|language| language.weight).collect();
        let chosen = |ability| {
            let parameters = experiment.scalars(ability);
            let lambda = parameters.lambda;
            Self { parameters, weights: weights.clone(), full_lambda: lambda, lora_lambda: lambda }
        };
        experiment.abilities.iter().map(|ability| (ability.name.clone(), chosen(ability))).collect()
    }

    /// Takes the choice of a search in the place of what is here for its method; its one μ is every language's.
    pub fn take(&mut self, tuning: &Tuning) {
        let MaecChoice { parameters, mu } = tuning.choice;
        match tuning.plan.method {
            Method::Maec => {
                self.parameters = parameters;
                self.weights.fill(mu);
            }
            Method::FTv => self.full_lambda = parameters.lambda,
            Method::LTv => self.lora_lambda = parameters.lambda,
        }
    }
}
