//! Four-choice questions, before any language.

use super::facts::{Fact, Facts};
use super::nature::{Attribute, KINDS, RANKS, Scale, kind_of};
use crate::Split;
use crate::draw::Draw;

/// Options of a question.
pub(crate) const OPTIONS: usize = 4;

/// What a question asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ask {
    /// A creature's attribute; the options are its values.
    Attribute {
        /// Index of the creature.
        creature: u8,
        /// Which of the three.
        attribute: Attribute,
    },
    /// The first or the last of the options on a scale; the options are ranks.
    Extreme {
        /// The scale.
        scale: Scale,
        /// The last rather than the first.
        last: bool,
    },
}

/// A question with its options, one of which is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Quiz {
    pub(crate) ask: Ask,
    /// Four different values of what is asked for.
    pub(crate) options: [u8; OPTIONS],
    /// Index of the right one.
    pub(crate) right: usize,
    /// What decides it: the attribute asked for, or who comes first of the right option and the next best.
    pub(crate) fact: Fact,
}

impl Quiz {
    /// Draws a question for training: its answer says nothing that is held out.
    pub(crate) fn draw(draw: &mut Draw, facts: &Facts) -> Self {
        loop {
            let fact = draw.pick(facts.of(Split::Train));
            if let Some(quiz) = Self::about(draw, fact, |shown| facts.is_told(shown)) {
                return quiz;
            }
        }
    }

    /// Draws a question that `fact` decides, whose answer says nothing but facts that `may_say` allows: of the right
    /// option against each of the others. `None` where no question does.
    pub(crate) fn about(draw: &mut Draw, fact: Fact, may_say: impl Fn(Fact) -> bool) -> Option<Self> {
        let (ask, right, next, mut others) = match fact {
            Fact::Attribute { creature, attribute } => {
                let right = kind_of(creature);
                let mut others: Vec<u8> = (0..KINDS as u8).filter(|&value| value != right).collect();
                draw.shuffle(&mut others);
                let next = others.pop()?;
                (Ask::Attribute { creature, attribute }, right, next, others)
            }
            Fact::Order { scale, low, high } => {
                let beyond = |right: u8, ranks: std::ops::Range<u8>| -> Vec<u8> {
                    ranks.filter(|&rank| may_say(Fact::order(scale, right, rank))).collect()
                };
                let first = (false, low, high, beyond(low, high + 1..RANKS));
                let last = (true, high, low, beyond(high, 0..low));
                let possible: Vec<_> =
                    [first, last].into_iter().filter(|(.., others)| others.len() >= OPTIONS - 2).collect();
                let chosen = draw.below(possible.len().max(1) as u32) as usize;
                let (last, right, next, others) = possible.into_iter().nth(chosen)?;
                (Ask::Extreme { scale, last }, right, next, others)
            }
        };
        draw.shuffle(&mut others);
        let mut options = [right, next, others[0], others[1]];
        draw.shuffle(&mut options);
        let right = options.iter().position(|&option| option == right)?;
        Some(Self { ask, options, right, fact })
    }
}
