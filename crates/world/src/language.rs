//! The five languages of the world.

use serde::{Deserialize, Serialize};

/// A language of the world, written as its ISO 639-1 code in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English, the reference language L0: subject, verb, object.
    En,
    /// Spanish: subject, verb, object.
    Es,
    /// Chinese: subject, verb, object; a classifier between number and noun.
    Zh,
    /// Bengali: subject, object, verb; a classifier after the number.
    Bn,
    /// Telugu: subject, object, verb.
    Te,
}

impl Language {
    /// Every language, in the order in which weights and tables list them.
    pub const ALL: [Self; 5] = [Self::En, Self::Es, Self::Zh, Self::Bn, Self::Te];

    /// The ISO 639-1 code, such as `es`.
    pub fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Es => "es",
            Self::Zh => "zh",
            Self::Bn => "bn",
            Self::Te => "te",
        }
    }

    /// The language's English name.
    pub fn name(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::Es => "Spanish",
            Self::Zh => "Chinese",
            Self::Bn => "Bengali",
            Self::Te => "Telugu",
        }
    }

    /// The language with this ISO 639-1 code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.code() == code)
    }
}

impl std::fmt::Display for Language {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}
