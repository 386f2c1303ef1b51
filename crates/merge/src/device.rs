//! The same methods in burn, for merges that are evaluated or generated from at once (feature `burn`).
//!
//! Arithmetic is the device's f32, in the CPU executor's order of operations; results agree with it within a few f32
//! roundings (a device may fuse a product into a sum). Exports and hashes never come from here.

use burn::tensor::Tensor;
use maec_recipe::Parameters;

/// Eq. 2, 3 and 5 for one flattened tensor, `[elements]` each; `languages` and `weights` (μ) pair up in recipe order.
pub fn merge_on_device(
    base: Tensor<1>,
    ability: Tensor<1>,
    reference: Tensor<1>,
    languages: &[Tensor<1>],
    weights: &[f64],
    parameters: &Parameters,
    selected: bool,
) -> Tensor<1> {
    let r_lang = language_vector(&base, languages, weights);
    if !selected {
        return base + r_lang;
    }
    let p = parameters;
    let r_a = (ability - base.clone()).mul_scalar(p.alpha) - (reference - base.clone()).mul_scalar(p.beta);
    (base + r_a.mul_scalar(p.gamma)) + r_lang.mul_scalar(p.eta)
}

/// The plain task vector for one flattened tensor, `[elements]` each: Θo + λ·\[(Θ_{A,L0} − Θo) + Σ μᵢ·(Θ_{Li} − Θo)\].
pub fn task_vector_on_device(
    base: Tensor<1>,
    ability: Tensor<1>,
    languages: &[Tensor<1>],
    weights: &[f64],
    parameters: &Parameters,
) -> Tensor<1> {
    let r_lang = language_vector(&base, languages, weights);
    let delta = ability - base.clone();
    base + (delta + r_lang).mul_scalar(parameters.lambda)
}

/// Eq. 3, `[elements]`.
fn language_vector(base: &Tensor<1>, languages: &[Tensor<1>], weights: &[f64]) -> Tensor<1> {
    languages.iter().zip(weights).fold(base.zeros_like(), |sum, (language, &weight)| {
        sum + (language.clone() - base.clone()).mul_scalar(weight)
    })
}
