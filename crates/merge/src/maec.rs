//! MAEC: Eq. 2, 3 and 5, element by element in f64.
//!
//! Every function takes slices of one length, `[elements]`, and fixes its order of operations, so that native and
//! wasm give the same bits. Products and sums are rounded one by one: a fused multiply-add would change them.

use maec_recipe::Parameters;
use maec_vector::vectorized;

use crate::method::{Method, Terms};

/// Eq. 2–5: R(A) joins only the selected tensors 𝒯.
pub(crate) struct Maec;

impl Method for Maec {
    fn uses_reference(&self) -> bool {
        true
    }

    fn selects(&self) -> bool {
        true
    }

    fn reads_ability(&self, selected: bool) -> bool {
        selected
    }

    fn ability_vector(
        &self,
        base: &[f64],
        ability: &[f64],
        reference: &[f64],
        p: &Parameters,
        out: &mut [f64],
    ) {
        ability_vector(base, ability, reference, p.alpha, p.beta, out);
    }

    fn merge(&self, terms: Terms<'_>, p: &Parameters, selected: bool, out: &mut [f64]) {
        if selected {
            merge_selected(terms.base, terms.ability, terms.language, p.gamma, p.eta, out);
        } else {
            merge_unselected(terms.base, terms.language, out);
        }
    }
}

vectorized! {
    /// Eq. 2: R(A) = α·(Θ_{A,L0} − Θo) − β·(Θ_{L0} − Θo).
    pub fn ability_vector<'a>(
        base: &'a [f64],
        ability: &'a [f64],
        reference: &'a [f64],
        alpha: f64,
        beta: f64,
        out: &'a mut [f64],
    ) {
        for (((out, &base), &ability), &reference) in out.iter_mut().zip(base).zip(ability).zip(reference) {
            *out = alpha * (ability - base) - beta * (reference - base);
        }
    }

    /// One term of Eq. 3: R_Lang += μᵢ·(Θ_{Li} − Θo). The sum starts from 0.0 and takes the languages in recipe order.
    pub fn add_language<'a>(base: &'a [f64], language: &'a [f64], weight: f64, sum: &'a mut [f64]) {
        for ((sum, &base), &language) in sum.iter_mut().zip(base).zip(language) {
            *sum += weight * (language - base);
        }
    }

    /// Eq. 5 for τ ∈ 𝒯: (τo + γ·R(A)\[τ\]) + η·R_Lang\[τ\].
    pub fn merge_selected<'a>(
        base: &'a [f64],
        ability: &'a [f64],
        language: &'a [f64],
        gamma: f64,
        eta: f64,
        out: &'a mut [f64],
    ) {
        for (((out, &base), &ability), &language) in out.iter_mut().zip(base).zip(ability).zip(language) {
            *out = (base + gamma * ability) + eta * language;
        }
    }

    /// Eq. 5 for τ ∉ 𝒯: τo + R_Lang\[τ\], without η.
    pub fn merge_unselected<'a>(base: &'a [f64], language: &'a [f64], out: &'a mut [f64]) {
        for ((out, &base), &language) in out.iter_mut().zip(base).zip(language) {
            *out = base + language;
        }
    }
}
