//! MMLU (Hendrycks et al. 2021), as the harness's tasks `mmlu_*`: four choices by the likelihood of ` A` to ` D`; the first rows
//! of the dev split are the exemplars.

use std::collections::BTreeMap;

use super::{Kind, first_exemplars};
use crate::{Ask, Error, Input, Item, Prompt};

/// The science subjects: biology, chemistry and physics at college and high school.
pub const SCIENCE: [&str; 6] = [
    "college_biology",
    "college_chemistry",
    "college_physics",
    "high_school_biology",
    "high_school_chemistry",
    "high_school_physics",
];

/// The letters of the choices.
pub(super) const LETTERS: &[u8; 26] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";

struct Row {
    question: String,
    answer: usize,
}

pub(super) fn items(files: &[Input], shots: usize) -> Result<Vec<Item>, Error> {
    let mut dev: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for (group, split, file) in files.iter().filter_map(split) {
        if split == "dev" {
            dev.entry(group).or_default().extend(rows(file)?);
        }
    }
    let mut items = Vec::new();
    for file in files {
        let (group, split, file) = split(file).ok_or_else(|| Error::UnknownFile {
            file: file.name().into(),
            task: Kind::Mmlu.name(),
            expected: Kind::Mmlu.takes(),
        })?;
        if split == "dev" {
            continue;
        }
        let own = dev.get(&group).into_iter().flatten();
        let worked = own.map(|row| format!("{} {}\n\n", row.question, char::from(LETTERS[row.answer])));
        let exemplars = first_exemplars(Kind::Mmlu, &group, shots, worked)?;
        let subject = group.rsplit('/').next().unwrap_or(&group).replace('_', " ");
        let description =
            format!("The following are multiple choice questions (with answers) about {subject}.\n\n");
        for (index, row) in rows(file)?.into_iter().enumerate() {
            // `val` rows are others than `test` rows.
            let id = if split == "test" {
                format!("{group}/{}", index + 1)
            } else {
                format!("{group}/{split}/{}", index + 1)
            };
            items.push(Item {
                problem: id.clone(),
                id,
                group: group.clone(),
                ask: Ask::Choose {
                    prompt: Prompt {
                        description: description.clone(),
                        exemplars: exemplars.clone(),
                        question: row.question,
                    },
                    choices: continuations(4),
                    answer: row.answer,
                },
            });
        }
    }
    Ok(items)
}

/// Subject (after its language where one was given), split and file.
fn split(file: &Input) -> Option<(String, &'static str, &Input)> {
    let (subject, split) = file.stem().rsplit_once('_')?;
    let split = ["dev", "val", "test"].into_iter().find(|known| *known == split)?;
    let group = match file.language() {
        Some(language) if language != "en" => format!("{language}/{subject}"),
        _ => subject.to_owned(),
    };
    Some((group, split, file))
}

/// Rows of question, four choices and a letter.
fn rows(file: &Input) -> Result<Vec<Row>, Error> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(file.text().as_bytes());
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|source| Error::Csv { file: file.name().into(), source })?;
        let line = record.position().map_or(0, |position| position.line() as usize);
        file.row_of(line, record.as_slice().len())?;
        let fields: Vec<&str> = record.iter().collect();
        let &[question, a, b, c, d, letter] = fields.as_slice() else {
            return Err(Error::Columns { file: file.name().into(), line, found: fields.len(), expected: 6 });
        };
        let question = file.filled(line, "question", question)?;
        let answer = ["A", "B", "C", "D"].into_iter().position(|known| known == letter.trim());
        let answer = answer.ok_or_else(|| {
            file.field(line, "answer", format!("`{}` is not A, B, C or D", crate::sample::clip(letter)))
        })?;
        rows.push(Row { question: lettered(question, &[a, b, c, d]), answer });
    }
    Ok(rows)
}

/// The question, a line for each choice, and `Answer:`.
pub(super) fn lettered(question: &str, choices: &[impl AsRef<str>]) -> String {
    let lines = choices.iter().zip(LETTERS);
    let lines: String =
        lines.map(|(choice, &letter)| format!("{}. {}\n", char::from(letter), choice.as_ref())).collect();
    format!("{}\n{lines}Answer:", question.trim())
}

/// ` A`, ` B`, …
pub(super) fn continuations(count: usize) -> Vec<String> {
    LETTERS.iter().take(count).map(|&letter| format!(" {}", char::from(letter))).collect()
}
