//! Prompts, stop strings, filters and scores against what lm-evaluation-harness gave for the same made-up rows
//! (`goldens/harness.py` asked it).

use maec_tasks::{Ask, Input, Item, Kind, Options, Task};
use serde_json::{Value, json};

fn golden() -> Value {
    serde_json::from_str(include_str!("goldens/harness.json")).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn file(name: &str, content: impl AsRef<str>) -> Input {
    Input::new(name, None, content.as_ref().as_bytes()).unwrap()
}

/// The only item of `files` with so many shots.
fn item(kind: Kind, files: &[Input], shots: usize) -> Item {
    let task = Task::new(kind, files, &Options { shots: Some(shots), ..Options::default() }).unwrap();
    let [item] = task.items() else { panic!("one row makes one item") };
    item.clone()
}

fn prompt(item: &Item) -> String {
    match &item.ask {
        Ask::Generate { prompt, .. } | Ask::Choose { prompt, .. } => prompt.text(0),
        Ask::Read { .. } => panic!("{} has no prompt", item.id),
    }
}

fn assert_prompts(kind: Kind, files: &[Input], expected: &Value) {
    for (shots, expected) in expected.as_object().unwrap() {
        assert_eq!(
            prompt(&item(kind, files, shots.parse().unwrap())),
            text(expected),
            "{kind}, {shots} shots"
        );
    }
}

/// The stop strings, and every filter's answer and score; the right answer is the row's own.
fn assert_answers(item: &Item, golden: &Value) -> usize {
    let Ask::Generate { until, scoring, .. } = &item.ask else { panic!("{} is not generated", item.id) };
    assert_eq!(json!(**until), golden["until"]);
    let rows = golden["answers"].as_array().unwrap();
    for row in rows {
        let found = scoring.score(text(&row["text"]), text(&row["gold"]));
        for name in ["strict", "flexible"] {
            let found = json!([found.filtered[name], found.scores[name]]);
            assert_eq!(found, row[name], "{}: {name} of {row}", item.group);
        }
    }
    rows.len()
}

#[test]
fn mgsm_is_the_harness_s_in_every_language() {
    let golden = golden();
    let languages = golden["mgsm"].as_object().unwrap();
    assert_eq!(languages.len(), maec_tasks::MGSM_LANGUAGES.len());
    for (language, golden) in languages {
        let numbered: serde_json::Map<String, Value> = golden["exemplars"]
            .as_array()
            .unwrap()
            .iter()
            .enumerate()
            .map(|(index, exemplar)| ((index + 1).to_string(), exemplar.clone()))
            .collect();
        let files = [
            file("exemplars.json", json!({"exemplars": {language: numbered}}).to_string()),
            file(&format!("mgsm_{language}.tsv"), format!("{}\t1,200\n", text(&golden["question"]))),
        ];
        assert_prompts(Kind::Mgsm, &files, &golden["prompts"]);
        assert!(assert_answers(&item(Kind::Mgsm, &files, 2), golden) > 20);
    }
}

#[test]
fn gsm8k_is_the_harness_s() {
    let golden = &golden()["gsm8k"];
    let train: String = golden["rows"].as_array().unwrap().iter().map(|row| format!("{row}\n")).collect();
    let test = json!({"question": golden["question"], "answer": golden["answer"]});
    let files = [file("test.jsonl", test.to_string()), file("train.jsonl", train)];
    assert_prompts(Kind::Gsm8k, &files, &golden["prompts"]);
    assert_eq!(assert_answers(&item(Kind::Gsm8k, &files, 2), golden), 150);
}

#[test]
fn mmlu_is_the_harness_s() {
    let golden = &golden()["mmlu"];
    let files = [
        file("high_school_physics_test.csv", csv_rows(std::slice::from_ref(&golden["doc"]))),
        file("high_school_physics_dev.csv", csv_rows(golden["rows"].as_array().unwrap())),
    ];
    assert_prompts(Kind::Mmlu, &files, &golden["prompts"]);
    let Ask::Choose { choices, answer, .. } = item(Kind::Mmlu, &files, 0).ask else { panic!("it is chosen") };
    assert_eq!(
        (json!(choices), json!(answer)),
        (golden["continuations"].clone(), golden["doc"]["answer"].clone())
    );
}

/// Rows as MMLU's files have them: question, choices, letter.
fn csv_rows(rows: &[Value]) -> String {
    let quoted = |cell: &str| format!("\"{}\"", cell.replace('"', "\"\""));
    let line = |row: &Value| {
        let choices = row["choices"].as_array().unwrap().iter().map(text);
        let letter = &"ABCD"[row["answer"].as_u64().unwrap() as usize..][..1];
        let cells: Vec<String> =
            [text(&row["question"])].into_iter().chain(choices).chain([letter]).map(quoted).collect();
        cells.join(",") + "\n"
    };
    rows.iter().map(line).collect()
}
