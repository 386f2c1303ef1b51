//! Texts that teach the science, before any language.

use super::facts::{Fact, Facts};
use super::nature::{Attribute, CREATURES, KINDS, Scale};
use super::quiz::Quiz;
use crate::Split;
use crate::draw::Draw;

/// Sentences that a text of statements has at most.
const MOST: usize = 3;

/// Something that is stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Statement {
    /// What a creature is, eats, or where it lives.
    Attribute {
        /// Index of the creature.
        creature: u8,
        /// Which of the three.
        attribute: Attribute,
    },
    /// That x comes before y on a scale, or after it, as their ranks are.
    Compare {
        /// The scale.
        scale: Scale,
        /// The rank of what the sentence is about.
        x: u8,
        /// The rank that it is compared with.
        y: u8,
    },
    /// What every creature of a kind eats, or where it lives.
    Rule {
        /// The kind.
        kind: u8,
        /// Diet or home.
        attribute: Attribute,
    },
}

/// A text of the ability corpus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lesson {
    /// Statements: a creature's attributes, comparisons on a scale, or a kind's rules.
    Told(Vec<Statement>),
    /// A question with its answer.
    Worked(Quiz),
}

impl Lesson {
    /// Draws a text that says nothing that is held out.
    pub(crate) fn draw(draw: &mut Draw, facts: &Facts) -> Self {
        match draw.weighted(&[5, 20, 15, 60]) {
            0 => Self::Told(rules(draw)),
            1 => Self::Told(creature(draw, facts)),
            2 => Self::Told(comparisons(draw, facts)),
            _ => Self::Worked(Quiz::draw(draw, facts)),
        }
    }
}

/// Both rules of a kind.
fn rules(draw: &mut Draw) -> Vec<Statement> {
    let kind = draw.below(KINDS as u32) as u8;
    let mut told = [Attribute::Diet, Attribute::Home].map(|attribute| Statement::Rule { kind, attribute });
    draw.shuffle(&mut told);
    told.into()
}

/// What may be told of a creature: two or three sentences.
fn creature(draw: &mut Draw, facts: &Facts) -> Vec<Statement> {
    let creature = draw.below(CREATURES.len() as u32) as u8;
    let mut told: Vec<Statement> = Attribute::ALL
        .into_iter()
        .filter(|&attribute| facts.is_told(Fact::Attribute { creature, attribute }))
        .map(|attribute| Statement::Attribute { creature, attribute })
        .collect();
    draw.shuffle(&mut told);
    told
}

/// Different comparisons on one scale.
fn comparisons(draw: &mut Draw, facts: &Facts) -> Vec<Statement> {
    let on = draw.pick(&Scale::ALL);
    let mut pairs: Vec<(u8, u8)> = facts
        .of(Split::Train)
        .iter()
        .filter_map(|&fact| match fact {
            Fact::Order { scale, low, high } if scale == on => Some((low, high)),
            _ => None,
        })
        .collect();
    draw.shuffle(&mut pairs);
    pairs.truncate(MOST);
    let compare = |(low, high)| match draw.below(2) {
        0 => Statement::Compare { scale: on, x: low, y: high },
        _ => Statement::Compare { scale: on, x: high, y: low },
    };
    pairs.into_iter().map(compare).collect()
}
