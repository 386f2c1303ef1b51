//! The values that one hyper-parameter may take.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Axis, SearchError};

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

    /// From one end to the other; one value where they are the same.
    pub fn between(low: f64, high: f64) -> Self {
        if low == high { Self::fixed(low) } else { Self::range(low, high) }
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

    /// Whether the ends are numbers, in order, and the list has some and is ascending.
    pub fn is_sane(&self) -> bool {
        match self {
            Self::Range { low, high } => low.is_finite() && high.is_finite() && low < high,
            Self::List(list) => {
                let finite = list.iter().all(|value| value.is_finite());
                !list.is_empty() && finite && list.is_sorted_by(|a, b| a < b)
            }
        }
    }

    /// The value at a place of the unit interval.
    pub fn at(&self, place: f64) -> f64 {
        match self {
            Self::Range { low, high } => {
                let value = low + place.clamp(0.0, 1.0) * (high - low);
                ((value * 1e4).round() / 1e4).clamp(*low, *high)
            }
            Self::List(list) => {
                let index = ((place * list.len() as f64) as usize).min(list.len().saturating_sub(1));
                list.get(index).copied().unwrap_or(0.0)
            }
        }
    }

    /// The place of a value, in the middle of all places that [`at`](Self::at) gives it.
    pub fn place(&self, value: f64) -> f64 {
        match self {
            Self::Range { low, high } => (value - low) / (high - low),
            Self::List(list) => {
                let index = list.iter().position(|listed| *listed == value).unwrap_or(0);
                (index as f64 + 0.5) / list.len() as f64
            }
        }
    }

    /// `per` evenly spaced values of a range, both ends among them; all of a list.
    pub fn grid(&self, per: usize) -> Vec<f64> {
        match self {
            Self::Range { .. } => {
                let last = per.saturating_sub(1).max(1) as f64;
                (0..per).map(|i| self.at(i as f64 / last)).collect()
            }
            Self::List(list) => list.clone(),
        }
    }

    /// Refuses what is no range and no list of an axis' values.
    ///
    /// # Errors
    /// [`SearchError::Values`].
    pub fn check(&self, axis: Axis) -> Result<(), SearchError> {
        let (low, high) = self.ends();
        let outside = [low, high].into_iter().find(|end| !(0.0..=1.0).contains(end));
        let problem = match (self, outside) {
            (Self::Range { low, high }, _) if !self.is_sane() => {
                format!("is to range from {low} to {high}: give the lower end first")
            }
            (Self::List(list), _) if list.is_empty() || list.iter().any(|value| !value.is_finite()) => {
                "has no values: give one at least".to_owned()
            }
            (Self::List(list), _) if !self.is_sane() => {
                format!("has the values {list:?}: give each once, the lowest first")
            }
            (_, Some(value)) if axis == Axis::K2 => {
                format!("is to be {value}: it is a fraction, from 0 to 1")
            }
            _ => return Ok(()),
        };
        Err(SearchError::Values { axis, problem })
    }
}

impl FromStr for Values {
    type Err = SearchError;

    /// Reads `0.2..2`, `0.6,0.7` or `1`.
    fn from_str(text: &str) -> Result<Self, SearchError> {
        let number = |part: &str| {
            let number = part.trim().parse::<f64>().ok().filter(|number| number.is_finite());
            number.ok_or_else(|| SearchError::NoValues(text.to_owned()))
        };
        match text.split_once("..") {
            Some((low, high)) => Ok(Self::range(number(low)?, number(high)?)),
            None => Ok(Self::List(text.split(',').map(number).collect::<Result<_, _>>()?)),
        }
    }
}
