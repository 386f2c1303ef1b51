//! `maec corpus` from files to blocks and back to text.

mod common;

use std::fs;
use std::path::Path;

use common::{json, maec, ok, refused};
use maec_hub::fake::FakeHub;
use serde_json::{Value, json};

/// A tokenizer of the words that the tests use.
fn tokenizer() -> String {
    let words = ["<unk>", "<s>", "</s>", "Tom", "has", "an", "apple", "Ana", "two", "three", "held"];
    let vocabulary: serde_json::Map<String, Value> =
        words.iter().zip(0..).map(|(word, id)| ((*word).to_owned(), json!(id))).collect();
    json!({
        "model": { "type": "WordLevel", "unk_token": "<unk>", "vocab": vocabulary },
        "pre_tokenizer": { "type": "WhitespaceSplit" },
        "added_tokens": [{ "id": 1, "special": true }, { "id": 2, "special": true }],
        "post_processor": { "type": "TemplateProcessing",
            "single": [{ "SpecialToken": { "id": "<s>" } }, { "Sequence": { "id": "A" } }] },
    })
    .to_string()
}

fn write(folder: &Path, name: &str, text: impl AsRef<[u8]>) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn two_sources_are_prepared_described_and_shown() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(at, "tokenizer.json", tokenizer());
    write(at, "text/a.txt", "Tom has an apple\n\nAna has two\n");
    write(at, "rows.jsonl", "{\"body\":\"Ana has three\"}\n{\"body\":\"\"}\n{\"body\":\"Ana has three\"}\n");
    let shown = ok(
        at,
        "corpus prepare --tokenizer tokenizer.json --source text=text/*.txt --unit paragraphs --held-out 0 --out corpus",
    );
    // <s> Tom has an apple </s>, <s> Ana has two </s>
    assert!(shown.contains("text") && shown.contains("11") && shown.contains("end token 2"), "{shown}");
    let about = json(
        at,
        "corpus prepare --tokenizer tokenizer.json --source rows.jsonl --field body --dedup --held-out 0 --out rows",
    );
    let source = &about["sources"][0];
    assert_eq!(
        (&source["train"]["tokens"], &source["duplicates"], &source["empty"]),
        (&json!(5), &json!(1), &json!(1))
    );
    assert_eq!(json(at, "corpus info rows --verify"), about);
    assert!(ok(at, "corpus info rows").contains("1 left out"));
    let documents = ok(at, "corpus show corpus --documents 9");
    assert!(documents.contains("Tom has an apple") && documents.contains("Ana has two"), "{documents}");
    let windows = json(at, "corpus show corpus --windows 2 --seq-len 5 --seed 3");
    let mut tokens: Vec<Value> = windows.as_array().unwrap().iter().map(|it| it["tokens"].clone()).collect();
    tokens.sort_by_key(Value::to_string);
    assert_eq!(tokens, [json!([1, 3, 4, 5, 6, 2]), json!([2, 1, 7, 4, 8, 2])]);
    assert!(ok(at, "corpus show corpus --windows 1 --seq-len 10").contains("┄"));
}

#[test]
fn mistakes_are_one_line_with_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(at, "tokenizer.json", tokenizer());
    write(at, "bad.jsonl", "{\"text\":\"Tom\"}\n{\"text\":");
    write(at, "x.csv", "a,b");
    write(at, "other/file.txt", "Tom");
    let prepare = |code, rest: &str| {
        refused(at, code, &format!("corpus prepare --tokenizer tokenizer.json --out out {rest}"))
    };
    assert!(prepare(1, "--source bad.jsonl").contains("bad.jsonl: line 2: column 8: not a JSON object"));
    assert!(prepare(1, "--source none/*.txt").contains("no file is named `none/*.txt`"));
    assert!(prepare(2, "--source x.csv").contains("give --format"));
    assert!(prepare(2, "--source other --held-out 1").contains("held-out share is 1"));
    assert!(prepare(2, "--source other --end-token <pad>").contains("`<pad>` is not in the vocabulary"));
    assert!(prepare(2, "--source a=other --source a=other").contains("two sources are called `a`"));
    assert!(prepare(2, "--source hf://datasets/alone").contains("names no dataset"));
    let line = "corpus prepare --tokenizer tokenizer.json --source bad.jsonl --out other";
    assert!(refused(at, 1, line).contains("other"));
    assert!(
        refused(at, 2, "corpus prepare --tokenizer tokenizer.json --source other --out other")
            .contains("overwrite")
    );
    assert!(refused(at, 1, "corpus info other").contains("`other` is no prepared corpus"));
    ok(
        at,
        "corpus prepare --tokenizer tokenizer.json --source bad.jsonl --skip-bad-rows --held-out 0 --out out",
    );
    assert!(
        refused(at, 1, "corpus show out --windows 1 --seq-len 99")
            .contains("3 tokens, fewer than a window of 100")
    );
    assert!(refused(at, 2, "corpus show out --source none").contains("it has bad.jsonl"));
    assert!(refused(at, 1, "corpus show out --split held-out --windows 1").contains("0 tokens"));
}

#[test]
fn a_dataset_of_the_hub_is_pinned_and_read() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(at, "tokenizer.json", tokenizer());
    let fake = FakeHub::start().unwrap();
    let rows = |text: &str| format!("{{\"text\":\"{text}\"}}\n").into_bytes();
    let files = [
        ("README.md", b"# Rows".to_vec()),
        ("data/en/1.jsonl", rows("Tom has an apple")),
        ("data/en/2.jsonl", rows("Ana has two")),
        ("data/te/1.jsonl", rows("held")),
    ];
    let commit = fake.repository("datasets/org/rows", &files);
    let run = |source: &str| {
        let line = format!(
            "corpus prepare --tokenizer tokenizer.json --held-out 0 --json --out out --source {source}"
        );
        let output = maec(at)
            .args(line.split_whitespace())
            .env("HF_ENDPOINT", fake.url())
            .env("XDG_CACHE_HOME", at.join("cache"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let about = run("en=hf://datasets/org/rows/data/en/*.jsonl");
    let source = &about["sources"][0];
    assert_eq!(source["pattern"], format!("hf://datasets/org/rows@{commit}/data/en/*.jsonl"));
    assert_eq!(source["files"][1]["name"], format!("datasets/org/rows@{}/data/en/2.jsonl", &commit[..8]));
    assert_eq!(source["train"], json!({ "documents": 2, "tokens": 11, "bytes": 27 }));
    let about = run(&format!("hf://datasets/org/rows@{commit}"));
    assert_eq!(about["sources"][0]["train"]["documents"], 3);
    let file = fake.file("/plain/x.txt", b"Ana has three".to_vec());
    assert_eq!(run(&file)["sources"][0]["train"]["tokens"], 5);
}
