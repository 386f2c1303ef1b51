//! Corpora by what they are.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A corpus of an experiment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Corpus {
    /// What a base is trained on where the experiment makes its own.
    Base,
    /// C_L: general text of a language.
    General {
        /// Its code.
        language: String,
    },
    /// C_{L0,A}, or where the language is another the same corpus translated.
    Ability {
        /// The ability's name.
        ability: String,
        /// The language's code.
        language: String,
    },
    /// A prepared corpus by its content.
    Prepared {
        /// What people call it; no part of a key.
        name: String,
        /// What tells its tokens from any other's.
        identity: String,
    },
}

impl Corpus {
    /// General text of a language.
    pub fn general(language: impl Into<String>) -> Self {
        Self::General { language: language.into() }
    }

    /// An ability's corpus in a language.
    pub fn ability(ability: impl Into<String>, language: impl Into<String>) -> Self {
        Self::Ability { ability: ability.into(), language: language.into() }
    }
}

impl fmt::Display for Corpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Base => f.write_str("base mix"),
            Self::General { language } => write!(f, "{language}"),
            Self::Ability { ability, language } => write!(f, "{ability} in {language}"),
            Self::Prepared { name, .. } => f.write_str(name),
        }
    }
}

/// A corpus with its share of a mixture's tokens, relative to the others'.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// Which.
    pub corpus: Corpus,
    /// Its weight, above 0.
    pub weight: f64,
}

impl Share {
    /// All of a mixture.
    pub fn whole(corpus: Corpus) -> Vec<Self> {
        vec![Self { corpus, weight: 1.0 }]
    }

    /// Equal shares.
    pub fn equal(corpora: impl IntoIterator<Item = Corpus>) -> Vec<Self> {
        corpora.into_iter().map(|corpus| Self { corpus, weight: 1.0 }).collect()
    }
}
