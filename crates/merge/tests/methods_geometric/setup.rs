//! The methods, models for them, and how near their merges are to what is expected.

pub use crate::case::{Case, noise};

/// A method's name, how many models it is given here, whether with a base, and some parameters.
pub type Given = (&'static str, usize, bool, &'static [(&'static str, f64)]);

/// The methods.
pub const METHODS: [Given; 12] = [
    ("arcee_fusion", 1, true, &[]),
    ("karcher", 3, false, &[]),
    ("model_stock", 3, true, &[]),
    ("multislerp", 3, false, &[("weight", 0.5)]),
    ("multislerp", 3, true, &[("weight", 0.5)]),
    ("nearswap", 1, true, &[("t", 0.3)]),
    ("nuslerp", 2, false, &[("weight", 0.5)]),
    ("nuslerp", 2, true, &[("weight", 0.5)]),
    ("passthrough", 1, false, &[("scale", 1.0)]),
    ("sce", 3, true, &[("select_topk", 0.4)]),
    ("sce", 3, true, &[]),
    ("slerp", 1, true, &[("t", 0.3)]),
];

/// Models of noise, each of another size.
pub fn models(seed: u64, count: usize, n: usize) -> Vec<Vec<f32>> {
    (1..=count)
        .map(|i| noise(seed ^ (i as u64) << 32, n).into_iter().map(|x| x * (0.2 + i as f32)).collect())
        .collect()
}

/// ‖x‖.
pub fn norm(x: &[f32]) -> f64 {
    x.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt()
}

/// Whether two tensors differ nowhere by more than so much of the largest element of these and of a merge's inputs.
pub fn near(case: &Case, found: &[f32], expected: &[f64], tolerance: f64) -> Result<(), String> {
    let inputs = case.models.iter().chain(&case.base).flatten().map(|x| f64::from(*x));
    let scale = inputs.chain(expected.iter().copied()).fold(0.0, |most: f64, x| x.abs().max(most));
    assert_eq!(found.len(), expected.len());
    let is_near = |(x, y): (&f32, &f64)| (f64::from(*x) - y).abs() <= tolerance * scale;
    match found.iter().zip(expected).position(|pair| !is_near(pair)) {
        None => Ok(()),
        Some(at) => {
            Err(format!("{case:?}: element {at}: {} is not {}, scale {scale}", found[at], expected[at]))
        }
    }
}

/// As f64.
pub fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().copied().map(f64::from).collect()
}
