//! Evaluation of what was loaded on files that a person chose.

use js_sys::Array;
use leptos::prelude::*;
use leptos::task::spawn_local;
use maec_protocol::{Reply, Request};
use web_sys::File;

use crate::browser;
use crate::engine::CallError;
use crate::format::seconds;
use crate::studio::boot::CONFUSED;
use crate::studio::{Run, Studio};

/// A kind of benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Task {
    /// What messages call it.
    pub code: &'static str,
    /// What people call it, with the file that it takes.
    pub label: &'static str,
}

/// All of them.
pub const TASKS: [Task; 5] = [
    Task { code: "mgsm", label: "MGSM (TSV: question, answer)" },
    Task { code: "gsm8k", label: "GSM8K (JSONL: question, answer)" },
    Task { code: "mmlu", label: "MMLU, four choices (CSV)" },
    Task { code: "jsonl", label: "My own questions (JSONL)" },
    Task { code: "text", label: "Perplexity of a text" },
];

/// The task and the language that files' names speak of: the first that is no file of exemplars.
pub fn guess(names: &[String]) -> (&'static str, Option<&str>) {
    let name = names.iter().find(|name| !name.contains("exemplars")).or(names.first());
    let name = name.map_or("", |name| name.rsplit('/').next().unwrap_or(name));
    let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
    let language = stem.rsplit_once('_').map(|(_, code)| code).filter(|code| code.len() == 2);
    match ending {
        "tsv" => ("mgsm", language),
        "csv" => ("mmlu", None),
        "jsonl" if stem == "test" || stem == "train" || stem.contains("gsm8k") => ("gsm8k", None),
        "jsonl" | "json" => ("jsonl", None),
        _ => ("text", None),
    }
}

/// A finished evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// The task's code.
    pub task: String,
    /// What was evaluated: the loaded model's title.
    pub title: String,
    /// The files.
    pub names: Vec<String>,
    /// The report, as the companion writes it.
    pub json: String,
    /// The same for people, header row first.
    pub table: Vec<Vec<String>>,
    /// Seconds it took.
    pub seconds: f64,
}

impl Studio {
    /// Evaluates what was loaded on files.
    pub fn evaluate_own(self, task: String, language: String, limit: Option<u32>, files: Vec<File>) {
        let Some(title) = self.own.loaded.with_untracked(|loaded| Some(loaded.as_ref()?.title.clone()))
        else {
            return;
        };
        let (run, note) = (self.own.evaluating, self.own.evaluate_note);
        if files.is_empty() || !self.begin(run, note, |hands| &mut hands.own.evaluate) {
            return;
        }
        spawn_local(async move {
            let names: Vec<String> = files.iter().map(File::name).collect();
            let request = Request::EvaluateOwn { task: task.clone(), names: names.clone(), language, limit };
            let outcome = self.try_evaluate(request, files.iter().collect()).await;
            self.own.evaluating.set(Run::Idle);
            match outcome {
                Ok((json, table, time)) => {
                    self.own.news.set(format!("The evaluation is done, in {}.", seconds(time)));
                    self.own.measured.set(Some(Measured { task, title, names, json, table, seconds: time }));
                }
                Err(CallError::Failed(sentence)) => self.own.evaluate_note.set(sentence),
                Err(CallError::Cancelled) => {
                    self.own.evaluate_note.set("Stopped. There is no report.".into())
                }
                Err(CallError::Lost) => self.own.evaluate_note.set(
                    "The engine stopped while it was evaluating. Load the model again, then try again."
                        .into(),
                ),
            }
        });
    }

    /// Stops the evaluation in progress.
    pub fn cancel_own_evaluation(self) {
        self.cancel(|hands| &mut hands.own.evaluate);
    }

    /// Downloads the last report.
    pub fn save_report(self) {
        let saved = self.own.measured.with_untracked(|measured| {
            let measured = measured.as_ref()?;
            let name = format!("report-{}.json", measured.task);
            browser::download(&name, "application/json", measured.json.as_bytes())?;
            Some(name)
        });
        match saved {
            Some(name) => self.say(format!("{name} is in your downloads.")),
            None => self.warn("The browser refused the download. Allow downloads for this page."),
        }
    }

    async fn try_evaluate(
        self,
        request: Request,
        files: Array,
    ) -> Result<(String, Vec<Vec<String>>, f64), CallError> {
        match self.long(self.own.evaluating, request, files, |hands| &mut hands.own.evaluate).await? {
            Reply::Report { json, table, seconds } => Ok((json, table, seconds)),
            _ => Err(CallError::Failed(CONFUSED.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_tasks_and_languages() {
        let codes = TASKS.map(|task| task.code);
        let told = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|&name| name.into()).collect();
            let (code, language) = guess(&names);
            assert!(codes.contains(&code));
            (code, language.map(str::to_owned))
        };
        assert_eq!(told(&["exemplars.json", "mgsm_bn.tsv"]), ("mgsm", Some("bn".into())));
        assert_eq!(told(&["mine.tsv"]), ("mgsm", None));
        assert_eq!(told(&["gsm8k/test.jsonl"]), ("gsm8k", None));
        assert_eq!(told(&["questions.jsonl"]), ("jsonl", None));
        assert_eq!(told(&["college_biology_test.csv"]), ("mmlu", None));
        assert_eq!(told(&["story.txt"]), ("text", None));
        assert_eq!(told(&["README"]), ("text", None));
    }
}
