//! Problems and held-out texts, one JSON object a line.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::EvalError;

/// A story problem with its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Language and number, such as `es-0042`.
    pub id: String,
    /// The code of the language that it is written in.
    pub language: String,
    /// What the model is prompted with, and all that it sees.
    pub question: String,
    /// The right answer.
    pub answer: i64,
    /// The first number of the story.
    pub a: u32,
    /// The second number of the story.
    pub b: u32,
    /// What is done with them: `add`, `sub`.
    pub op: String,
}

impl Problem {
    /// Reads problems, one JSON object a line; empty lines are skipped.
    ///
    /// # Errors
    /// Names the line that is no problem.
    pub fn from_lines(text: &str) -> Result<Vec<Self>, EvalError> {
        from_lines("problems", text)
    }

    /// The unordered operand pair, smaller first: the cluster of paired intervals.
    pub fn pair(&self) -> (u32, u32) {
        (self.a.min(self.b), self.a.max(self.b))
    }
}

/// A held-out text. Other fields of its JSON object are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldOut {
    /// The code of its language.
    pub language: String,
    /// The text.
    pub text: String,
}

impl HeldOut {
    /// Reads texts, one JSON object a line; empty lines are skipped.
    ///
    /// # Errors
    /// Names the line that is no held-out text.
    pub fn from_lines(text: &str) -> Result<Vec<Self>, EvalError> {
        from_lines("held-out text", text)
    }
}

pub(crate) fn from_lines<T: DeserializeOwned>(file: &'static str, text: &str) -> Result<Vec<T>, EvalError> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| {
            serde_json::from_str(line).map_err(|source| EvalError::Line { file, line: index + 1, source })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"id":"es-0000","language":"es","question":"¿ Cuántas ? Respuesta :","answer":12,"a":5,"b":7,"op":"add"}"#;

    #[test]
    fn lines_read_and_the_pair_is_unordered() {
        let problems = Problem::from_lines(&format!("{LINE}\n\n{LINE}\n")).unwrap();
        assert_eq!(problems.len(), 2);
        assert_eq!(problems[0].answer, 12);
        assert_eq!(Problem { a: 7, b: 5, ..problems[0].clone() }.pair(), problems[0].pair());
    }

    #[test]
    fn a_bad_line_is_named() {
        let message = Problem::from_lines(&format!("{LINE}\n{{\"id\": 1}}")).unwrap_err().to_string();
        assert!(message.starts_with("problems: line 2: "), "{message}");
        assert!(!message.contains('\n'), "{message}");
    }

    #[test]
    fn other_fields_of_a_text_are_ignored() {
        let texts = HeldOut::from_lines(r#"{"text":"a b","language":"en","kind":"general"}"#).unwrap();
        assert_eq!(texts, [HeldOut { language: "en".into(), text: "a b".into() }]);
    }
}
