//! What a world is made of, and the ways in which a configuration can be wrong.

use crate::Language;
use serde::{Deserialize, Serialize};

/// How numbers become tokens; the text is the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Numbers {
    /// One token a digit: "12" is `1` `2`. What is learned about them in one language hardly reaches the others.
    Digits,
    /// One token a number, 0 to 60.
    #[default]
    Whole,
}

/// What a world teaches beside general text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Abilities {
    /// One-step addition and subtraction, told as story problems.
    #[default]
    Arithmetic,
    /// An invented science of facts, asked for by four-choice questions.
    Science,
    /// Both, each with corpora and problem sets of its own, in one base mix and one vocabulary.
    Both,
}

impl Abilities {
    /// Whether arithmetic is among them.
    pub fn arithmetic(self) -> bool {
        self != Self::Science
    }

    /// Whether the science is among them.
    pub fn science(self) -> bool {
        self != Self::Arithmetic
    }

    /// How many there are.
    pub(crate) fn count(self) -> u32 {
        u32::from(self.arithmetic()) + u32::from(self.science())
    }

    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The configuration of a world. Sizes are independent: a larger corpus starts with the smaller one's documents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorldConfig {
    /// The seed of every stream.
    pub seed: u64,
    /// Documents of the base mix.
    pub base_documents: u32,
    /// Documents of each language's general corpus.
    pub general_documents: u32,
    /// Documents of each ability's corpus.
    pub ability_documents: u32,
    /// Documents of each language's held-out general text.
    pub heldout_documents: u32,
    /// Validation problems of each ability in each language, at most [`WorldConfig::MOST_PROBLEMS`], and
    /// [`WorldConfig::MOST_QUESTIONS`] where the world has a science.
    pub validation_problems: u32,
    /// Test problems of each ability in each language, at most as many.
    pub test_problems: u32,
    /// Shares of the base mix in the order of [`Language::ALL`], per mille; they sum to 1000.
    pub base_language_weights: [u32; 5],
    /// Share of each ability's documents in every language of the base mix, per mille.
    pub base_ability_per_mille: u32,
    /// How numbers become tokens.
    pub numbers: Numbers,
    /// What is taught; written only where it is more than arithmetic.
    #[serde(skip_serializing_if = "Abilities::is_default")]
    pub abilities: Abilities,
    /// Whether the ability corpora are also written in every other language; written only where they are.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub translated: bool,
}

impl WorldConfig {
    /// The most problems in a set: beyond it a set could not avoid repeating itself.
    pub const MOST_PROBLEMS: u32 = 5_000;

    /// The most four-choice questions in a set, for the same reason.
    pub const MOST_QUESTIONS: u32 = 1_000;

    /// Passes only what [`crate::World::new`] accepts.
    pub(crate) fn check(&self) -> Result<(), WorldError> {
        let sizes = [
            ("base_documents", self.base_documents),
            ("general_documents", self.general_documents),
            ("ability_documents", self.ability_documents),
            ("heldout_documents", self.heldout_documents),
            ("validation_problems", self.validation_problems),
            ("test_problems", self.test_problems),
        ];
        if let Some(&(field, _)) = sizes.iter().find(|(_, size)| *size == 0) {
            return Err(WorldError::Empty { field });
        }
        let most = if self.abilities.science() { Self::MOST_QUESTIONS } else { Self::MOST_PROBLEMS };
        if let Some(&(field, given)) = sizes[4..].iter().find(|(_, size)| *size > most) {
            return Err(WorldError::TooManyProblems { field, given, most });
        }
        let sum = self.base_language_weights.iter().map(|&weight| u64::from(weight)).sum();
        if sum != 1000 {
            return Err(WorldError::WeightSum { sum });
        }
        let (given, most) = (self.base_ability_per_mille, 1000 / self.abilities.count());
        if given > most {
            return Err(WorldError::AbilityShare { given, most });
        }
        Ok(())
    }

    /// The share of `language` in the base mix, per mille.
    pub fn base_weight(&self, language: Language) -> u32 {
        self.base_language_weights[language as usize]
    }
}

impl Default for WorldConfig {
    /// The proportions of the first measured world: 2,500 base steps of 64 documents, 8 % of them ability problems.
    fn default() -> Self {
        Self {
            seed: 1,
            base_documents: 2_500 * 64,
            general_documents: 200 * 64,
            ability_documents: 400 * 64,
            heldout_documents: 400,
            validation_problems: 300,
            test_problems: 600,
            base_language_weights: [400, 200, 200, 100, 100],
            base_ability_per_mille: 80,
            numbers: Numbers::Whole,
            abilities: Abilities::Arithmetic,
            translated: false,
        }
    }
}

/// A configuration that makes no world.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorldError {
    /// A corpus or a problem set of size 0.
    #[error("{field} is 0: ask for at least 1")]
    Empty {
        /// The configuration's field.
        field: &'static str,
    },
    /// More problems than differ from each other.
    #[error("{field} is {given}: ask for at most {most}")]
    TooManyProblems {
        /// The configuration's field.
        field: &'static str,
        /// Its value.
        given: u32,
        /// The most that this world's abilities allow.
        most: u32,
    },
    /// Language weights that are no shares of a whole.
    #[error("base_language_weights sum to {sum}: give five weights per mille that sum to 1000")]
    WeightSum {
        /// Their sum.
        sum: u64,
    },
    /// Shares of the abilities above the whole.
    #[error("base_ability_per_mille is {given}: give a share from 0 to {most}")]
    AbilityShare {
        /// The share given, per mille.
        given: u32,
        /// The most for each ability.
        most: u32,
    },
}
