//! The second ability: an invented science of creatures, metals and planets, whose facts follow from a few rules.
//!
//! - Five **kinds** of creatures; every kind has one diet and one home ("Every bird eats seeds ."). So a creature's kind, diet and home each follow from any other of them.
//! - Two **scales**: metals melt one before the other, planets lie one farther from the sun than the other. So who comes
//!   first follows from a chain of comparisons.
//!
//! The facts are the same in every world, and so is their [split](facts::Facts): of a creature at most one attribute is
//! held out, of a scale no pair of neighbours, so that every held-out fact can be derived from what is told. Names are
//! written alike in all languages; everything else is in a language's own [words].

mod facts;
mod lesson;
mod nature;
mod quiz;
mod words;

pub(crate) use facts::Facts;
pub(crate) use lesson::Lesson;
pub(crate) use quiz::Quiz;
pub(crate) use words::{LETTERS, ScienceBook};

/// Every word of the science, in all languages.
pub(crate) fn words() -> std::collections::BTreeSet<String> {
    let texts: Vec<String> = crate::Language::ALL.into_iter().flat_map(words::texts).collect();
    texts.iter().flat_map(|text| text.split(' ')).map(str::to_owned).collect()
}
