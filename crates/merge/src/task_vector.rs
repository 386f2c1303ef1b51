//! The plain task vector, for comparison: Θo + λ·\[(Θ_{A,L0} − Θo) + Σ μᵢ·(Θ_{Li} − Θo)\].
//!
//! The same for every tensor: nothing is selected, and Θ_{L0} is not read. The sum over languages is Eq. 3's.

use maec_recipe::Parameters;
use maec_vector::vectorized;

use crate::method::{Method, Terms};

/// Task arithmetic with one λ.
pub(crate) struct TaskVector;

impl Method for TaskVector {
    fn uses_reference(&self) -> bool {
        false
    }

    fn selects(&self) -> bool {
        false
    }

    fn reads_ability(&self, _selected: bool) -> bool {
        true
    }

    fn ability_vector(
        &self,
        base: &[f64],
        ability: &[f64],
        _reference: &[f64],
        _: &Parameters,
        out: &mut [f64],
    ) {
        ability_vector(base, ability, out);
    }

    fn merge(&self, terms: Terms<'_>, p: &Parameters, _selected: bool, out: &mut [f64]) {
        merge(terms.base, terms.ability, terms.language, p.lambda, out);
    }
}

vectorized! {
    /// δ_A = Θ_{A,L0} − Θo.
    pub fn ability_vector<'a>(base: &'a [f64], ability: &'a [f64], out: &'a mut [f64]) {
        for ((out, &base), &ability) in out.iter_mut().zip(base).zip(ability) {
            *out = ability - base;
        }
    }

    /// Θo + λ·(δ_A + R_Lang).
    pub fn merge<'a>(base: &'a [f64], ability: &'a [f64], language: &'a [f64], lambda: f64, out: &'a mut [f64]) {
        for (((out, &base), &ability), &language) in out.iter_mut().zip(base).zip(ability).zip(language) {
            *out = base + lambda * (ability + language);
        }
    }
}
