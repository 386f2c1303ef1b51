//! Real text, where `MAEC_DATA` names its folder; without it every check here counts as ignored.

mod common;

use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use common::{job, prepare, source, tokens};
use libtest_mimic::{Arguments, Failed, Trial};
use maec_corpus::{Blocks, Corpus, HeldOut, InputFile, Job, ReadOptions, Source, Split, TextUnit, files};

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
        check("jsonl_rows_are_those_of_another_reader", jsonl_rows),
        check("lines_of_four_scripts_are_kept", lines),
    ];
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn same<T: PartialEq + Debug>(found: &T, expected: &T, what: &str) -> Outcome {
    if found == expected { Ok(()) } else { Err(format!("{what} differ").into()) }
}

/// Prepares one source and reads its documents back.
fn documents(source: Source, held_out: f64) -> Result<[Vec<Vec<u32>>; 2], Failed> {
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("out");
    prepare(&Job { held_out: HeldOut::new(held_out)?, ..job(vec![source]) }, &out)?;
    let corpus = Corpus::open(&out)?;
    corpus.verify()?;
    let all = |blocks: Blocks| {
        (0..blocks.documents()).map(|index| blocks.document(index)).collect::<Result<_, _>>()
    };
    Ok([all(corpus.blocks(Split::Train)?)?, all(corpus.blocks(Split::HeldOut)?)?])
}

fn jsonl_rows(data: &Path) -> Outcome {
    let path = data.join("gsm8k/train_first2000.jsonl");
    let mut expected = [Vec::new(), Vec::new()];
    for line in fs::read_to_string(&path)?.lines() {
        let row: serde_json::Value = serde_json::from_str(line)?;
        let text = row["question"].as_str().ok_or("a row without a question")?;
        expected[HeldOut::new(0.1)?.split(text) as usize].push(tokens(text));
    }
    let read = ReadOptions { field: "question".into(), ..ReadOptions::default() };
    let found = documents(Source { read, ..source("maths", vec![InputFile::new(path)]) }, 0.1)?;
    same(&(found[0].len() + found[1].len()), &2000, "rows")?;
    same(&found, &expected, "questions")
}

fn lines(data: &Path) -> Outcome {
    let pattern = data.join("udhr/*.txt").display().to_string();
    let mut expected = Vec::new();
    let inputs = files(&pattern)?;
    for input in &inputs {
        let text = fs::read_to_string(&input.path)?;
        expected.extend(text.lines().filter(|line| !line.trim().is_empty()).map(tokens));
    }
    let read = ReadOptions { unit: TextUnit::Lines, ..ReadOptions::default() };
    let found = documents(Source { read, ..source("rights", inputs) }, 0.0)?;
    same(&found[0], &expected, "lines")
}
