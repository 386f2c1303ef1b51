//! Saying statements and questions of the science in a language: one book a language, filled in slot by slot.

mod bengali;
mod chinese;
mod english;
mod spanish;
mod telugu;

use super::facts::Fact;
use super::lesson::{Lesson, Statement};
use super::nature::{Attribute, CREATURES, KINDS, RANKS, Scale};
use super::quiz::{Ask, OPTIONS, Quiz};
use crate::Language;
use crate::grammar::{PhraseBook, push};

/// What stands before each option, alike in every language. One token each, and no word of any
/// language, as "A" is in Spanish.
pub(crate) const LETTERS: [&str; OPTIONS] = ["(A)", "(B)", "(C)", "(D)"];

/// A language's words and sentences of the science.
///
/// A phrase is a list of words with white space between them; these words are slots:
///
/// | slot | filled with |
/// |---|---|
/// | `$x`, `$y` | a name |
/// | `$kind`, `$a` | a kind of creature, and its indefinite article |
/// | `$diet` | what is eaten |
/// | `$home`, `$the` | where a creature lives, and the definite article |
pub(crate) struct ScienceBook {
    kinds: [Noun; KINDS],
    diets: [&'static str; KINDS],
    homes: [Noun; KINDS],
    is: &'static str,
    eats: &'static str,
    lives: &'static str,
    every_eats: &'static str,
    every_lives: &'static str,
    ask_kind: &'static str,
    ask_diet: &'static str,
    ask_home: &'static str,
    melting: ScaleBook,
    distance: ScaleBook,
}

/// What is said on a scale.
struct ScaleBook {
    /// x comes before y.
    before: &'static str,
    /// x comes after y.
    after: &'static str,
    /// Which comes first?
    ask_first: &'static str,
    /// Which comes last?
    ask_last: &'static str,
}

/// A word with its article.
struct Noun {
    article: &'static str,
    word: &'static str,
}

impl Noun {
    const fn new(article: &'static str, word: &'static str) -> Self {
        Self { article, word }
    }

    /// A word in a language without articles, or whose article stands in the phrase.
    const fn bare(word: &'static str) -> Self {
        Self { article: "", word }
    }
}

/// What fills the slots of a phrase.
#[derive(Clone, Copy, Default)]
struct Slots {
    x: &'static str,
    y: &'static str,
    /// Number of the kind, of its diet and of its home.
    value: u8,
}

impl ScienceBook {
    /// The book of `language`.
    pub(crate) fn of(language: Language) -> &'static Self {
        match language {
            Language::En => &english::SCIENCE,
            Language::Es => &spanish::SCIENCE,
            Language::Zh => &chinese::SCIENCE,
            Language::Bn => &bengali::SCIENCE,
            Language::Te => &telugu::SCIENCE,
        }
    }

    fn scale(&self, scale: Scale) -> &ScaleBook {
        match scale {
            Scale::Melting => &self.melting,
            Scale::Distance => &self.distance,
        }
    }

    fn fill(&self, phrase: &str, slots: Slots, text: &mut String) {
        let value = usize::from(slots.value);
        for word in phrase.split(' ') {
            push(
                text,
                match word {
                    "$x" => slots.x,
                    "$y" => slots.y,
                    "$kind" => self.kinds[value].word,
                    "$a" => self.kinds[value].article,
                    "$diet" => self.diets[value],
                    "$home" => self.homes[value].word,
                    "$the" => self.homes[value].article,
                    _ => word,
                },
            );
        }
    }

    fn state(&self, statement: Statement, text: &mut String) {
        match statement {
            Statement::Attribute { creature, attribute } => {
                let phrase = match attribute {
                    Attribute::Kind => self.is,
                    Attribute::Diet => self.eats,
                    Attribute::Home => self.lives,
                };
                let value = super::nature::kind_of(creature);
                let x = CREATURES[usize::from(creature)];
                self.fill(phrase, Slots { x, value, ..Slots::default() }, text);
            }
            Statement::Compare { scale, x, y } => {
                let book = self.scale(scale);
                let phrase = if x < y { book.before } else { book.after };
                self.fill(phrase, Slots { x: scale.name(x), y: scale.name(y), value: 0 }, text);
            }
            Statement::Rule { kind, attribute } => {
                let phrase = if attribute == Attribute::Home { self.every_lives } else { self.every_eats };
                self.fill(phrase, Slots { value: kind, ..Slots::default() }, text);
            }
        }
    }

    /// The text of an option of `quiz`.
    pub(crate) fn option(&self, quiz: &Quiz, option: usize) -> &'static str {
        let value = quiz.options[option];
        match quiz.ask {
            Ask::Attribute { attribute: Attribute::Kind, .. } => self.kinds[usize::from(value)].word,
            Ask::Attribute { attribute: Attribute::Diet, .. } => self.diets[usize::from(value)],
            Ask::Attribute { attribute: Attribute::Home, .. } => self.homes[usize::from(value)].word,
            Ask::Extreme { scale, .. } => scale.name(value),
        }
    }
}

impl Quiz {
    /// The question in `language`, with its options, up to and including "Answer :".
    pub(crate) fn ask(&self, language: Language) -> String {
        let book = ScienceBook::of(language);
        let mut text = String::new();
        match self.ask {
            Ask::Attribute { creature, attribute } => {
                let phrase = match attribute {
                    Attribute::Kind => book.ask_kind,
                    Attribute::Diet => book.ask_diet,
                    Attribute::Home => book.ask_home,
                };
                let x = CREATURES[usize::from(creature)];
                book.fill(phrase, Slots { x, ..Slots::default() }, &mut text);
            }
            Ask::Extreme { scale, last } => {
                let scale = book.scale(scale);
                let phrase = if last { scale.ask_last } else { scale.ask_first };
                book.fill(phrase, Slots::default(), &mut text);
            }
        }
        for (option, letter) in LETTERS.into_iter().enumerate() {
            push(&mut text, letter);
            push(&mut text, book.option(self, option));
        }
        push(&mut text, PhraseBook::of(language).answer);
        text
    }
}

impl Lesson {
    /// The text in `language`.
    pub(crate) fn tell(&self, language: Language) -> String {
        match self {
            Self::Told(statements) => {
                let book = ScienceBook::of(language);
                let mut text = String::new();
                statements.iter().for_each(|&statement| book.state(statement, &mut text));
                text
            }
            Self::Worked(quiz) => {
                let right = ScienceBook::of(language).option(quiz, quiz.right);
                format!("{} {right}", quiz.ask(language))
            }
        }
    }
}

/// Texts with every word that the science has in `language`.
pub(crate) fn texts(language: Language) -> Vec<String> {
    let creatures = (0..CREATURES.len() as u8)
        .flat_map(|creature| Attribute::ALL.map(|attribute| Statement::Attribute { creature, attribute }));
    let comparisons = Scale::ALL.into_iter().flat_map(|scale| {
        (1..RANKS).flat_map(move |rank| {
            [(rank - 1, rank), (rank, rank - 1)].map(|(x, y)| Statement::Compare { scale, x, y })
        })
    });
    let rules = (0..KINDS as u8).flat_map(|kind| {
        [Attribute::Diet, Attribute::Home].map(|attribute| Statement::Rule { kind, attribute })
    });
    let statements = Lesson::Told(creatures.chain(comparisons).chain(rules).collect());
    let attributes = Attribute::ALL.map(|attribute| Ask::Attribute { creature: 0, attribute });
    let extremes =
        Scale::ALL.into_iter().flat_map(|scale| [false, true].map(|last| Ask::Extreme { scale, last }));
    let fact = Fact::Attribute { creature: 0, attribute: Attribute::Kind };
    let questions = attributes
        .into_iter()
        .chain(extremes)
        .map(|ask| Quiz { ask, options: [0, 1, 2, 3], right: 0, fact }.ask(language));
    questions.chain([statements.tell(language)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_says_the_same() {
        let lesson = Lesson::Told(vec![
            Statement::Attribute { creature: 0, attribute: Attribute::Kind },
            Statement::Attribute { creature: 0, attribute: Attribute::Diet },
            Statement::Attribute { creature: 0, attribute: Attribute::Home },
            Statement::Rule { kind: 2, attribute: Attribute::Home },
            Statement::Compare { scale: Scale::Melting, x: 0, y: 1 },
            Statement::Compare { scale: Scale::Distance, x: 1, y: 0 },
        ]);
        for (language, text) in [
            (
                Language::En,
                "Zorb is a bird . Zorb eats seeds . Zorb lives in the mountains . Every insect lives in the garden . \
                 Jorium melts before Belium . Aron is farther from the sun than Gant .",
            ),
            (
                Language::Es,
                "Zorb es un pájaro . Zorb come semillas . Zorb vive en las montañas . Cada insecto vive en el jardín . \
                 Jorium se funde antes que Belium . Aron está más lejos del sol que Gant .",
            ),
            (
                Language::Zh,
                "Zorb 是 鸟 。 Zorb 吃 种子 。 Zorb 住在 山上 。 所有 昆虫 都 住在 花园里 。 \
                 Jorium 比 Belium 先 熔化 。 Aron 比 Gant 离 太阳 远 。",
            ),
            (
                Language::Bn,
                "Zorb একটি পাখি । Zorb বীজ খায় । Zorb পাহাড়ে থাকে । প্রতিটি পোকা বাগানে থাকে । \
                 Jorium Belium এর আগে গলে । Aron Gant এর চেয়ে সূর্য থেকে দূরে ।",
            ),
            (
                Language::Te,
                "Zorb ఒక పక్షి . Zorb గింజలు తింటుంది . Zorb కొండపై నివసిస్తుంది . ప్రతి పురుగు తోటలో నివసిస్తుంది . \
                 Jorium Belium కంటే ముందు కరుగుతుంది . Aron Gant కంటే సూర్యుడికి దూరంగా ఉంది .",
            ),
        ] {
            assert_eq!(lesson.tell(language), text);
        }
    }

    #[test]
    fn questions_list_their_options() {
        let fact = Fact::order(Scale::Melting, 0, 3);
        let ask = Ask::Extreme { scale: Scale::Melting, last: false };
        let quiz = Quiz { ask, options: [3, 0, 5, 4], right: 1, fact };
        assert_eq!(
            Lesson::Worked(quiz).tell(Language::En),
            "Which melts first ? (A) Arvium (B) Jorium (C) Dalium (D) Golium Answer : Jorium"
        );
        let ask = Ask::Attribute { creature: 0, attribute: Attribute::Home };
        let quiz = Quiz { ask, options: [3, 0, 2, 4], right: 1, fact };
        assert_eq!(
            quiz.ask(Language::Es),
            "¿ Dónde vive Zorb ? (A) desierto (B) montañas (C) jardín (D) bosque Respuesta :"
        );
    }

    #[test]
    fn every_slot_is_filled() {
        for text in Language::ALL.into_iter().flat_map(texts) {
            assert!(!text.contains('$'), "{text}");
            assert_eq!(text.split(' ').collect::<Vec<_>>(), text.split_whitespace().collect::<Vec<_>>());
        }
    }
}
