//! What is searched: the values that each hyper-parameter may take.

use serde::{Deserialize, Serialize};

use crate::{Axis, Choice, Method, SearchError, Values};

/// The values of every hyper-parameter; one that is not named has the value of [`Choice::default`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Space {
    #[serde(skip_serializing_if = "Option::is_none")]
    alpha: Option<Values>,
    #[serde(skip_serializing_if = "Option::is_none")]
    beta: Option<Values>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gamma: Option<Values>,
    #[serde(skip_serializing_if = "Option::is_none")]
    eta: Option<Values>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mu: Option<Values>,
    #[serde(skip_serializing_if = "Option::is_none")]
    k2: Option<Values>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lambda: Option<Values>,
}

impl Space {
    /// What suits the workshop's small models. Of α, β and γ two are free, since γ·R(A) = γα(…) − γβ(…): α stays at 1. A task
    /// vector has all μ = 1 and one λ.
    pub fn of(method: Method) -> Self {
        let values = |axis: Axis| match axis {
            Axis::Alpha => Values::fixed(1.0),
            Axis::Beta => Values::range(0.0, 1.0),
            Axis::Gamma => Values::range(0.2, 2.0),
            Axis::Eta => Values::range(0.5, 1.5),
            Axis::Mu if method == Method::Maec => Values::range(0.0, 1.0),
            Axis::Mu => Values::fixed(1.0),
            Axis::K2 => Values::range(0.3, 1.0),
            Axis::Lambda => Values::range(0.0, 1.0),
        };
        method.axes().iter().fold(Self::default(), |space, &axis| space.with(axis, values(axis)))
    }

    /// With other values of one hyper-parameter.
    pub fn with(mut self, axis: Axis, values: Values) -> Self {
        *self.place(axis) = Some(values);
        self
    }

    fn place(&mut self, axis: Axis) -> &mut Option<Values> {
        match axis {
            Axis::Alpha => &mut self.alpha,
            Axis::Beta => &mut self.beta,
            Axis::Gamma => &mut self.gamma,
            Axis::Eta => &mut self.eta,
            Axis::Mu => &mut self.mu,
            Axis::K2 => &mut self.k2,
            Axis::Lambda => &mut self.lambda,
        }
    }

    /// The values of a hyper-parameter.
    pub fn values(&self, axis: Axis) -> Option<&Values> {
        let all = [&self.alpha, &self.beta, &self.gamma, &self.eta, &self.mu, &self.k2, &self.lambda];
        all[axis as usize].as_ref()
    }

    /// Those that are named, in the order of [`Axis::ALL`].
    pub fn named(&self) -> Vec<(Axis, &Values)> {
        Axis::ALL.into_iter().filter_map(|axis| Some((axis, self.values(axis)?))).collect()
    }

    /// What is searched: those with more than one value, in order.
    pub fn free(&self) -> Vec<Axis> {
        let free = |axis: &Axis| self.values(*axis).is_some_and(|values| !values.is_fixed());
        Axis::ALL.into_iter().filter(free).collect()
    }

    /// Refuses what a method can't be searched over.
    ///
    /// # Errors
    /// [`SearchError::NoSuchAxis`], [`SearchError::Values`], [`SearchError::NothingFree`].
    pub fn check(&self, method: Method) -> Result<(), SearchError> {
        for (axis, values) in self.named() {
            if !method.axes().contains(&axis) {
                let axes = method.axes().iter().map(|axis| axis.name()).collect::<Vec<_>>().join(", ");
                return Err(SearchError::NoSuchAxis { method, axis, axes });
            }
            values.check(axis)?;
        }
        if self.free().is_empty() { Err(SearchError::NothingFree) } else { Ok(()) }
    }

    /// The choice at a point of the unit cube, one place for each of [`free`](Self::free); the middle where one is missing.
    pub fn choice(&self, places: &[f64]) -> Choice {
        let (mut choice, mut places) = (Choice::default(), places.iter());
        for (axis, values) in self.named() {
            let place = if values.is_fixed() { 0.0 } else { places.next().copied().unwrap_or(0.5) };
            *axis.place(&mut choice) = values.at(place);
        }
        choice
    }

    /// The point of a choice, one place for each of [`free`](Self::free).
    pub fn places(&self, choice: &Choice) -> Vec<f64> {
        let free = self.named().into_iter().filter(|(_, values)| !values.is_fixed());
        free.map(|(axis, values)| values.place(axis.of(choice))).collect()
    }

    /// How many choices a grid has; `None` where they can't be counted.
    pub fn grid_size(&self, per: usize) -> Option<usize> {
        let sizes = self.named().into_iter().map(|(_, values)| match values {
            Values::Range { .. } => per,
            Values::List(list) => list.len(),
        });
        sizes.into_iter().try_fold(1usize, |product, size| product.checked_mul(size))
    }

    /// Every combination of `per` values of every range and all values of every list; the last axis changes first.
    pub fn grid(&self, per: usize) -> Vec<Choice> {
        let mut all = vec![Choice::default()];
        for (axis, values) in self.named() {
            let values = values.grid(per);
            let with = |choice: &Choice, value: f64| {
                let mut choice = *choice;
                *axis.place(&mut choice) = value;
                choice
            };
            all = all.iter().flat_map(|choice| values.iter().map(|value| with(choice, *value))).collect();
        }
        all
    }
}
