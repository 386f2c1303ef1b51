//! One thing to ask, with everything that its score needs.

use std::sync::Arc;

use crate::scoring::Scoring;

/// One row of a benchmark.
#[derive(Debug, Clone)]
pub struct Item {
    /// Unique in its task: `es/17`, `college_physics/3`.
    pub id: String,
    /// Its row of the report: a language's code, a subject or a file.
    pub group: String,
    /// Items of the same problem, in whatever language, stand or fall together; intervals know it.
    pub problem: String,
    /// What is asked.
    pub ask: Ask,
}

/// What is asked of the model.
#[derive(Debug, Clone)]
pub enum Ask {
    /// Free text, from which the answer is read.
    Generate {
        /// The prompt.
        prompt: Prompt,
        /// The right answer as the file has it.
        answer: String,
        /// Strings that end the text.
        until: Arc<[String]>,
        /// How it is scored.
        scoring: Arc<Scoring>,
    },
    /// The likeliest of several continuations.
    Choose {
        /// The prompt.
        prompt: Prompt,
        /// The continuations: `" A"`, `" B"`, …
        choices: Vec<String>,
        /// Index of the right one.
        answer: usize,
    },
    /// How likely a text is.
    Read {
        /// The text.
        text: String,
    },
}

/// A prompt in parts, so that exemplars can be left out where it does not fit.
#[derive(Debug, Clone)]
pub struct Prompt {
    /// What stands before the exemplars.
    pub description: String,
    /// Worked examples, each with the blank line after it.
    pub exemplars: Arc<[String]>,
    /// The question itself.
    pub question: String,
}

/// A prompt that fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fitted {
    /// Its text.
    pub text: String,
    /// Exemplars left out.
    pub dropped: usize,
}

impl Prompt {
    /// The text without the first `dropped` exemplars.
    pub fn text(&self, dropped: usize) -> String {
        let exemplars = self.exemplars.get(dropped..).unwrap_or_default();
        format!("{}{}{}", self.description, exemplars.concat(), self.question)
    }

    /// The text with as many of its last exemplars as `fits` allows.
    ///
    /// # Errors
    /// The bare question, where it does not fit even alone.
    pub fn fit(&self, fits: impl Fn(&str) -> bool) -> Result<Fitted, String> {
        for dropped in 0..=self.exemplars.len() {
            let text = self.text(dropped);
            if fits(&text) {
                return Ok(Fitted { text, dropped });
            }
        }
        Err(self.text(self.exemplars.len()))
    }
}

impl Ask {
    /// Bytes of the whole prompt or text: what batches are sorted by.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Generate { prompt, .. } | Self::Choose { prompt, .. } => {
                let exemplars: usize = prompt.exemplars.iter().map(String::len).sum();
                prompt.description.len() + exemplars + prompt.question.len()
            }
            Self::Read { text } => text.len(),
        }
    }

    /// Only items with the same key go through the model together.
    pub(crate) fn batch_key(&self) -> (u8, &[String]) {
        match self {
            Self::Generate { until, .. } => (0, until),
            Self::Choose { .. } => (1, &[]),
            Self::Read { .. } => (2, &[]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exemplars_go_from_the_front() {
        let exemplars = ["one\n\n".to_owned(), "two\n\n".to_owned()].into();
        let prompt = Prompt { description: "D\n\n".into(), exemplars, question: "Q".into() };
        let fit = |bytes| prompt.fit(move |text: &str| text.len() <= bytes);
        assert_eq!(fit(14), Ok(Fitted { text: "D\n\none\n\ntwo\n\nQ".into(), dropped: 0 }));
        assert_eq!(fit(13), Ok(Fitted { text: "D\n\ntwo\n\nQ".into(), dropped: 1 }));
        assert_eq!(fit(4), Ok(Fitted { text: "D\n\nQ".into(), dropped: 2 }));
        assert_eq!(fit(3), Err("D\n\nQ".into()));
    }
}
