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
    /// Documents of the ability corpus.
    pub ability_documents: u32,
    /// Documents of each language's held-out general text.
    pub heldout_documents: u32,
    /// Validation problems in each language, at most [`WorldConfig::MOST_PROBLEMS`].
    pub validation_problems: u32,
    /// Test problems in each language, at most [`WorldConfig::MOST_PROBLEMS`].
    pub test_problems: u32,
    /// Shares of the base mix in the order of [`Language::ALL`], per mille; they sum to 1000.
    pub base_language_weights: [u32; 5],
    /// Share of ability problems in every language of the base mix, per mille.
    pub base_ability_per_mille: u32,
    /// How numbers become tokens.
    pub numbers: Numbers,
}

impl WorldConfig {
    /// The most problems in a set: beyond it a set could not avoid repeating itself.
    pub const MOST_PROBLEMS: u32 = 5_000;

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
        if let Some(&(field, given)) = sizes[4..].iter().find(|(_, size)| *size > Self::MOST_PROBLEMS) {
            return Err(WorldError::TooManyProblems { field, given });
        }
        let sum = self.base_language_weights.iter().map(|&weight| u64::from(weight)).sum();
        if sum != 1000 {
            return Err(WorldError::WeightSum { sum });
        }
        if self.base_ability_per_mille > 1000 {
            return Err(WorldError::AbilityShare { given: self.base_ability_per_mille });
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
    #[error("{field} is {given}: ask for at most {}", WorldConfig::MOST_PROBLEMS)]
    TooManyProblems {
        /// The configuration's field.
        field: &'static str,
        /// Its value.
        given: u32,
    },
    /// Language weights that are no shares of a whole.
    #[error("base_language_weights sum to {sum}: give five weights per mille that sum to 1000")]
    WeightSum {
        /// Their sum.
        sum: u64,
    },
    /// A share of ability problems above the whole.
    #[error("base_ability_per_mille is {given}: give a share from 0 to 1000")]
    AbilityShare {
        /// The share given, per mille.
        given: u32,
    },
}
