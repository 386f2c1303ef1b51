//! α, β, γ, η and μ as the kernels read them.

use maec_recipe::Parameters;

/// The factors, and the signs with which infinities come out of them.
pub(super) struct Factors {
    /// α, β, γ, η, then μ₁ … μₙ, rounded to f32.
    pub values: Vec<f32>,
    /// For every row but the base its whole factor's sign (1 positive, 2 negative, 3 zero): languages, ability, reference.
    pub signs: Vec<u32>,
}

impl Factors {
    /// For τ ∈ 𝒯 or not: there, Eq. 5 has no η and no R(A).
    pub fn new(weights: &[f64], parameters: &Parameters, selected: bool) -> Self {
        let &Parameters { alpha, beta, gamma, eta, .. } = parameters;
        let values = [alpha, beta, gamma, eta].iter().chain(weights).map(|&factor| factor as f32).collect();
        let eta = if selected { eta } else { 1.0 };
        let mut signs: Vec<u32> = weights.iter().map(|&weight| sign(eta, weight)).collect();
        // What is not selected has no rows for these two; a buffer may not be empty.
        signs.extend([sign(gamma, alpha), sign(gamma, -beta)]);
        Self { values, signs }
    }
}

/// The sign of a product.
fn sign(a: f64, b: f64) -> u32 {
    match (a == 0.0 || b == 0.0, (a < 0.0) == (b < 0.0)) {
        (true, _) => 3,
        (false, true) => 1,
        (false, false) => 2,
    }
}
