//! Benchmarks of an experiment with their files read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use maec_checkpoint::{read_file, sha256_hex};
use maec_tasks::{Ask, Input, Kind, Options, Sample, Task};
use serde_json::json;

use super::Answer;
use crate::error::LabError;
use crate::experiment::{Benchmark, Experiment, ExperimentError};

/// A benchmark, ready to be asked.
pub(super) struct Asked {
    /// The ability that it is of.
    pub ability: String,
    /// Its questions.
    pub task: Task,
    benchmark: Benchmark,
    kind: Kind,
    reference: String,
    /// SHA-256 of its files by name.
    files: BTreeMap<String, String>,
}

impl Asked {
    /// Reads a benchmark's files, relative to `folder`.
    pub(super) fn read(
        ability: &str,
        benchmark: &Benchmark,
        experiment: &Experiment,
        folder: &Path,
    ) -> Result<Self, LabError> {
        let kind = benchmark.kind()?;
        let read = |path: &Path, language: Option<&str>| -> Result<Input, LabError> {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            Ok(Input::new(&name, language, &read_file(path)?)?)
        };
        let language = benchmark.language.as_deref();
        let mut inputs = Vec::new();
        if let Some(data) = &benchmark.data {
            let known: BTreeSet<&str> =
                maec_tasks::MGSM_LANGUAGES.iter().map(|language| language.code).collect();
            let codes: Vec<&str> = match language {
                Some(code) => vec![code],
                None => experiment.codes().filter(|code| known.contains(code)).collect(),
            };
            for file in kind.files(&codes, benchmark.shots.unwrap_or_else(|| kind.default_shots()))? {
                inputs
                    .push(read(&folder.join(data).join(&file.path), file.language.as_deref().or(language))?);
            }
        }
        for path in &benchmark.files {
            inputs.push(read(&folder.join(path), language)?);
        }
        let (shots, max_new_tokens) = (benchmark.shots, benchmark.max_new_tokens);
        let asked = Self {
            ability: ability.to_owned(),
            task: Task::new(kind, &inputs, &Options { shots, max_new_tokens, ..Options::default() })?,
            benchmark: benchmark.clone(),
            kind,
            reference: experiment.reference.clone(),
            files: inputs.iter().map(|file| (file.name().to_owned(), file.sha256().to_owned())).collect(),
        };
        let codes: BTreeSet<&str> = experiment.codes().collect();
        let foreign = |group: &str| !codes.contains(asked.language(group).as_str());
        match asked.task.items().iter().find(|item| foreign(&item.group)) {
            Some(item) => Err(ExperimentError::ForeignQuestion {
                task: benchmark.task.clone(),
                id: item.id.clone(),
                language: asked.language(&item.group),
            }
            .into()),
            None => Ok(asked),
        }
    }

    /// The language of a group of questions, which of `mmlu` is a subject.
    pub(super) fn language(&self, group: &str) -> String {
        let given = self.benchmark.language.as_deref();
        match self.kind {
            Kind::Mmlu => given.unwrap_or(&self.reference).to_owned(),
            Kind::Gsm8k => given.unwrap_or(group).to_owned(),
            _ => group.to_owned(),
        }
    }

    /// Whether a question is in another language than the reference.
    fn goes_outside(&self) -> bool {
        self.task.items().iter().any(|item| self.language(&item.group) != self.reference)
    }

    /// Questions by language, of each group at most so many.
    pub(super) fn questions(&self, limit: Option<usize>) -> BTreeMap<String, usize> {
        let mut groups: BTreeMap<&str, usize> = BTreeMap::new();
        for item in self.task.items() {
            *groups.entry(&item.group).or_default() += 1;
        }
        let mut questions = BTreeMap::new();
        for (group, count) in groups {
            *questions.entry(self.language(group)).or_default() +=
                limit.map_or(count, |limit| count.min(limit));
        }
        questions
    }

    /// What came of a question, right where the score that counts is 1; `number` tells the experiment's benchmarks apart.
    pub(super) fn answer(&self, number: usize, sample: &Sample) -> Result<Answer, LabError> {
        let counts = self.benchmark.score(self.kind);
        let score = counts.iter().find_map(|score| sample.scores.get(*score));
        let score = score.ok_or_else(|| ExperimentError::NoScore {
            task: self.benchmark.task.clone(),
            id: sample.id.clone(),
            score: counts.join(" or "),
        })?;
        // The same row of a translated subject is the same problem.
        let prefix = self.benchmark.language.as_ref().map(|code| format!("{code}/")).unwrap_or_default();
        let problem = sample.problem.strip_prefix(prefix.as_str()).unwrap_or(&sample.problem);
        Ok(Answer {
            id: format!("{number}/{}", sample.id),
            problem: format!("{}/{problem}", self.kind),
            correct: *score == 1.0,
        })
    }

    /// What is asked word for word, by question: a benchmark that has it too asks the same.
    fn wordings(&self) -> impl Iterator<Item = (&str, String)> {
        self.task.items().iter().map(|item| {
            let wording = match &item.ask {
                Ask::Generate { prompt, .. } => prompt.question.clone(),
                Ask::Choose { prompt, choices, .. } => format!("{}\n{}", prompt.question, choices.join("\n")),
                Ask::Read { text } => text.clone(),
            };
            (item.id.as_str(), wording)
        })
    }

    /// What tells its questions from other benchmarks': 16 hex digits.
    pub(super) fn name_by_content(&self) -> String {
        let Benchmark { task, language, .. } = &self.benchmark;
        let content = json!({"task": task, "language": language, "files": self.files}).to_string();
        sha256_hex(content.as_bytes())[..16].to_owned()
    }

    /// Everything that decides what a model answers and how that counts.
    pub(super) fn identity(&self) -> serde_json::Value {
        let Benchmark { task, language, shots, max_new_tokens, score, .. } = &self.benchmark;
        json!({
            "ability": self.ability, "task": task, "language": language, "shots": shots,
            "max_new_tokens": max_new_tokens, "score": score, "files": self.files,
        })
    }
}

/// Those of `abilities` that nothing is asked about where they are to arrive.
pub(super) fn unasked(reference: &str, abilities: &[&str], all: &[Asked]) -> Vec<LabError> {
    let outside = all.iter().filter(|asked| asked.goes_outside());
    let outside: BTreeSet<&str> = outside.map(|asked| asked.ability.as_str()).collect();
    let missing = abilities.iter().filter(|ability| !outside.contains(*ability));
    let problem = |ability: &&str| {
        let (ability, reference) = ((*ability).to_owned(), reference.to_owned());
        ExperimentError::NotAsked { ability, reference }.into()
    };
    missing.map(problem).collect()
}

/// Benchmarks to choose by that ask something of the tables', each with the first such question.
pub(super) fn shared(validation: &[Asked], reported: &[Asked]) -> Vec<LabError> {
    let reported: BTreeSet<String> =
        reported.iter().flat_map(Asked::wordings).map(|(_, wording)| wording).collect();
    let first = |asked: &Asked| {
        let (id, _) = asked.wordings().find(|(_, wording)| reported.contains(wording))?;
        let (task, id) = (asked.benchmark.task.clone(), id.to_owned());
        Some(ExperimentError::SharedQuestion { task, id }.into())
    };
    validation.iter().filter_map(first).collect()
}

#[cfg(test)]
mod tests {
    use maec_tasks::Outcome;

    use super::*;

    const EXPERIMENT: &str = "\
version: 1
base_model: base
reference: en
general: {en: en, es: es}
languages: [{name: es, weight: 1}]
abilities: [{name: science, corpus: science}]
";

    fn read(folder: &Path, benchmark: &str) -> Result<Asked, LabError> {
        let text = format!("{EXPERIMENT}evaluation: {{abilities: {{science: [{benchmark}]}}}}\n");
        let experiment = Experiment::from_yaml(&text)?;
        let benchmark = &experiment.evaluated()?.abilities["science"][0];
        Asked::read("science", benchmark, &experiment, folder)
    }

    /// The sample of a benchmark's only question, with one score.
    fn sample(asked: &Asked, score: &str) -> Sample {
        let item = &asked.task.items()[0];
        Sample {
            id: item.id.clone(),
            group: item.group.clone(),
            problem: item.problem.clone(),
            prompt_sha256: String::new(),
            dropped: 0,
            answer: String::new(),
            outcome: Outcome::TooLong { tokens: 1 },
            scores: BTreeMap::from([(score.to_owned(), 1.0)]),
        }
    }

    #[test]
    fn a_translated_row_is_the_same_problem_in_another_language() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        std::fs::write(folder.join("college_physics_test.csv"), "Which?,a,b,c,d,B\n").unwrap();
        let file = "files: [college_physics_test.csv], task: mmlu";
        let here = read(folder, &format!("{{{file}}}")).unwrap();
        let there = read(folder, &format!("{{{file}, language: es}}")).unwrap();
        assert_eq!(here.questions(None), BTreeMap::from([("en".to_owned(), 1)]));
        assert_eq!(there.questions(Some(5)), BTreeMap::from([("es".to_owned(), 1)]));
        assert!(!here.goes_outside() && there.goes_outside());
        assert_ne!(here.identity(), there.identity());
        let [here, there] =
            [here.answer(0, &sample(&here, "accuracy")), there.answer(1, &sample(&there, "accuracy"))];
        let (here, there) = (here.unwrap(), there.unwrap());
        assert!(here.correct && here.problem == there.problem && here.id != there.id, "{here:?} {there:?}");
    }

    #[test]
    fn the_score_that_counts_must_be_there() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let row = r#"{"id": "a", "language": "es", "prompt": "Capital?", "answer": "Lima"}"#;
        std::fs::write(folder.join("q.jsonl"), row).unwrap();
        let asked = read(folder, "{task: jsonl, files: [q.jsonl]}").unwrap();
        assert!(asked.answer(0, &sample(&asked, "exact")).unwrap().correct);
        let asked = read(folder, "{task: jsonl, files: [q.jsonl], score: number}").unwrap();
        let said = asked.answer(0, &sample(&asked, "exact")).unwrap_err().to_string();
        assert_eq!(
            said,
            "jsonl: `a` has no score `number`: leave `score` out, or ask questions that have it"
        );
        let said = read(folder, "{task: gsm8k, files: [q.jsonl], language: te}").err().unwrap().to_string();
        assert!(said.contains("gsm8k's language is `te`"), "{said}");
    }
}
