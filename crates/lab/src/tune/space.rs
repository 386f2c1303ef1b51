//! What is searched: the numbers of Eq. 2–5 and the values that each may take.

use std::collections::BTreeMap;
use std::str::FromStr;

use maec_recipe::{MergeMethod, Parameters};
use serde::{Deserialize, Serialize};

use super::TuneError;
use crate::MaecChoice;

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
    const ALL: [Self; 7] =
        [Self::Alpha, Self::Beta, Self::Gamma, Self::Eta, Self::Mu, Self::K2, Self::Lambda];

    /// As it is written in files and arguments.
    pub fn name(self) -> &'static str {
        match self {
            Self::Alpha => "alpha",
            Self::Beta => "beta",
            Self::Gamma => "gamma",
            Self::Eta => "eta",
            Self::Mu => "mu",
            Self::K2 => "k2",
            Self::Lambda => "lambda",
        }
    }

    /// As the paper writes it.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Alpha => "α",
            Self::Beta => "β",
            Self::Gamma => "γ",
            Self::Eta => "η",
            Self::Mu => "μ",
            Self::K2 => "k₂",
            Self::Lambda => "λ",
        }
    }

    /// Its value in a choice.
    pub fn of(self, choice: &MaecChoice) -> f64 {
        *self.place(&mut choice.clone())
    }

    fn place(self, choice: &mut MaecChoice) -> &mut f64 {
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

/// The values that a hyper-parameter may take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
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
    /// One value.
    pub fn fixed(value: f64) -> Self {
        Self::List(vec![value])
    }

    /// From one end to the other.
    pub fn range(low: f64, high: f64) -> Self {
        Self::Range { low, high }
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

    /// The value at a place of the unit interval.
    fn at(&self, place: f64) -> f64 {
        match self {
            Self::Range { low, high } => {
                let value = low + place.clamp(0.0, 1.0) * (high - low);
                ((value * 1e4).round() / 1e4).clamp(*low, *high)
            }
            Self::List(list) => list[((place * list.len() as f64) as usize).min(list.len() - 1)],
        }
    }

    /// The place of a value, in the middle of all places that [`at`](Self::at) gives it.
    fn place(&self, value: f64) -> f64 {
        match self {
            Self::Range { low, high } => (value - low) / (high - low),
            Self::List(list) => {
                let index = list.iter().position(|listed| *listed == value).unwrap_or(0);
                (index as f64 + 0.5) / list.len() as f64
            }
        }
    }

    /// Evenly spaced values, both ends among them.
    fn grid(&self, per: usize) -> Vec<f64> {
        match self {
            Self::Range { .. } => (0..per).map(|i| self.at(i as f64 / (per - 1).max(1) as f64)).collect(),
            Self::List(list) => list.clone(),
        }
    }

    fn check(&self, axis: Axis) -> Result<(), TuneError> {
        let problem = match self {
            Self::Range { low, high } if !(low.is_finite() && high.is_finite() && low < high) => {
                format!("is to range from {low} to {high}: give the lower end first")
            }
            Self::List(list) if list.is_empty() || list.iter().any(|value| !value.is_finite()) => {
                "has no values: give one at least".to_owned()
            }
            Self::List(list) if !list.is_sorted_by(|a, b| a < b) => {
                format!("has the values {list:?}: give each once, the lowest first")
            }
            _ if axis == Axis::K2 && !(0.0..=1.0).contains(&self.ends().0) => k2(self.ends().0),
            _ if axis == Axis::K2 && !(0.0..=1.0).contains(&self.ends().1) => k2(self.ends().1),
            _ => return Ok(()),
        };
        Err(TuneError::Values { axis, problem })
    }
}

fn k2(value: f64) -> String {
    format!("is to be {value}: it is a fraction, from 0 to 1")
}

impl FromStr for Values {
    type Err = TuneError;

    /// Reads `0.2..2`, `0.6,0.7` or `1`.
    fn from_str(text: &str) -> Result<Self, TuneError> {
        let number = |part: &str| {
            let number = part.trim().parse::<f64>().ok().filter(|number| number.is_finite());
            number.ok_or_else(|| TuneError::NoValues(text.to_owned()))
        };
        match text.split_once("..") {
            Some((low, high)) => Ok(Self::range(number(low)?, number(high)?)),
            None => Ok(Self::List(text.split(',').map(number).collect::<Result<_, _>>()?)),
        }
    }
}

/// The values of every hyper-parameter; one that is not named has the value of [`Space::unnamed`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Space(BTreeMap<Axis, Values>);

impl Space {
    /// What suits the workshop's small models. Of α, β and γ two are free, since γ·R(A) = γα(…) − γβ(…): α stays at 1. A task
    /// vector has all μ = 1 and one λ.
    pub fn of(method: Method) -> Self {
        let values = |axis: &Axis| match axis {
            Axis::Alpha => Values::fixed(1.0),
            Axis::Beta => Values::range(0.0, 1.0),
            Axis::Gamma => Values::range(0.2, 2.0),
            Axis::Eta => Values::range(0.5, 1.5),
            Axis::Mu if method == Method::Maec => Values::range(0.0, 1.0),
            Axis::Mu => Values::fixed(1.0),
            Axis::K2 => Values::range(0.3, 1.0),
            Axis::Lambda => Values::range(0.0, 1.0),
        };
        Self(method.axes().iter().map(|axis| (*axis, values(axis))).collect())
    }

    /// With other values of one hyper-parameter.
    pub fn with(mut self, axis: Axis, values: Values) -> Self {
        self.0.insert(axis, values);
        self
    }

    /// What the hyper-parameters that no space names are.
    pub fn unnamed() -> MaecChoice {
        MaecChoice { parameters: Parameters::default(), mu: 1.0 }
    }

    /// The values of a hyper-parameter.
    pub fn values(&self, axis: Axis) -> Option<&Values> {
        self.0.get(&axis)
    }

    /// What is searched, in the order of [`Axis`].
    pub fn free(&self) -> Vec<Axis> {
        self.0.iter().filter(|(_, values)| !values.is_fixed()).map(|(axis, _)| *axis).collect()
    }

    /// Refuses what a method can't be searched over.
    ///
    /// # Errors
    /// [`TuneError::NoSuchAxis`], [`TuneError::Values`], [`TuneError::NothingFree`].
    pub fn check(&self, method: Method) -> Result<(), TuneError> {
        for (axis, values) in &self.0 {
            if !method.axes().contains(axis) {
                let axes = method.axes().iter().map(|axis| axis.name()).collect::<Vec<_>>().join(", ");
                return Err(TuneError::NoSuchAxis { method, axis: *axis, axes });
            }
            values.check(*axis)?;
        }
        if self.free().is_empty() { Err(TuneError::NothingFree) } else { Ok(()) }
    }

    /// The choice at a point of the unit cube, one place for each of [`free`](Self::free).
    pub(super) fn choice(&self, places: &[f64]) -> MaecChoice {
        let (mut choice, mut places) = (Self::unnamed(), places.iter());
        for (axis, values) in &self.0 {
            let place = if values.is_fixed() { 0.0 } else { places.next().copied().unwrap_or(0.5) };
            *axis.place(&mut choice) = values.at(place);
        }
        choice
    }

    /// The point of a choice.
    pub(super) fn places(&self, choice: &MaecChoice) -> Vec<f64> {
        let free = self.0.iter().filter(|(_, values)| !values.is_fixed());
        free.map(|(axis, values)| values.place(axis.of(choice))).collect()
    }

    /// How many choices a grid has; `None` where they can't be counted.
    pub(super) fn grid_size(&self, per: usize) -> Option<usize> {
        let sizes = self.0.values().map(|values| match values {
            Values::Range { .. } => per,
            Values::List(list) => list.len(),
        });
        sizes.into_iter().try_fold(1usize, |product, size| product.checked_mul(size))
    }

    /// Every combination of `per` values of every range and all values of every list; the last axis changes first.
    pub(super) fn grid(&self, per: usize) -> Vec<MaecChoice> {
        let mut all = vec![Self::unnamed()];
        for (axis, values) in &self.0 {
            let values = values.grid(per);
            let with = |choice: &MaecChoice, value: f64| {
                let mut choice = *choice;
                *axis.place(&mut choice) = value;
                choice
            };
            all = all.iter().flat_map(|choice| values.iter().map(|value| with(choice, *value))).collect();
        }
        all
    }
}
