//! GSM8K (Cobbe et al. 2021), as the harness's task `gsm8k`: the first training rows are the exemplars (the harness draws them).

use std::sync::Arc;

use serde::Deserialize;

use super::{Kind, first_exemplars};
use crate::filter::Filter;
use crate::scoring::Scoring;
use crate::{Ask, Error, INVALID, Input, Item, Prompt};

#[derive(Deserialize)]
struct Row {
    question: String,
    /// The solution; its last line is `#### ` and the result.
    answer: String,
}

pub(super) fn items(files: &[Input], shots: usize) -> Result<Vec<Item>, Error> {
    let (train, test): (Vec<&Input>, Vec<&Input>) =
        files.iter().partition(|file| Kind::Gsm8k.holds_exemplars(file));
    let mut exemplars = Vec::new();
    for (_, row) in train.into_iter().flat_map(rows).take(shots).collect::<Result<Vec<_>, _>>()? {
        exemplars.push(format!("{} {}\n\n", question(&row), row.answer));
    }
    let exemplars = first_exemplars(Kind::Gsm8k, "train", shots, exemplars)?;
    let scoring = Arc::new(Scoring::gsm8k());
    let until: Arc<[String]> = ["Question:", "</s>", "<|im_end|>"].map(str::to_owned).into_iter().collect();
    let mut items = Vec::new();
    for row in test.into_iter().flat_map(rows) {
        let (_, row) = row?;
        let id = format!("en/{}", items.len() + 1);
        items.push(Item {
            problem: id.clone(),
            id,
            group: "en".into(),
            ask: Ask::Generate {
                prompt: Prompt {
                    description: String::new(),
                    exemplars: exemplars.clone(),
                    question: question(&row),
                },
                answer: row.answer,
                until: until.clone(),
                scoring: scoring.clone(),
            },
        });
    }
    Ok(items)
}

fn question(row: &Row) -> String {
    format!("Question: {}\nAnswer:", row.question)
}

/// The rows of a file with their line numbers.
fn rows(file: &Input) -> impl Iterator<Item = Result<(usize, Row), Error>> {
    let result = Filter::first(r"#### (\-?[0-9\.\,]+)");
    file.lines().map(move |(line, text)| {
        file.row_of(line, text.len())?;
        let row: Row = file.json(line, text)?;
        file.filled(line, "question", &row.question)?;
        if result.apply(&row.answer) == INVALID {
            return Err(file.field(line, "answer", "has no result; end it with `#### ` and a number"));
        }
        Ok((line, row))
    })
}
