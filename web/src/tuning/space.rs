//! The hyper-parameters and the values that each may take.

use serde::{Deserialize, Serialize};

use super::{Choice, Method};
use crate::format::{THIN, number};
use crate::order::order;

/// A hyper-parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
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
    /// Those of MAEC.
    pub const MAEC: [Self; 6] = [Self::Alpha, Self::Beta, Self::Gamma, Self::Eta, Self::Mu, Self::K2];
    /// All of them, in the order of files.
    pub const ALL: [Self; 7] =
        [Self::Alpha, Self::Beta, Self::Gamma, Self::Eta, Self::Mu, Self::K2, Self::Lambda];

    /// A method's.
    pub fn of_method(method: Method) -> &'static [Self] {
        match method {
            Method::Maec => &Self::MAEC,
            Method::FTv | Method::LTv => &[Self::Mu, Self::Lambda],
        }
    }

    /// As the paper writes it.
    pub fn symbol(self) -> &'static str {
        ["α", "β", "γ", "η", "μ", "k₂", "λ"][self as usize]
    }

    /// What it does.
    pub fn words(self) -> &'static str {
        [
            "Ability",
            "Reference language, taken out",
            "Strength of the ability",
            "Languages, where selected",
            "Languages, all alike",
            "Tensors selected",
            "Strength of all",
        ][self as usize]
    }

    /// A value for people; k₂ in per cent.
    pub fn shown(self, value: f64) -> String {
        if self == Self::K2 { format!("{}{THIN}%", number(value * 100.0, 2)) } else { number(value, 4) }
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

/// The values that a hyper-parameter may take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Values {
    /// Everything between two ends, in steps of 0.0001.
    Range {
        /// The lower end.
        low: f64,
        /// The upper end.
        high: f64,
    },
    /// One of these, ascending; a single one is fixed.
    List(Vec<f64>),
}

impl Values {
    /// From one end to the other; one value where they are the same.
    pub fn between(low: f64, high: f64) -> Self {
        if low == high { Self::List(vec![low]) } else { Self::Range { low, high } }
    }

    /// Whether there is but one.
    pub fn is_fixed(&self) -> bool {
        matches!(self, Self::List(list) if list.len() == 1)
    }

    /// Lowest and highest.
    pub fn ends(&self) -> (f64, f64) {
        match self {
            Self::Range { low, high } => (*low, *high),
            Self::List(list) => (list.first().copied().unwrap_or(0.0), list.last().copied().unwrap_or(0.0)),
        }
    }

    /// Whether the ends are numbers, in order, and the list is ascending.
    pub fn is_sane(&self) -> bool {
        match self {
            Self::Range { low, high } => low.is_finite() && high.is_finite() && low < high,
            Self::List(list) => {
                let finite = list.iter().all(|value| value.is_finite());
                !list.is_empty() && finite && list.windows(2).all(|pair| pair[0] < pair[1])
            }
        }
    }

    /// The value at a place of the unit interval.
    pub fn at(&self, place: f64) -> f64 {
        match self {
            Self::Range { low, high } => {
                (((low + place * (high - low)) * 1e4).round() / 1e4).clamp(*low, *high)
            }
            Self::List(list) => {
                list[((place * list.len() as f64) as usize).min(list.len().saturating_sub(1))]
            }
        }
    }
}

/// The values of every hyper-parameter that a search names.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Space {
    /// α.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alpha: Option<Values>,
    /// β.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beta: Option<Values>,
    /// γ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gamma: Option<Values>,
    /// η.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eta: Option<Values>,
    /// μ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mu: Option<Values>,
    /// k₂.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub k2: Option<Values>,
    /// λ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lambda: Option<Values>,
}

impl Space {
    /// The values of each of [`Axis::ALL`].
    fn all(&self) -> [&Option<Values>; 7] {
        [&self.alpha, &self.beta, &self.gamma, &self.eta, &self.mu, &self.k2, &self.lambda]
    }

    /// A space of MAEC's hyper-parameters, in the order of [`Axis::MAEC`].
    pub fn of(values: [Values; 6]) -> Self {
        let [alpha, beta, gamma, eta, mu, k2] = values.map(Some);
        Self { alpha, beta, gamma, eta, mu, k2, lambda: None }
    }

    /// The values of those that are named, in order.
    pub fn named(&self) -> Vec<(Axis, &Values)> {
        let pairs = Axis::ALL.into_iter().zip(self.all());
        pairs.filter_map(|(axis, values)| Some((axis, values.as_ref()?))).collect()
    }

    /// Those with more than one value.
    pub fn free(&self) -> Vec<(Axis, &Values)> {
        let mut named = self.named();
        named.retain(|(_, values)| !values.is_fixed());
        named
    }
}

/// Numbers in ascending order, each once.
pub fn distinct(values: &[f64]) -> Vec<f64> {
    let places = order(values.len(), &|a, b| values[a].total_cmp(&values[b]));
    let mut sorted: Vec<f64> = places.into_iter().map(|place| values[place]).collect();
    sorted.dedup();
    sorted
}
