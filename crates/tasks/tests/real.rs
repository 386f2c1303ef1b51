//! The benchmarks' real rows, where `MAEC_DATA` names their folder; without it every check here counts as ignored.
//!
//! The data's licences keep it out of the repository, so prompts are compared by hash with those that lm-evaluation-harness makes of the
//! same files (`goldens/harness.py`).

use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use maec_tasks::{Ask, Input, Item, Kind, Number, Options, Task};
use serde_json::Value;
use sha2::{Digest, Sha256};

type Outcome = Result<(), Failed>;

fn main() -> ExitCode {
    let data = std::env::var_os("MAEC_DATA").map(PathBuf::from);
    let mut arguments = Arguments::from_args();
    // Nothing can run what is not there.
    arguments.include_ignored &= data.is_some();
    arguments.ignored &= data.is_some();
    let check = |name: &str, run: fn(&Path) -> Outcome| {
        let folder = data.clone();
        let test = move || folder.as_deref().map_or_else(|| Err("MAEC_DATA is not set".into()), run);
        Trial::test(name, test).with_ignored_flag(data.is_none())
    };
    let trials = vec![
        check("mgsm_prompts_are_the_harness_s", mgsm_prompts),
        check("mgsm_answers_are_the_same_numbers_in_every_language", mgsm_answers),
        check("mgsm_exemplars_give_their_answers", mgsm_exemplars),
        check("gsm8k_prompts_are_the_harness_s", gsm8k_prompts),
        check("gsm8k_solutions_give_their_answers", gsm8k_solutions),
        check("mmlu_prompts_are_the_harness_s", mmlu_prompts),
        check("texts_are_read_whole", texts),
    ];
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn same<T: PartialEq + Debug>(found: T, expected: T, what: &str) -> Outcome {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found:?}, not {expected:?}").into()) }
}

/// The task on all its files with its own number of shots.
fn task(data: &Path, kind: Kind, languages: &[&str]) -> Result<Task, Failed> {
    let shots = kind.default_shots();
    let files: Result<Vec<Input>, Failed> = kind
        .files(languages, shots)?
        .iter()
        .map(|file| Ok(Input::new(&file.path, file.language.as_deref(), &fs::read(data.join(&file.path))?)?))
        .collect();
    Ok(Task::new(kind, &files?, &Options::default())?)
}

fn prompts_are_the_harness_s(data: &Path, kind: Kind) -> Outcome {
    let golden: Value = serde_json::from_str(include_str!("goldens/real.json"))?;
    let task = task(data, kind, &[])?;
    let groups = golden[kind.name()].as_object().ok_or("the golden lacks the task")?;
    let mut rows = 0;
    for (group, expected) in groups {
        let items = task.items().iter().filter(|item| item.group == *group);
        let prompts: Vec<String> = items.filter_map(prompt).collect();
        rows += prompts.len();
        let hash = Sha256::digest(prompts.join("\0"));
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        same((prompts.len(), hash.as_str()), golden_of(expected)?, group)?;
    }
    same(rows, task.items().len(), "rows of all groups")
}

fn golden_of(expected: &Value) -> Result<(usize, &str), Failed> {
    let count = expected[0].as_u64().ok_or("no count")?;
    Ok((usize::try_from(count)?, expected[1].as_str().ok_or("no hash")?))
}

fn prompt(item: &Item) -> Option<String> {
    match &item.ask {
        Ask::Generate { prompt, .. } | Ask::Choose { prompt, .. } => Some(prompt.text(0)),
        Ask::Read { .. } => None,
    }
}

fn mgsm_prompts(data: &Path) -> Outcome {
    prompts_are_the_harness_s(data, Kind::Mgsm)
}

fn gsm8k_prompts(data: &Path) -> Outcome {
    prompts_are_the_harness_s(data, Kind::Gsm8k)
}

fn mmlu_prompts(data: &Path) -> Outcome {
    prompts_are_the_harness_s(data, Kind::Mmlu)
}

fn mgsm_answers(data: &Path) -> Outcome {
    let task = task(data, Kind::Mgsm, &[])?;
    let numbers = |language: &str| -> Vec<Option<Number>> {
        let items = task.items().iter().filter(|item| item.group == language);
        items
            .map(|item| if let Ask::Generate { answer, .. } = &item.ask { answer.parse().ok() } else { None })
            .collect()
    };
    let english = numbers("en");
    same((english.len(), english.iter().flatten().count()), (250, 250), "numbers in English")?;
    for language in ["es", "bn", "te", "zh"] {
        same(numbers(language), english.clone(), language)?;
    }
    Ok(())
}

/// Each exemplar's own answer, read by every filter of its language.
fn mgsm_exemplars(data: &Path) -> Outcome {
    let exemplars: Value = serde_json::from_str(&fs::read_to_string(data.join("mgsm/exemplars.json"))?)?;
    let answers = exemplars["number_answers"].as_array().ok_or("no answers")?;
    let mut read = 0;
    for language in ["en", "es", "bn", "te", "zh"] {
        let task = task(data, Kind::Mgsm, &[language])?;
        let Ask::Generate { scoring, .. } = &task.items()[0].ask else { return Err("not generated".into()) };
        for (index, answer) in answers.iter().enumerate() {
            let text = exemplars["exemplars"][language][(index + 1).to_string()]["a"]
                .as_str()
                .ok_or("no exemplar")?;
            let found = scoring.score(text, &answer.to_string());
            for name in ["strict", "localised", "flexible", "number"] {
                // The harness's strict pattern for Bengali is the English one.
                let expected = f64::from(u8::from(!(language == "bn" && name == "strict")));
                same(found.scores[name], expected, &format!("{language} {} {name}", index + 1))?;
            }
            read += 1;
        }
    }
    same(read, 40, "exemplars")
}

/// Every solution, as the model's output, is right by every filter.
fn gsm8k_solutions(data: &Path) -> Outcome {
    let task = task(data, Kind::Gsm8k, &[])?;
    same(task.items().len(), 1319, "rows")?;
    for item in task.items() {
        let Ask::Generate { answer, scoring, .. } = &item.ask else { return Err("not generated".into()) };
        let found = scoring.score(answer, answer);
        same(found.scores.values().copied().collect(), vec![1.0; 3], &item.id)?;
        same(found.filtered["strict"].replace(',', ""), scoring.normal(answer), &item.id)?;
        same(found.filtered["number"].clone(), scoring.normal(answer), &item.id)?;
    }
    Ok(())
}

fn texts(data: &Path) -> Outcome {
    let task = task(data, Kind::Text, &[])?;
    for language in ["en", "es", "bn", "te", "zh"] {
        let whole = fs::read_to_string(data.join(format!("udhr/{language}.txt")))?;
        let items = task.items().iter().filter(|item| item.group == language);
        let pieces: Vec<&str> = items
            .filter_map(|item| if let Ask::Read { text } = &item.ask { Some(text.as_str()) } else { None })
            .collect();
        same(pieces.concat() == whole, true, language)?;
        same(pieces.iter().all(|piece| piece.len() <= 8192), true, language)?;
    }
    Ok(())
}
