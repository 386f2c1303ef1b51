//! Searches in words.

use std::fmt::Write;

use super::{Axis, Choice, Method, Trial};
use crate::format::{THIN, number, percent};

/// What a hyper-parameter does.
pub fn meaning(axis: Axis) -> &'static str {
    [
        "Ability",
        "Reference language, taken out",
        "Strength of the ability",
        "Languages, where selected",
        "Languages, all alike",
        "Tensors selected",
        "Strength of all",
    ][axis as usize]
}

/// A hyper-parameter's value; k₂ in per cent.
pub fn shown(axis: Axis, value: f64) -> String {
    if axis == Axis::K2 { format!("{}{THIN}%", number(value * 100.0, 2)) } else { number(value, 4) }
}

/// A method's numbers: `α 1, β 0.35, …`.
pub fn numbers(choice: &Choice, method: Method) -> String {
    let mut words = String::new();
    for axis in method.axes() {
        let comma = if words.is_empty() { "" } else { ", " };
        // A String takes everything.
        let _ = write!(words, "{comma}{} {}", axis.symbol(), shown(*axis, axis.of(choice)));
    }
    words
}

/// A trial's scores: `accuracy 31.2 %, perplexity 1.04 × the base’s`.
pub fn scored(trial: &Trial) -> String {
    format!(
        "accuracy {}, perplexity {} × the base’s",
        percent(trial.accuracy, 1),
        ratio(trial.perplexity_ratio)
    )
}

/// A perplexity over the base's.
pub fn ratio(value: f64) -> String {
    if value < 1e4 { number(value, 3) } else { crate::format::scientific(value) }
}
