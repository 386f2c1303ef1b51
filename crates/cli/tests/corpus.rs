//! `maec corpus` from files to blocks and back to text.

mod common;

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::{json, maec, ok, refused, tree, unfinished};
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

/// Killed whenever that is, a preparation leaves no folder or the whole one, and the next makes the same bytes and clears up.
#[cfg(unix)]
#[test]
fn a_killed_preparation_leaves_nothing_or_all_and_the_next_makes_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(at, "tokenizer.json", tokenizer());
    let lines: Vec<String> =
        (0..40_000).map(|i| format!("Tom has an apple {}", "two three ".repeat(i % 7))).collect();
    write(at, "text.txt", lines.join("\n"));
    let line = |out: &str| {
        format!(
            "corpus prepare --tokenizer tokenizer.json --source text.txt --unit lines --dedup --held-out 0.1 --out {out}"
        )
    };
    let begun = Instant::now();
    ok(at, &line("whole"));
    let long = begun.elapsed();
    let whole = tree(&at.join("whole"));
    let names = |tree: &std::collections::BTreeMap<std::path::PathBuf, Option<Vec<u8>>>, folder: &str| {
        let inside = |path: &Path| path.strip_prefix(at.join(folder)).unwrap().to_owned();
        tree.iter().map(|(path, bytes)| (inside(path), bytes.clone())).collect::<Vec<_>>()
    };
    let expected = names(&whole, "whole");
    let is_whole = || names(&tree(&at.join("out")), "out") == expected;
    // Times, and what can be seen: the unfinished folder, its last file, its name.
    let seen = ["out.maec.tmp", "out.maec.tmp/tokenizer.json", "out.maec.tmp/corpus.json", "out"];
    let moments = (1..6)
        .map(|part| (long.mul_f64(f64::from(part) / 6.0), ".none"))
        .chain(seen.map(|path| (long * 20, path)));
    let (mut caught, mut resume) = (0, false);
    for (longest, path) in moments {
        let mut command = maec(at);
        command.args(line("out").split_whitespace()).stdout(Stdio::null()).stderr(Stdio::null());
        let (mut child, start) = (command.spawn().unwrap(), Instant::now());
        while start.elapsed() < longest && !at.join(path).exists() && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_micros(200));
        }
        // On Unix this is SIGKILL.
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!at.join("out").exists() || is_whole(), "killed after {:?} or at {path}", start.elapsed());
        caught += usize::from(!unfinished(at).is_empty());
        ok(at, &(line("out") + if resume { " --resume" } else { "" }));
        assert!(is_whole() && unfinished(at).is_empty(), "{:?}", unfinished(at));
        fs::remove_dir_all(at.join("out")).unwrap();
        resume = !resume;
    }
    assert!(caught > 0, "no preparation was slow enough to be killed");
}
