//! The methods, and models with a base for them.

use maec_merge::methods::{METHODS, named};

pub use crate::case::{Case, noise};

/// Methods that draw random numbers.
pub const RANDOM: [&str; 4] = ["dare_linear", "dare_ties", "della", "della_linear"];

/// Methods that do not.
pub const DETERMINISTIC: [&str; 4] = ["breadcrumbs", "breadcrumbs_ties", "task_arithmetic", "ties"];

/// Models of a tensor and their base, all with weight 1.
pub fn case(method: &str, shape: &[usize], base: &[f32], models: &[Vec<f32>]) -> Case {
    Case::new(method, shape, Some(base), models).with("weight", &[1.0])
}

/// The bits of values, to compare them exactly.
pub fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn methods_are_sorted_and_named_once() {
    let names: Vec<&str> = METHODS.iter().map(|method| method.about().name).collect();
    assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
    for name in RANDOM.iter().chain(&DETERMINISTIC) {
        assert_eq!(named(name).expect("a method").about().name, *name);
    }
}
