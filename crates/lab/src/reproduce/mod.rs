//! The paper's tables and figures, measured on the workshop world.
//!
//! [`measure`] makes one seed's numbers, training what the store does not have; [`report`](fn@report) turns the numbers of several seeds into
//! tables, figures and sentences beside the paper's own.

mod brief;
mod figures;
mod findings;
mod measure;
mod published;
mod study;
mod tables;
mod tuned;

pub use brief::Brief;
pub use measure::{Measured, Numbers, Row, measure, total_steps};
pub use study::{Agreement, LayerPair};
pub use tuned::Tuned;

use crate::report::{Part, Report};
use crate::settings::LabSettings;

/// What a report is made from.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Results {
    /// Whether this only checks that everything runs.
    pub quick: bool,
    /// Sizes, steps and rates.
    pub settings: LabSettings,
    /// What was tuned on validation problems of other seeds.
    pub tuned: Tuned,
    /// Test problems of each ability in every language.
    pub problems: usize,
    /// One for each seed.
    pub seeds: Vec<Numbers>,
}

/// The report of some results; `command` makes them again.
pub fn report(results: &Results, command: &str) -> Report {
    let seeds: Vec<String> = results.seeds.iter().map(|numbers| numbers.seed.to_string()).collect();
    let mut title = "MAEC on the workshop world: the paper's tables".to_owned();
    let mut summary = vec![format!(
        "Seeds {}. Accuracies are per cent of {} test problems of each ability in every language; averages leave the language that \
         the ability was taught in out. Intervals are 95 %: Student's over the seeds where there are several, clustered by operand pair or fact where there is one.",
        seeds.join(", "),
        results.problems
    )];
    if results.quick {
        title = format!("Plumbing check, not a result. {title}");
        summary.insert(0, "Everything here was trained for a few steps only, to check that every part runs: no number means anything.".into());
    }
    summary.push(
        "Numbers under “paper” are LLaMA-3 8B's (or as said), as printed in arXiv 2410.07825: another model, other languages' data and other tasks, so they \
         stand beside ours for the direction of an effect, not for its size."
            .into(),
    );
    let mut parts = findings::findings(results);
    for ability in results.abilities() {
        parts.push(Part::Table(tables::baselines(results, ability)));
        parts.push(Part::Table(tables::out_of_domain(results, ability)));
        for score in figures::SCORES {
            parts.push(Part::Figure(figures::ablation(results, ability, score)));
        }
        for score in figures::SCORES {
            parts.push(Part::Figure(figures::ratio(results, ability, score)));
        }
        parts.push(Part::Figure(figures::losses(results, ability)));
        parts.push(Part::Figure(figures::layers(results, ability, Agreement::cosine, "cosine")));
        parts.push(Part::Figure(figures::layers(
            results,
            ability,
            Agreement::l1,
            "mean |difference|, × 1e-3",
        )));
        parts.push(Part::Table(tables::small_models(results, ability)));
        parts.push(Part::Table(tables::kinds(results, ability)));
        parts.push(Part::Table(tables::overlaps(results, ability)));
    }
    Report { title, command: command.to_owned(), summary, parts }
}

impl Results {
    /// The abilities, in the order measured.
    pub fn abilities(&self) -> Vec<&str> {
        self.seeds
            .first()
            .map_or(Vec::new(), |numbers| numbers.abilities.keys().map(String::as_str).collect())
    }

    /// One ability's numbers, seed by seed.
    fn of<'a>(&'a self, ability: &'a str) -> impl Iterator<Item = &'a Measured> + 'a {
        self.seeds.iter().filter_map(move |numbers| numbers.abilities.get(ability))
    }
}
