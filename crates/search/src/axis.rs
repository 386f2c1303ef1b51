//! What is merged, and its hyper-parameters.

use std::str::FromStr;

use maec_recipe::MergeMethod;
use serde::{Deserialize, Serialize};

use crate::Choice;

/// What is merged, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Eq. 2–5 over models whose key neurons were trained.
    Maec,
    /// Θo + λ(δ_A + Σ μᵢ·δ_{Li}) over models that were trained whole.
    FTv,
    /// The same over models trained by low-rank factors.
    LTv,
}

impl Method {
    /// As it is written: `maec`, `f-tv` or `l-tv`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Maec => "maec",
            Self::FTv => "f-tv",
            Self::LTv => "l-tv",
        }
    }

    /// How its parts are merged.
    pub fn merge_method(self) -> MergeMethod {
        match self {
            Self::Maec => MergeMethod::Maec,
            Self::FTv | Self::LTv => MergeMethod::TaskVector,
        }
    }

    /// Its hyper-parameters.
    pub fn axes(self) -> &'static [Axis] {
        match self {
            Self::Maec => &[Axis::Alpha, Axis::Beta, Axis::Gamma, Axis::Eta, Axis::Mu, Axis::K2],
            Self::FTv | Self::LTv => &[Axis::Mu, Axis::Lambda],
        }
    }
}

/// A hyper-parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// α of Eq. 2.
    Alpha,
    /// β of Eq. 2.
    Beta,
    /// γ of Eq. 5.
    Gamma,
    /// η of Eq. 5.
    Eta,
    /// μ of Eq. 3, the same for every target language.
    Mu,
    /// k₂ of Eq. 4, as a fraction.
    K2,
    /// λ of the task vector.
    Lambda,
}

impl Axis {
    /// All of them, in the order of files.
    pub const ALL: [Self; 7] =
        [Self::Alpha, Self::Beta, Self::Gamma, Self::Eta, Self::Mu, Self::K2, Self::Lambda];

    /// As it is written in files and arguments.
    pub fn name(self) -> &'static str {
        ["alpha", "beta", "gamma", "eta", "mu", "k2", "lambda"][self as usize]
    }

    /// As the paper writes it.
    pub fn symbol(self) -> &'static str {
        ["α", "β", "γ", "η", "μ", "k₂", "λ"][self as usize]
    }

    /// Its value in a choice.
    pub fn of(self, choice: &Choice) -> f64 {
        *self.place(&mut choice.clone())
    }

    /// Its place in a choice.
    pub fn place(self, choice: &mut Choice) -> &mut f64 {
        let parameters = &mut choice.parameters;
        match self {
            Self::Alpha => &mut parameters.alpha,
            Self::Beta => &mut parameters.beta,
            Self::Gamma => &mut parameters.gamma,
            Self::Eta => &mut parameters.eta,
            Self::Mu => &mut choice.mu,
            Self::K2 => &mut parameters.k2,
            Self::Lambda => &mut parameters.lambda,
        }
    }
}

impl FromStr for Axis {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = || Self::ALL.map(Self::name).join(", ");
        let found = Self::ALL.into_iter().find(|axis| axis.name() == text);
        found.ok_or_else(|| format!("there is no hyper-parameter `{text}`; there are {}", names()))
    }
}
