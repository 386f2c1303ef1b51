//! The world: every corpus and problem set as a stream of its own.

use crate::content::General;
use crate::draw::Draw;
use crate::grammar::PhraseBook;
use crate::operands::Pairs;
use crate::science::{Facts, Lesson};
use crate::story::{Story, TEMPLATES};
use crate::{Language, Op, Operands, Split, WorldConfig, WorldError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Numbers of the streams that are drawn from the seed. The general corpora add the language's index; every other
/// corpus has one stream for all languages, which makes it parallel.
mod stream {
    pub(super) const BASE: u64 = 0;
    pub(super) const ABILITY: u64 = 1;
    pub(super) const VALIDATION: u64 = 2;
    pub(super) const TEST: u64 = 3;
    pub(super) const HELD_OUT: u64 = 4;
    pub(super) const SCIENCE: u64 = 5;
    pub(super) const GENERAL: u64 = 16;
}

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Possession, purchases, likes and counting.
    General,
    /// General text that ends in a question whose answer it states.
    Retrieval,
    /// A solved story problem.
    Ability,
    /// Facts of the science, or a four-choice question with its answer.
    Science,
}

/// A training or held-out text: a line of a corpus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// Words, numbers and punctuation, separated by single spaces.
    pub text: String,
    /// The language that it is written in.
    pub language: Language,
    /// What it is.
    pub kind: Kind,
    /// What an [`Kind::Ability`] document computes; `None` in every other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operands: Option<Operands>,
}

/// A story problem to be answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Language and number, such as `es-0042`; the same number is the same problem in every language.
    pub id: String,
    /// The language that it is written in.
    pub language: Language,
    /// What the model is prompted with; ends in the language's "Answer :".
    pub question: String,
    /// The right answer, 1 to 30.
    pub answer: i64,
    /// The first number of the story.
    pub a: u32,
    /// The second number of the story.
    pub b: u32,
    /// What is done with them.
    pub op: Op,
}

impl Problem {
    /// What the problem computes.
    pub fn operands(&self) -> Operands {
        Operands { a: self.a, b: self.b, op: self.op }
    }
}

/// A world, ready to be told.
#[derive(Clone, Debug)]
pub struct World {
    config: WorldConfig,
    pairs: Pairs,
    pub(crate) facts: Facts,
}

impl World {
    /// The world of `config`.
    ///
    /// # Errors
    /// A [`WorldError`] for a size of 0, too many problems, or shares that are none.
    pub fn new(config: WorldConfig) -> Result<Self, WorldError> {
        config.check()?;
        Ok(Self { config, pairs: Pairs::new(), facts: Facts::new() })
    }

    /// The configuration.
    pub fn config(&self) -> &WorldConfig {
        &self.config
    }

    /// What the unordered pair {a, b} may be used for; `None` where it makes no problem with an answer in 1..=30.
    pub fn split(&self, a: u32, b: u32) -> Option<Split> {
        self.pairs.split(a, b)
    }

    /// The base mix: general text in all languages by weight, with some texts of every ability in each, about training
    /// pairs and facts.
    pub fn base(&self) -> impl ExactSizeIterator<Item = Document> + '_ {
        let mut draw = self.draw(stream::BASE);
        let share = self.config.base_ability_per_mille;
        let [arithmetic, science] =
            [self.config.abilities.arithmetic(), self.config.abilities.science()].map(u32::from);
        (0..self.config.base_documents).map(move |_| {
            let language = Language::ALL[draw.weighted(&self.config.base_language_weights)];
            let place = draw.below(1000);
            if place < share * arithmetic {
                self.solved(&mut draw, language)
            } else if place < share * (arithmetic + science) {
                self.taught(&mut draw, language)
            } else {
                general(&mut draw, language, false)
            }
        })
    }

    /// The general corpus of `language`.
    pub fn general(&self, language: Language) -> impl ExactSizeIterator<Item = Document> + '_ {
        let mut draw = self.draw(stream::GENERAL + language as u64);
        (0..self.config.general_documents).map(move |_| general(&mut draw, language, false))
    }

    /// The ability corpus: solved story problems about training pairs, in English.
    pub fn ability(&self) -> impl ExactSizeIterator<Item = Document> + '_ {
        self.ability_in(Language::En)
    }

    /// The ability corpus in `language`: the same problems in the same order in every language.
    pub fn ability_in(&self, language: Language) -> impl ExactSizeIterator<Item = Document> + '_ {
        let mut draw = self.draw(stream::ABILITY);
        (0..self.config.ability_documents).map(move |_| self.solved(&mut draw, language))
    }

    /// The corpus of the second ability: facts and worked four-choice questions, in English.
    pub fn science(&self) -> impl ExactSizeIterator<Item = Document> + '_ {
        self.science_in(Language::En)
    }

    /// The corpus of the second ability in `language`: the same texts in the same order in every language.
    pub fn science_in(&self, language: Language) -> impl ExactSizeIterator<Item = Document> + '_ {
        let mut draw = self.draw(stream::SCIENCE);
        (0..self.config.ability_documents).map(move |_| self.taught(&mut draw, language))
    }

    /// Held-out general text of `language`, none of whose statements is in any training corpus; document i says the same
    /// in every language.
    pub fn heldout(&self, language: Language) -> impl ExactSizeIterator<Item = Document> + '_ {
        let mut draw = self.draw(stream::HELD_OUT);
        (0..self.config.heldout_documents).map(move |_| general(&mut draw, language, true))
    }

    /// Problems about validation pairs, for tuning; problem i is the same in every language.
    pub fn validation(&self, language: Language) -> Vec<Problem> {
        self.problems(Split::Validation, stream::VALIDATION, self.config.validation_problems, language)
    }

    /// Problems about test pairs, for final numbers; problem i is the same in every language.
    pub fn test(&self, language: Language) -> Vec<Problem> {
        self.problems(Split::Test, stream::TEST, self.config.test_problems, language)
    }

    pub(crate) fn draw(&self, stream: u64) -> Draw {
        Draw::new(self.config.seed, stream)
    }

    /// A story problem with its answer.
    fn solved(&self, draw: &mut Draw, language: Language) -> Document {
        let story = Story::draw(draw, self.pairs.of(Split::Train));
        let operands = story.operands;
        let text = format!("{} {}", PhraseBook::of(language).ask(&story.sentences()), operands.answer());
        Document { text, language, kind: Kind::Ability, operands: Some(operands) }
    }

    /// A text of the science about training facts.
    fn taught(&self, draw: &mut Draw, language: Language) -> Document {
        let text = Lesson::draw(draw, &self.facts).tell(language);
        Document { text, language, kind: Kind::Science, operands: None }
    }

    /// `count` different problems that go round the pairs of `split`, so that every pair has equally many (± 1), and
    /// round each pair's operations and templates.
    fn problems(&self, split: Split, stream: u64, count: u32, language: Language) -> Vec<Problem> {
        let mut draw = self.draw(stream);
        let mut pairs = self.pairs.of(split).to_vec();
        draw.shuffle(&mut pairs);
        let mut told = BTreeSet::new();
        (0..count as usize)
            .map(|index| {
                let (round, place) = (index / pairs.len(), index % pairs.len());
                let ops = pairs[place].ops();
                // Each pair starts with another operation and template.
                let op = ops[(round + place) % ops.len()];
                let template = (round / ops.len() + place) % TEMPLATES;
                let story = loop {
                    let story = Story::draw_about(&mut draw, pairs[place], op, template);
                    if told.insert(story.sentences()) {
                        break story;
                    }
                };
                let Operands { a, b, op } = story.operands;
                Problem {
                    id: format!("{language}-{index:04}"),
                    language,
                    question: PhraseBook::of(language).ask(&story.sentences()),
                    answer: story.operands.answer(),
                    a,
                    b,
                    op,
                }
            })
            .collect()
    }
}

/// A document of general text.
fn general(draw: &mut Draw, language: Language, held_out: bool) -> Document {
    let General { sentences, answer } = General::draw(draw, held_out);
    let book = PhraseBook::of(language);
    let (text, kind) = match answer {
        Some(answer) => (format!("{} {answer}", book.ask(&sentences)), Kind::Retrieval),
        None => (book.tell(&sentences), Kind::General),
    };
    Document { text, language, kind, operands: None }
}
