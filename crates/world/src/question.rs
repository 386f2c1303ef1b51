//! Sets of four-choice questions, the same in every language.

use crate::science::{LETTERS, Quiz, ScienceBook};
use crate::{Language, Split, World};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Numbers of the streams that are drawn from the seed, beside those of the corpora.
mod stream {
    pub(super) const VALIDATION: u64 = 6;
    pub(super) const TEST: u64 = 7;
}

/// A four-choice question to be answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Language and number, such as `es-0042`; the same number is the same question in every language, with its options
    /// in the same order.
    pub id: String,
    /// The language that it is written in.
    pub language: Language,
    /// What the model is prompted with: the question, `(A)` to `(D)` each with its option, and the language's
    /// "Answer :".
    pub question: String,
    /// The options' texts in the order of their letters, one word each, exactly one of which is right. An answer is the
    /// text: a model of the world's size learns in no time which text is right, and hardly ever which letter it has.
    pub choices: [String; 4],
    /// Index of the right one, 0 to 3.
    pub answer: usize,
    /// The fact that decides it, which no training text says: an attribute of a creature, such as `diet/Zorb`, or the
    /// order of the right option and the next best, such as `melting/Jorium/Kelium`. Questions about one fact, in whatever
    /// language, stand or fall together.
    pub fact: String,
}

impl Question {
    /// What stands before the options: `(A)`, `(B)`, `(C)`, `(D)`.
    pub const LETTERS: [&'static str; 4] = LETTERS;
}

impl World {
    /// Questions about facts that are held out for validation, for tuning; question i is the same in every language.
    /// At most [`WorldConfig::MOST_QUESTIONS`](crate::WorldConfig::MOST_QUESTIONS).
    pub fn science_validation(&self, language: Language) -> Vec<Question> {
        self.questions(Split::Validation, stream::VALIDATION, self.config().validation_problems, language)
    }

    /// Questions about facts that are held out for tests, for final numbers; question i is the same in every language.
    /// At most [`WorldConfig::MOST_QUESTIONS`](crate::WorldConfig::MOST_QUESTIONS).
    pub fn science_test(&self, language: Language) -> Vec<Question> {
        self.questions(Split::Test, stream::TEST, self.config().test_problems, language)
    }

    /// `count` different questions that go round the facts of `split`, so that every fact has equally many (± 1).
    fn questions(&self, split: Split, stream: u64, count: u32, language: Language) -> Vec<Question> {
        let mut draw = self.draw(stream);
        let mut facts = self.facts.of(split).to_vec();
        draw.shuffle(&mut facts);
        let mut asked = BTreeSet::new();
        let most = count.min(crate::WorldConfig::MOST_QUESTIONS);
        (0..most as usize)
            .map(|index| {
                let quiz = loop {
                    // Anything may be said of a question that nobody is trained on.
                    let quiz = Quiz::about(&mut draw, facts[index % facts.len()], |_| true);
                    if let Some(quiz) = quiz.filter(|&quiz| asked.insert(quiz)) {
                        break quiz;
                    }
                };
                Question {
                    id: format!("{language}-{index:04}"),
                    language,
                    question: quiz.ask(language),
                    choices: [0, 1, 2, 3]
                        .map(|option| ScienceBook::of(language).option(&quiz, option).to_owned()),
                    answer: quiz.right,
                    fact: quiz.fact.name(),
                }
            })
            .collect()
    }
}
