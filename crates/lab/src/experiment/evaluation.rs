//! What an experiment's models are asked.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use maec_tasks::Kind;
use serde::{Deserialize, Serialize};

use super::{Experiment, ExperimentError};

/// Benchmarks for every ability, and how much of held-out text is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// Benchmarks by the ability that they ask for: what the tables report.
    pub abilities: BTreeMap<String, Vec<Benchmark>>,
    /// Benchmarks of other questions, by ability, that hyper-parameters are chosen on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub validation: BTreeMap<String, Vec<Benchmark>>,
    /// The first so many questions of every language or subject of a benchmark; all without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<NonZeroUsize>,
    /// Prompts that go through a model together; it changes no answer.
    #[serde(default = "batch")]
    pub batch: NonZeroUsize,
    /// Windows, evenly spaced, of each general corpus's held-out side, for perplexity.
    #[serde(default = "windows")]
    pub windows: NonZeroUsize,
}

fn batch() -> NonZeroUsize {
    const { NonZeroUsize::new(8).unwrap() }
}

fn windows() -> NonZeroUsize {
    const { NonZeroUsize::new(64).unwrap() }
}

/// A benchmark, as `maec eval --task` reads it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Benchmark {
    /// `mgsm`, `gsm8k`, `mmlu` or `jsonl`.
    pub task: String,
    /// Its files, from the experiment's own folder: rows, and perhaps exemplars.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<PathBuf>,
    /// A folder of benchmark data with `mgsm/`, `gsm8k/` and `mmlu_stem_en/` in it, in place of files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<PathBuf>,
    /// The questions' language, where neither rows nor files say it; `mmlu`'s is the reference without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Exemplars before each question; the task's usual number without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shots: Option<usize>,
    /// Tokens after which an answer is cut off; the task's own limit without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_new_tokens: Option<usize>,
    /// Which of the task's scores counts; see [`Benchmark::score`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<String>,
}

impl Benchmark {
    /// Which benchmark it is.
    ///
    /// # Errors
    /// [`ExperimentError::Value`] where there is no such task, or it asks no question.
    pub fn kind(&self) -> Result<Kind, ExperimentError> {
        match self.task.parse() {
            Ok(Kind::Text) | Err(_) => Err(ExperimentError::Value {
                key: "a benchmark's task".into(),
                value: format!("`{}`", maec_recipe::shown(&self.task)),
                expected: "give mgsm, gsm8k, mmlu or jsonl",
            }),
            Ok(kind) => Ok(kind),
        }
    }

    /// The scores that may count, the first that an answer has: the one asked for, or of `jsonl` choices' accuracy and exact
    /// matches, of `mmlu` accuracy, of the others the parsed number.
    pub fn score(&self, kind: Kind) -> Vec<&str> {
        match (&self.score, kind) {
            (Some(score), _) => vec![score],
            (None, Kind::Jsonl) => vec!["accuracy", "exact"],
            (None, Kind::Mmlu) => vec!["accuracy"],
            (None, _) => vec!["number"],
        }
    }
}

impl Experiment {
    /// Refuses an evaluation that leaves an ability out or asks what no task is.
    pub(super) fn check_evaluation(&self) -> Result<(), ExperimentError> {
        let Some(evaluation) = &self.evaluation else { return Ok(()) };
        let codes: BTreeSet<&str> = self.codes().collect();
        for (ability, benchmarks) in evaluation.abilities.iter().chain(&evaluation.validation) {
            if self.ability(ability).is_none() {
                let known = self.abilities.iter().map(|ability| format!("`{}`", ability.name)).collect();
                return Err(ExperimentError::NoAbility { name: ability.clone(), known });
            }
            for benchmark in benchmarks {
                check(benchmark, &codes)?;
            }
        }
        let asked = |name: &str| evaluation.abilities.get(name).is_some_and(|all| !all.is_empty());
        match self.abilities.iter().find(|ability| !asked(&ability.name)) {
            Some(ability) => Err(ExperimentError::NoBenchmark { ability: ability.name.clone() }),
            None => Ok(()),
        }
    }

    /// What its models are asked.
    ///
    /// # Errors
    /// [`ExperimentError::NoEvaluation`].
    pub fn evaluated(&self) -> Result<&Evaluation, ExperimentError> {
        self.evaluation.as_ref().ok_or_else(|| {
            let ability = self.abilities.first().map_or_else(String::new, |one| one.name.clone());
            ExperimentError::NoEvaluation { ability }
        })
    }

    /// The same, where something is there to choose an ability's hyper-parameters on.
    ///
    /// # Errors
    /// As [`evaluated`](Self::evaluated), and [`ExperimentError::NoValidation`].
    pub fn validated(&self, ability: &str) -> Result<&Evaluation, ExperimentError> {
        let evaluation = self.evaluated()?;
        match evaluation.validation.get(ability) {
            Some(benchmarks) if !benchmarks.is_empty() => Ok(evaluation),
            _ => Err(ExperimentError::NoValidation { ability: ability.to_owned() }),
        }
    }

    /// The codes of all languages, the reference's first.
    pub fn codes(&self) -> impl Iterator<Item = &str> {
        let targets = self.languages.iter().map(|language| language.name.as_str());
        std::iter::once(self.reference.as_str()).chain(targets)
    }
}

fn check(benchmark: &Benchmark, codes: &BTreeSet<&str>) -> Result<(), ExperimentError> {
    let kind = benchmark.kind()?;
    let refuse = |key: &str, value: String, expected| {
        Err(ExperimentError::Value { key: format!("{kind}'s {key}"), value, expected })
    };
    match (benchmark.files.is_empty(), &benchmark.data) {
        (true, None) => return refuse("files", "empty".into(), "name its files, or a folder as `data`"),
        (false, Some(data)) => {
            let value = format!("`{}`, and there are files", data.display());
            return refuse("data", value, "give one of the two");
        }
        (true, Some(data)) if kind == Kind::Jsonl => {
            return refuse("data", format!("`{}`", data.display()), "name its files as `files`");
        }
        _ => {}
    }
    if let Some(code) = benchmark.language.as_ref().filter(|code| !codes.contains(code.as_str())) {
        return refuse(
            "language",
            format!("`{}`", maec_recipe::shown(code)),
            "give the reference or a target language",
        );
    }
    if let Some(score) = benchmark.score.as_ref().filter(|score| !kind.scores().contains(&score.as_str())) {
        let value = format!("`{}`, not {}", maec_recipe::shown(score), kind.scores().join(", "));
        return refuse("score", value, "give one of these, or leave it out");
    }
    Ok(())
}
