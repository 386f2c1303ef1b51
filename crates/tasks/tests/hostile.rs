//! Rows that are not what they should be: each is refused with its own error, in one line that names the place.

use maec_tasks::{Error, Input, Kind, Options, Task};
use proptest::prelude::*;

fn input(name: &str, text: &str) -> Result<Input, Error> {
    Input::new(name, None, text.as_bytes())
}

/// The task of files `(name, text)` without shots.
fn build(kind: Kind, files: &[(&str, &str)]) -> Result<Task, Error> {
    let files: Result<Vec<Input>, Error> = files.iter().map(|(name, text)| input(name, text)).collect();
    Task::new(kind, &files?, &Options { shots: Some(0), ..Options::default() })
}

#[track_caller]
fn refused(kind: Kind, files: &[(&str, &str)], expected: &str) {
    let message = build(kind, files).map(|task| task.items().len()).unwrap_err().to_string();
    assert!(message.contains(expected), "{message}");
    assert!(!message.contains('\n') && message.len() < 300, "{message}");
}

#[test]
fn bytes_that_are_no_text() {
    let error = Input::new("a/b/x.tsv", None, b"ab\xff").unwrap_err();
    assert!(matches!(&error, Error::NotUtf8 { file, at: 2 } if file == "x.tsv"), "{error}");
    let error = input("x.tsv", "a\t1\nb\0c\t2\n").unwrap_err();
    assert!(matches!(&error, Error::Nul { file, line: 2 } if file == "x.tsv"), "{error}");
}

#[test]
fn mgsm_rows() {
    let file = "mgsm_es.tsv";
    refused(Kind::Mgsm, &[(file, "")], "no row");
    refused(Kind::Mgsm, &[(file, "q\t1\nq")], "line 2 has 1 columns, 2 are needed");
    refused(Kind::Mgsm, &[(file, "q\tx\t1")], "line 1 has 3 columns");
    refused(Kind::Mgsm, &[(file, " \t1")], "line 1: question is empty");
    refused(Kind::Mgsm, &[(file, "q\t")], "line 1: answer is empty");
    refused(Kind::Mgsm, &[(file, "q\tmany")], "`many` is not a number");
    refused(Kind::Mgsm, &[(file, &format!("{}\t1", "x".repeat(1 << 20)))], "line 1 has 1048578 bytes");
    refused(Kind::Mgsm, &[(file, &format!("q\t{}", "১x".repeat(1 << 10)))], "is not a number");
    refused(Kind::Mgsm, &[("rows.tsv", "q\t1")], "rows.tsv does not say its language");
    refused(Kind::Mgsm, &[("mgsm_xx.tsv", "q\t1")], "no prompt in `xx`");
    refused(Kind::Mgsm, &[(file, "q\t1"), ("exemplars.json", "{")], "exemplars.json: line 1");
    refused(Kind::Mgsm, &[(file, "q\t1"), (file, "q\t1")], "two rows are called `es/1`");
    let shots = Options { shots: Some(2), ..Options::default() };
    let exemplars = r#"{"exemplars": {"es": {"1": {"q": "Pregunta: a", "a": "Respuesta paso a paso: b"}}}}"#;
    let files = [input(file, "q\t1").unwrap(), input("exemplars.json", exemplars).unwrap()];
    let error = Task::new(Kind::Mgsm, &files, &shots).unwrap_err();
    assert!(matches!(&error, Error::Exemplars { group, shots: 2, found: 1, .. } if group == "es"), "{error}");
}

#[test]
fn gsm8k_rows() {
    let file = "test.jsonl";
    refused(Kind::Gsm8k, &[(file, "\n\n")], "no row");
    refused(Kind::Gsm8k, &[(file, "{}")], "missing field `question`");
    refused(Kind::Gsm8k, &[(file, "[1]")], "test.jsonl: line 1");
    refused(
        Kind::Gsm8k,
        &[(file, r#"{"question": "q", "answer": "So #### seven"}"#)],
        "answer has no result",
    );
    refused(Kind::Gsm8k, &[(file, r#"{"question": "", "answer": "So #### 7"}"#)], "question is empty");
    refused(Kind::Gsm8k, &[("train.jsonl", r#"{"question": "q", "answer": "So #### 7"}"#)], "no row");
}

#[test]
fn mmlu_rows() {
    let file = "college_physics_test.csv";
    refused(Kind::Mmlu, &[(file, "q,a,b,c,d")], "line 1 has 5 columns, 6 are needed");
    refused(Kind::Mmlu, &[(file, "q,a,b,c,d,A\nq,a,b,c,d,E")], "line 2: answer `E` is not A, B, C or D");
    refused(Kind::Mmlu, &[(file, ",a,b,c,d,A")], "question is empty");
    refused(
        Kind::Mmlu,
        &[(file, &format!("\"{}", "x\n".repeat(1 << 18)))],
        "is a quote or a line break missing",
    );
    refused(Kind::Mmlu, &[("physics.csv", "q,a,b,c,d,A")], "physics.csv: mmlu needs <subject>_test.csv");
    let files = [input(file, "q,a,b,c,d,A").unwrap()];
    assert!(Task::new(Kind::Mmlu, &files, &Options::default()).is_ok());
    let error = Task::new(Kind::Mmlu, &files, &Options { shots: Some(5), ..Options::default() }).unwrap_err();
    assert!(matches!(&error, Error::Exemplars { shots: 5, found: 0, .. }), "{error}");
}

#[test]
fn rows_of_ones_own() {
    for (row, expected) in [
        ("{", "line 1"),
        ("{}", "missing field `answer`"),
        (r#"{"answer": "x"}"#, "fits no task"),
        (r#"{"prompt": "p", "question": "q", "answer": "x"}"#, "fits no task"),
        (r#"{"prompt": " ", "answer": "x"}"#, "prompt is empty"),
        (r#"{"prompt": "p", "answer": ""}"#, "answer is empty"),
        (r#"{"prompt": "p", "answer": {"a": 1}}"#, "line 1"),
        (r#"{"question": "q", "choices": ["a"], "answer": 0}"#, "2 to 26"),
        (r#"{"question": "q", "choices": ["a", "b"], "answer": 2}"#, "the number of a choice"),
        (r#"{"question": "q", "choices": ["a", "b"], "answer": -1}"#, "the number of a choice"),
        (r#"{"question": "q", "choices": ["a", "b"], "answer": "C"}"#, "the number of a choice"),
        (r#"{"question": "q", "choices": ["a", 3], "answer": 0}"#, "line 1"),
    ] {
        refused(Kind::Jsonl, &[("own.jsonl", row)], expected);
    }
    let twice = r#"{"id": "x", "prompt": "p", "answer": "x"}"#;
    refused(Kind::Jsonl, &[("own.jsonl", &format!("{twice}\n{twice}"))], "two rows are called `x`");
    refused(Kind::Text, &[("a.jsonl", r#"{"txt": "x"}"#)], "missing field `text`");
    refused(Kind::Text, &[("a.txt", " \n ")], "no row");
    assert!("arithmetic".parse::<Kind>().unwrap_err().to_string().contains("mgsm"));
}

proptest! {
    #[test]
    fn any_file_is_survived(text in "[a-z\t,\"\n{}:\\[\\]0-9#]*|\\PC*", kind in 0..5_usize) {
        let names = ["mgsm_es.tsv", "test.jsonl", "college_physics_test.csv", "a.jsonl", "own.jsonl"];
        if let Err(error) = build(Kind::ALL[kind], &[(names[kind], &text)]) {
            prop_assert!(!error.to_string().is_empty());
        }
    }
}
