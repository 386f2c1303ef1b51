//! Four-choice questions, one JSON object a line.

use serde::{Deserialize, Serialize};

use crate::EvalError;
use crate::problem::from_lines;

/// Most options of a question, one for each letter.
const MOST: usize = 26;

/// A question with options, exactly one of which is right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Question {
    /// Language and number, such as `es-0042`.
    pub id: String,
    /// The code of the language that it is written in.
    pub language: String,
    /// What the model is prompted with: the question, each option after its letter, and the language's "Answer :".
    pub question: String,
    /// The options' texts in the order of their letters, 2 to 26. An answer is one of them.
    pub choices: Vec<String>,
    /// Index of the right one.
    pub answer: usize,
    /// What decides it: the cluster of intervals.
    pub fact: String,
}

/// A question as a file has it.
#[derive(Deserialize)]
struct Unchecked {
    id: String,
    language: String,
    question: String,
    choices: Vec<String>,
    answer: usize,
    fact: String,
}

impl TryFrom<Unchecked> for Question {
    type Error = String;

    fn try_from(
        Unchecked { id, language, question, choices, answer, fact }: Unchecked,
    ) -> Result<Self, String> {
        if !(2..=MOST).contains(&choices.len()) {
            return Err(format!("question `{id}` has {} choices, give 2 to {MOST}", choices.len()));
        }
        if answer >= choices.len() {
            return Err(format!("question `{id}` has no choice {answer}, count from 0"));
        }
        Ok(Self { id, language, question, choices, answer, fact })
    }
}

impl Question {
    /// Reads questions, one JSON object a line; empty lines are skipped.
    ///
    /// # Errors
    /// Names the line that is no question.
    pub fn from_lines(text: &str) -> Result<Vec<Self>, EvalError> {
        from_lines("questions", text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"id":"en-0000","language":"en","question":"What ? (A) x (B) y Answer :","choices":["x","y"],"answer":1,"fact":"f"}"#;

    #[test]
    fn lines_read_and_write_back() {
        let questions = Question::from_lines(&format!("{LINE}\n\n{LINE}\n")).unwrap();
        assert_eq!(questions.len(), 2);
        assert_eq!(serde_json::to_string(&questions[1]).unwrap(), LINE);
    }

    #[test]
    fn bad_lines_are_named() {
        for (from, to, message) in [
            ("\"answer\":1", "\"answer\":2", "questions: line 1: question `en-0000` has no choice 2"),
            ("[\"x\",\"y\"]", "[\"x\"]", "questions: line 1: question `en-0000` has 1 choices"),
            ("\"fact\"", "\"fakt\"", "questions: line 1: missing field `fact`"),
            ("}", "", "questions: line 1: EOF"),
        ] {
            let found = Question::from_lines(&LINE.replace(from, to)).unwrap_err().to_string();
            assert!(found.starts_with(message) && !found.contains('\n'), "{found}");
        }
    }
}
