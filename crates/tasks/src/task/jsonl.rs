//! Any JSONL of one's own: `{"prompt", "answer"}` is generated and compared; `{"question", "choices", "answer"}` is chosen by likelihood in
//! MMLU's form. `id` and `language` may be given; other fields are ignored.

use std::sync::Arc;

use serde::Deserialize;

use super::mmlu::{LETTERS, continuations, lettered};
use crate::scoring::Scoring;
use crate::{Ask, Error, Input, Item, Prompt};

#[derive(Deserialize)]
struct Row {
    id: Option<String>,
    language: Option<String>,
    prompt: Option<String>,
    question: Option<String>,
    choices: Option<Vec<String>>,
    answer: Answer,
}

/// The right answer: a text, or a number as text or of a choice.
#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Number(serde_json::Number),
    Text(String),
}

pub(super) fn items(files: &[Input]) -> Result<Vec<Item>, Error> {
    let scoring = Arc::new(Scoring::plain());
    let until: Arc<[String]> = ["\n".to_owned()].into();
    let mut items = Vec::new();
    for file in files {
        for (line, text) in file.lines() {
            file.row_of(line, text.len())?;
            let row: Row = file.json(line, text)?;
            let ask = match (&row.prompt, &row.question, &row.choices) {
                (Some(prompt), None, None) => Ask::Generate {
                    prompt: bare(file.filled(line, "prompt", prompt)?.into()),
                    answer: file.filled(line, "answer", &row.answer.text())?.into(),
                    until: until.clone(),
                    scoring: scoring.clone(),
                },
                (None, Some(question), Some(choices)) => {
                    let question = file.filled(line, "question", question)?;
                    if !(2..=LETTERS.len()).contains(&choices.len()) {
                        return Err(file.field(line, "choices", "must be 2 to 26 texts"));
                    }
                    let answer = row.answer.choice(choices).ok_or_else(|| {
                        file.field(
                            line,
                            "answer",
                            "must be the number of a choice from 0, its letter or its text",
                        )
                    })?;
                    Ask::Choose {
                        prompt: bare(lettered(question, choices)),
                        choices: continuations(choices.len()),
                        answer,
                    }
                }
                _ => {
                    let problem = "fits no task; give `prompt` alone, or `question` with `choices`";
                    return Err(file.field(line, "the row", problem));
                }
            };
            let id = row.id.unwrap_or_else(|| format!("{}:{line}", file.name()));
            let group = row.language.as_deref().or(file.language()).unwrap_or(file.stem());
            items.push(Item { problem: id.clone(), id, group: group.into(), ask });
        }
    }
    Ok(items)
}

fn bare(question: String) -> Prompt {
    Prompt { description: String::new(), exemplars: Arc::new([]), question }
}

impl Answer {
    fn text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }

    /// The index of the choice that is meant: its number from 0, its text, or else its letter.
    fn choice(&self, choices: &[String]) -> Option<usize> {
        let index = match self {
            Self::Number(number) => usize::try_from(number.as_u64()?).ok()?,
            Self::Text(text) => choices.iter().position(|choice| choice == text).or_else(|| {
                let [letter] = *text.trim().as_bytes() else { return None };
                LETTERS.iter().position(|&known| known == letter)
            })?,
        };
        (index < choices.len()).then_some(index)
    }
}
