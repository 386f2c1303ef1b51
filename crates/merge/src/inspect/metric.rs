//! One number of a tensor's statistics, by name: what tables are sorted by and heat maps show.

use std::fmt;
use std::str::FromStr;

use super::{Comparison, Stats, Values};

/// A number of [`Stats`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Σ |x|.
    L1,
    /// √Σ x².
    L2,
    /// The largest |x|.
    Max,
    /// The mean.
    Mean,
    /// The standard deviation.
    Std,
    /// The share of exact zeros.
    Sparsity,
    /// How many values are NaN or infinite.
    Nonfinite,
    /// ‖δ‖.
    Delta,
    /// ‖δ‖ / ‖base‖.
    Relative,
    /// The share of elements that changed.
    Changed,
    /// The share of elements changed in two or more models that were changed in both directions.
    Conflict,
    /// The mean cosine of the model's δ (without a base: of its values) and each other model's.
    Cosine,
}

impl Metric {
    /// All, in the order in which they are explained.
    pub const ALL: [Self; 12] = [
        Self::L1,
        Self::L2,
        Self::Max,
        Self::Mean,
        Self::Std,
        Self::Sparsity,
        Self::Nonfinite,
        Self::Delta,
        Self::Relative,
        Self::Changed,
        Self::Conflict,
        Self::Cosine,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::L1 => "l1",
            Self::L2 => "l2",
            Self::Max => "max",
            Self::Mean => "mean",
            Self::Std => "std",
            Self::Sparsity => "sparsity",
            Self::Nonfinite => "nonfinite",
            Self::Delta => "delta",
            Self::Relative => "relative",
            Self::Changed => "changed",
            Self::Conflict => "conflict",
            Self::Cosine => "cosine",
        }
    }

    /// What it is, for headings.
    pub const fn title(self) -> &'static str {
        match self {
            Self::L1 => "‖x‖₁",
            Self::L2 => "‖x‖",
            Self::Max => "max |x|",
            Self::Mean => "mean",
            Self::Std => "standard deviation",
            Self::Sparsity => "share of zeros",
            Self::Nonfinite => "NaN and infinite values",
            Self::Delta => "‖δ‖",
            Self::Relative => "‖δ‖ / ‖base‖",
            Self::Changed => "share of elements that changed",
            Self::Conflict => "share of sign conflicts",
            Self::Cosine => "cosine",
        }
    }

    /// Whether values lie on both sides of 0.
    pub const fn is_signed(self) -> bool {
        matches!(self, Self::Mean | Self::Cosine)
    }

    /// Its value for the model of a place; `None` where it has none, as a δ without a base.
    pub fn of(self, stats: &Stats, model: usize) -> Option<f64> {
        let values = stats.models.get(model).and_then(Option::as_ref);
        let value = |of: fn(&Values) -> f64| values.map(of);
        let comparison = stats.comparison.as_ref();
        let delta = comparison.and_then(|it| it.deltas.get(model));
        match self {
            Self::L1 => value(|it| it.l1),
            Self::L2 => value(|it| it.l2),
            Self::Max => value(|it| it.max),
            Self::Mean => value(|it| it.mean),
            Self::Std => value(|it| it.std),
            Self::Sparsity => value(|it| it.sparsity),
            Self::Nonfinite => value(|it| (it.nan + it.infinite) as f64),
            Self::Delta => delta.map(|it| it.l2),
            Self::Relative => {
                let base = stats.base.as_ref().filter(|base| base.l2 > 0.0)?;
                delta.map(|it| it.l2 / base.l2)
            }
            Self::Changed => delta.map(Values::changed),
            Self::Conflict => comparison.and_then(|it| it.sign_conflict),
            Self::Cosine => comparison.and_then(|it| mean_cosine(it, model)),
        }
    }
}

fn mean_cosine(comparison: &Comparison, model: usize) -> Option<f64> {
    let row = comparison.cosine.get(model)?;
    let others = row.iter().enumerate().filter(|(other, _)| *other != model);
    Some(others.map(|(_, cosine)| cosine).sum::<f64>() / (row.len() - 1) as f64)
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no metric has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no metric `{name}`; choose one of {}", Metric::ALL.map(Metric::name).join(", "))]
pub struct UnknownMetric {
    /// The name.
    pub name: String,
}

impl FromStr for Metric {
    type Err = UnknownMetric;

    fn from_str(name: &str) -> Result<Self, UnknownMetric> {
        let found = Self::ALL.into_iter().find(|metric| metric.name() == name);
        found.ok_or_else(|| UnknownMetric { name: maec_recipe::shown(name) })
    }
}
