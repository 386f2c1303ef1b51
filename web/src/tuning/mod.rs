//! Searches for hyper-parameters: what `maec tune` writes and a search in the tab makes. Pure.
//!
//! The sums and the file's form are those of `maec-search`. The page reads of a file what it draws; best trial, Pareto front and
//! sensitivities are computed from the trials, so that a file and a search in the tab are drawn by the same rules.

mod plot;
mod read;
mod score;
mod words;

use serde::{Deserialize, Serialize};

pub use maec_search::{
    Axis, Choice, Exam, Method, Objective, ProblemSet, Scores, Search, Sensitivity, Space, Trial, VERSION,
    Values,
};

pub use plot::{front_table, scatter, senses, senses_key, senses_table};
pub use read::{MOST_BYTES, ReadError, read};
pub use score::scores;
pub use words::{meaning, numbers, ratio, scored, shown};

/// More candidates are the companion's work.
pub const MOST_CANDIDATES: usize = 500;

/// The settings of the companion's models, which the page does not read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unread {}

/// A search before it is made.
pub type Plan = maec_search::Plan<Unread>;
/// The outcome of a search.
pub type Tuning = maec_search::Tuning<Unread>;

#[cfg(test)]
pub mod tests {
    use maec_recipe::Parameters;

    use super::*;

    /// A small search's JSON, written by
    /// `maec tune --settings tests/tuning/settings.json --ability arithmetic --seeds 101,102 --search random --trials 24
    /// --problems 100 --texts 20 --out tests/tuning/tune.json`.
    pub fn companions_json() -> &'static str {
        include_str!("../../../tests/tuning/tune.json")
    }

    /// That file as the page reads it.
    pub fn companion() -> Tuning {
        read(companions_json()).expect("the companion's file is read")
    }

    /// A trial with the default numbers.
    pub fn trial(number: usize, accuracy: f64, perplexity_ratio: f64) -> Trial {
        Trial { number, choice: Choice::default(), accuracy, perplexity_ratio, seeds: Vec::new() }
    }

    #[test]
    fn a_choice_sets_all_languages_alike_and_leaves_the_rest() {
        let mut recipe = crate::studio::tests::recipe();
        recipe.parameters.lambda = 0.123;
        let parameters = Parameters { gamma: 0.7, k2: 0.25, lambda: 9.0, ..Parameters::default() };
        Choice { parameters, mu: 0.9 }.put_into(&mut recipe);
        assert!(recipe.languages.iter().all(|language| language.weight == 0.9));
        assert_eq!(
            (recipe.parameters.gamma, recipe.parameters.k2, recipe.parameters.lambda),
            (0.7, 0.25, 0.123)
        );
        let words = numbers(&Choice { parameters, mu: 0.9 }, Method::Maec);
        assert_eq!(words, "α 0.8, β 0.2, γ 0.7, η 1, μ 0.9, k₂ 25\u{202f}%");
    }
}
