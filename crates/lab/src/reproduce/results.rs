//! The numbers of several seeds, and their report.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::measure::{Measured, Numbers};
use super::tuned::Chosen;
use super::{Agreement, figures, findings, tables};
use crate::experiment::Experiment;
use crate::extraction::LanguageVectors;
use crate::report::{Part, Report};
use crate::settings::LabSettings;

/// Letters of an ability's name in the names of files.
const LONGEST_NAME: usize = 24;

/// What a report is made from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Results {
    /// Whether this only checks that everything runs.
    pub quick: bool,
    /// What was measured.
    pub of: Measures,
    /// All languages' codes, the reference's first, then the targets in Eq. 3's order.
    pub languages: Vec<String>,
    /// Steps of every continual pre-training, as many as MAEC's masked trainings have together.
    pub budget: u32,
    /// What merges were made with, by ability: chosen before any of these questions was asked.
    pub chosen: BTreeMap<String, Chosen>,
    /// One for each seed.
    pub seeds: Vec<Numbers>,
}

/// What was measured, with all that decides it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measures {
    /// The workshop world.
    World {
        /// Sizes, steps and rates.
        settings: Box<LabSettings>,
        /// Validation seeds of the choices.
        tuned_on: Vec<u64>,
        /// Test problems of each ability in every language.
        problems: usize,
    },
    /// Models and texts from files.
    Experiment {
        /// What its file is called.
        name: String,
        /// What it says.
        experiment: Box<Experiment>,
        /// Questions by ability and language.
        questions: BTreeMap<String, BTreeMap<String, usize>>,
    },
}

impl Measures {
    fn title(&self) -> String {
        let of = match self {
            Self::World { .. } => "the workshop world",
            Self::Experiment { name, .. } => name,
        };
        format!("MAEC on {of}: the paper's tables")
    }

    fn asked(&self) -> String {
        match self {
            Self::World { problems, .. } => {
                format!(
                    "Accuracies are per cent of {problems} test problems of each ability in every language"
                )
            }
            Self::Experiment { questions, .. } => {
                let ability = |(name, languages): (&String, &BTreeMap<String, usize>)| {
                    let counts: Vec<String> =
                        languages.iter().map(|(code, count)| format!("{code} {count}")).collect();
                    format!("{name} {}", counts.join(", "))
                };
                let counts: Vec<String> = questions.iter().map(ability).collect();
                format!("Accuracies are per cent of the questions asked ({})", counts.join("; "))
            }
        }
    }

    /// What stands or falls together where there is one seed.
    fn clusters(&self) -> &'static str {
        match self {
            Self::World { .. } => "operand pair or fact",
            Self::Experiment { .. } => "problem, whatever its language,",
        }
    }

    /// What the trainings and exams were, beyond what the tables say.
    fn methods(&self) -> Option<String> {
        let Self::Experiment { experiment, .. } = self else { return None };
        let training = &experiment.training;
        let windows = experiment.evaluation.as_ref().map_or(0, |evaluation| evaluation.windows.get());
        let vectors = match experiment.language_vectors {
            LanguageVectors::Plain => "",
            LanguageVectors::TwoTerm => {
                " R(Lᵢ) is of two terms, α(Θ_{Li} − Θo) − β(Θ_{L0} − Θo), with the α and β of each merge: −AWO's are plain."
            }
        };
        Some(format!(
            "The base is {}. Every training is {} tokens in steps of {}, at a peak rate of {:.1e}; Eq. 1's are {}. Seeds are those of the data's order, from one \
             base. Perplexity is of at most {windows} held-out windows of each language's general corpus.{vectors}",
            experiment.base_model,
            training.tokens,
            training.tokens_per_step,
            training.learning_rate,
            experiment.neurons.tokens.unwrap_or(training.tokens),
        ))
    }
}

impl Results {
    /// L0's code.
    pub fn reference(&self) -> &str {
        self.languages.first().map_or("", String::as_str)
    }

    /// Whether the translated ability is exact, as the world's is.
    pub(super) fn is_world(&self) -> bool {
        matches!(self.of, Measures::World { .. })
    }

    /// The abilities, in the order measured.
    pub fn abilities(&self) -> Vec<&str> {
        self.seeds
            .first()
            .map_or(Vec::new(), |numbers| numbers.abilities.keys().map(String::as_str).collect())
    }

    /// One ability's numbers, seed by seed.
    pub(super) fn of<'a>(&'a self, ability: &'a str) -> impl Iterator<Item = &'a Measured> + 'a {
        self.seeds.iter().filter_map(move |numbers| numbers.abilities.get(ability))
    }

    /// What a part about an ability is called in files and links, whatever letters the ability's name has.
    pub(super) fn id(&self, part: &str, ability: &str) -> String {
        let plain = |name: &str| -> String {
            let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
            name.chars().take(LONGEST_NAME).map(letter).collect()
        };
        let (abilities, mine) = (self.abilities(), plain(ability));
        let place = abilities.iter().position(|other| *other == ability).unwrap_or_default();
        let alike = abilities.iter().filter(|other| plain(other) == mine).count();
        if alike > 1 { format!("{part}-{mine}-{place}") } else { format!("{part}-{mine}") }
    }

    /// What an ability's tables lack, and why.
    pub(super) fn left_out(&self, ability: &str) -> Vec<String> {
        self.of(ability).next().map_or_else(Vec::new, |measured| measured.left_out.clone())
    }
}

/// The report of some results; `command` makes them again.
pub fn report(results: &Results, command: &str) -> Report {
    let seeds: Vec<String> = results.seeds.iter().map(|numbers| numbers.seed.to_string()).collect();
    let mut title = results.of.title();
    let mut summary = vec![format!(
        "Seeds {}. {}; averages leave the language that the ability was taught in out. Intervals are 95 %: Student's over the seeds where there are several, \
         clustered by {} where there is one.",
        seeds.join(", "),
        results.of.asked(),
        results.of.clusters(),
    )];
    if results.quick {
        title = format!("Plumbing check, not a result. {title}");
        summary.insert(0, "Everything here was trained for a few steps only, to check that every part runs: no number means anything.".into());
    }
    summary.extend(results.of.methods());
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
        if results.of(ability).any(|measured| !measured.layers.is_empty()) {
            parts.push(Part::Figure(figures::layers(results, ability, Agreement::cosine, "cosine")));
            let distance = "mean |difference|, × 1e-3";
            parts.push(Part::Figure(figures::layers(results, ability, Agreement::l1, distance)));
        }
        parts.push(Part::Table(tables::small_models(results, ability)));
        parts.push(Part::Table(tables::kinds(results, ability)));
        parts.push(Part::Table(tables::overlaps(results, ability)));
    }
    Report { title, command: command.to_owned(), summary, parts }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(abilities: &[&str]) -> Results {
        let nothing = || Measured {
            rows: Vec::new(),
            ablations: Vec::new(),
            ratios: Vec::new(),
            kinds: Vec::new(),
            losses: Vec::new(),
            layers: Vec::new(),
            overlaps: Vec::new(),
            state: Vec::new(),
            left_out: Vec::new(),
            asked: Vec::new(),
        };
        let abilities = abilities.iter().map(|name| ((*name).to_owned(), nothing())).collect();
        Results {
            quick: true,
            of: Measures::World {
                settings: Box::new(LabSettings::quick()),
                tuned_on: Vec::new(),
                problems: 0,
            },
            languages: vec!["en".to_owned()],
            budget: 0,
            chosen: BTreeMap::new(),
            seeds: vec![Numbers { seed: 1, abilities }],
        }
    }

    #[test]
    fn any_ability_can_name_a_file() {
        let of = results(&["Sums & more", "sums---more", "../यह", "science"]);
        let ids: Vec<String> = of.abilities().iter().map(|ability| of.id("table-2", ability)).collect();
        assert_eq!(
            ids,
            ["table-2------", "table-2-sums---more-1", "table-2-science", "table-2-sums---more-3"]
        );
    }
}
