//! Searches for hyper-parameters: what `maec tune` writes and a search in the tab makes. Pure.
//!
//! The types are those of the companion's JSON, of which the page reads what it draws. Best trial, Pareto front and
//! sensitivities are computed from the trials, so that a file and a search in the tab are drawn by the same rules.

mod draw;
mod plot;
mod read;
mod score;
mod sensitivity;
mod space;

use std::fmt::Write;

use maec_protocol::ProblemSet;
use maec_recipe::{Parameters, Recipe};
use serde::{Deserialize, Serialize};

use crate::format::{number, percent};

pub use draw::{Draw, MOST_CANDIDATES, choices};
pub use plot::{front_table, scatter, senses, senses_key, senses_table};
pub use read::{MOST_BYTES, ReadError, read};
pub use score::{best, pareto_front, scores};
pub use sensitivity::{Sensitivity, sensitivity};
pub use space::{Axis, Space, Values};

/// Version of the format.
pub const VERSION: u32 = 1;

/// What is merged, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Eq. 2–5.
    Maec,
    /// Task vectors of models that were trained whole.
    FTv,
    /// Task vectors of low-rank adapters.
    LTv,
}

/// How choices are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Search {
    /// Every combination of `per` evenly spaced values of every range, and of all values of every list.
    Grid {
        /// Values of a range.
        per: u32,
    },
    /// Uniform draws.
    Random {
        /// How many.
        trials: u32,
    },
    /// Where a model of the trials so far expects the best; the companion's alone.
    Model {
        /// How many.
        trials: u32,
    },
}

/// What a model is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exam {
    /// Which problems.
    pub set: ProblemSet,
    /// Problems in every language.
    pub problems: u32,
    /// Held-out texts in every language.
    pub texts: u32,
}

/// The best accuracy outside the reference language within a limit on perplexity.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Objective {
    /// Highest perplexity over the base's.
    pub perplexity_limit: f64,
}

/// A search before it is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The program's version.
    pub maec: String,
    /// The ability that is transferred.
    pub ability: String,
    /// What is merged.
    pub method: Method,
    /// The values that may be tried.
    pub space: Space,
    /// How they are tried.
    pub search: Search,
    /// Seed of the search's own draws.
    pub seed: u64,
    /// Seeds of the models that are merged.
    pub seeds: Vec<u64>,
    /// What every merge is asked.
    pub exam: Exam,
    /// What is best.
    pub objective: Objective,
    /// The id of the pack whose models were merged, where that was in a tab; the companion has settings in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pack: Option<String>,
}

/// The numbers that are searched.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// α, β, γ, η, k₂ and the task vector's λ.
    pub parameters: Parameters,
    /// μ of every target language.
    pub mu: f64,
}

impl Choice {
    /// Puts the numbers into a recipe; λ stays, which no MAEC merge reads.
    pub fn put_into(&self, recipe: &mut Recipe) {
        recipe.parameters = Parameters { lambda: recipe.parameters.lambda, ..self.parameters };
        for language in &mut recipe.languages {
            language.weight = self.mu;
        }
    }

    /// The numbers of a method for people: `α 1, β 0.35, …`.
    pub fn words(&self, method: Method) -> String {
        let mut words = String::new();
        for axis in Axis::of_method(method) {
            let comma = if words.is_empty() { "" } else { ", " };
            // A String takes everything.
            let _ = write!(words, "{comma}{} {}", axis.symbol(), axis.shown(axis.of(self)));
        }
        words
    }
}

/// What a merge scored.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Accuracy over all target languages, 0–1.
    pub other_languages: f64,
    /// Mean perplexity over all languages.
    pub perplexity: f64,
}

/// One choice with its scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Its place in the search, from 0.
    pub number: u32,
    /// Its numbers.
    pub choice: Choice,
    /// Accuracy outside the reference language, 0–1, mean over the seeds.
    pub accuracy: f64,
    /// Perplexity over the base's, mean over the seeds.
    pub perplexity_ratio: f64,
    /// The scores for every seed.
    pub seeds: Vec<Scores>,
}

impl Trial {
    /// The scores for people: `accuracy 31.2 %, perplexity 1.04 × the base’s`.
    pub fn words(&self) -> String {
        format!(
            "accuracy {}, perplexity {} × the base’s",
            percent(self.accuracy, 1),
            ratio(self.perplexity_ratio)
        )
    }
}

/// A perplexity over the base's, for people.
pub fn ratio(value: f64) -> String {
    if value < 1e4 { number(value, 3) } else { crate::format::scientific(value) }
}

/// The outcome of a search.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tuning {
    /// [`VERSION`].
    pub version: u32,
    /// What was searched, how, and on what.
    pub plan: Plan,
    /// The base's scores for every seed.
    pub base: Vec<Scores>,
    /// Every trial, by number; one at least.
    pub trials: Vec<Trial>,
    /// The number of the best.
    pub best: u32,
    /// Its numbers.
    pub choice: Choice,
    /// Whether it keeps the limit on perplexity.
    pub within_limit: bool,
    /// Numbers of the trials that no other beats, by rising perplexity.
    pub pareto: Vec<u32>,
    /// How much each hyper-parameter matters, the most important for accuracy first.
    pub sensitivity: Vec<Sensitivity>,
}

impl Tuning {
    /// What trials say; nothing where there are none.
    pub fn new(plan: Plan, base: Vec<Scores>, trials: Vec<Trial>) -> Option<Self> {
        let limit = plan.objective.perplexity_limit;
        let best = best(&trials, limit)?;
        Some(Self {
            version: VERSION,
            best: best.number,
            choice: best.choice,
            within_limit: best.perplexity_ratio <= limit,
            pareto: pareto_front(&trials),
            sensitivity: sensitivity(&plan.space, &trials),
            plan,
            base,
            trials,
        })
    }

    /// The trial of a number.
    pub fn trial(&self, number: u32) -> Option<&Trial> {
        self.trials.get(number as usize)
    }
}

#[cfg(test)]
pub mod tests {
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
    pub fn trial(number: u32, accuracy: f64, perplexity_ratio: f64) -> Trial {
        let choice = Choice { parameters: Parameters::default(), mu: 1.0 };
        Trial { number, choice, accuracy, perplexity_ratio, seeds: Vec::new() }
    }

    /// Numbers equal but for rounding, everything else equal.
    fn alike(ours: &serde_json::Value, theirs: &serde_json::Value, at: &str) {
        use serde_json::Value;
        match (ours, theirs) {
            (Value::Object(a), Value::Object(b)) => {
                assert!(a.keys().eq(b.keys()), "{at}: {a:?} against {b:?}");
                a.iter().for_each(|(key, value)| alike(value, &b[key], &format!("{at}/{key}")));
            }
            (Value::Array(a), Value::Array(b)) => {
                assert_eq!(a.len(), b.len(), "{at}");
                a.iter().zip(b).enumerate().for_each(|(i, (a, b))| alike(a, b, &format!("{at}/{i}")));
            }
            (Value::Number(a), Value::Number(b)) => {
                let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
                assert!((a - b).abs() <= 1e-12 * (1.0 + b.abs()), "{at}: {a} against {b}");
            }
            _ => assert_eq!(ours, theirs, "{at}"),
        }
    }

    #[test]
    fn the_page_computes_what_the_companion_wrote() {
        let theirs: serde_json::Value = serde_json::from_str(companions_json()).unwrap();
        let ours = serde_json::to_value(companion()).unwrap();
        for field in ["version", "base", "trials", "best", "choice", "within_limit", "pareto", "sensitivity"]
        {
            alike(&ours[field], &theirs[field], field);
        }
        let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&ours), keys(&theirs));
        // The page draws no settings, and keeps the rest of the plan.
        let mut plan = theirs["plan"].clone();
        plan.as_object_mut().unwrap().remove("settings");
        alike(&ours["plan"], &plan, "plan");
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
        let words = Choice { parameters, mu: 0.9 }.words(Method::Maec);
        assert_eq!(words, "α 0.8, β 0.2, γ 0.7, η 1, μ 0.9, k₂ 25\u{202f}%");
    }
}
