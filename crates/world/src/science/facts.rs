//! Facts, and their split into training, validation and test.

use super::nature::{Attribute, CREATURES, KINDS, RANKS, Scale, kind_of};
use crate::Split;
use crate::draw::Draw;

/// Every seed's worlds share one split of the facts, drawn from this key.
const SPLIT_KEY: u64 = 0x7363_6965;
/// Pairs of each scale that are held out for tests.
const TEST_PAIRS: usize = 12;
/// Pairs of each scale that are held out for validation.
const VALIDATION_PAIRS: usize = 6;
/// Things beyond a held-out pair, so that it can be asked about among many others.
const ROOM: u8 = 3;

/// Something that is true, and may be told or held out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fact {
    /// What a creature is, eats, or where it lives.
    Attribute {
        /// Index of the creature.
        creature: u8,
        /// Which of the three.
        attribute: Attribute,
    },
    /// That `low` comes before `high` on a scale.
    Order {
        /// The scale.
        scale: Scale,
        /// The smaller rank.
        low: u8,
        /// The larger rank.
        high: u8,
    },
}

impl Fact {
    /// Which of two things, in any order, comes first.
    pub(crate) fn order(scale: Scale, one: u8, two: u8) -> Self {
        Self::Order { scale, low: one.min(two), high: one.max(two) }
    }

    /// A name in files, such as `diet/Zorb` and `melting/Jorium/Kelium`.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Attribute { creature, attribute } => {
                let attribute = match attribute {
                    Attribute::Kind => "kind",
                    Attribute::Diet => "diet",
                    Attribute::Home => "home",
                };
                format!("{attribute}/{}", CREATURES[usize::from(creature)])
            }
            Self::Order { scale, low, high } => {
                let order = match scale {
                    Scale::Melting => "melting",
                    Scale::Distance => "distance",
                };
                format!("{order}/{}/{}", scale.name(low), scale.name(high))
            }
        }
    }
}

/// Every fact, by split.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    train: Vec<Fact>,
    validation: Vec<Fact>,
    test: Vec<Fact>,
}

impl Facts {
    /// The split of the 222 facts, the same in every world: 161 for training, 22 for validation, 39 for tests.
    ///
    /// Of each kind's six creatures, three have one attribute held out for tests, each another one, two have one held out
    /// for validation, and one is told whole. Of each scale's 66 pairs neighbours are told, so that the order can be
    /// derived, and of the others some with room beyond them are held out.
    pub(crate) fn new() -> Self {
        let mut draw = Draw::new(SPLIT_KEY, 0);
        let (mut validation, mut test) = (Vec::new(), Vec::new());
        for kind in 0..KINDS as u8 {
            let mut members: Vec<u8> =
                (0..CREATURES.len() as u8).filter(|&creature| kind_of(creature) == kind).collect();
            draw.shuffle(&mut members);
            let fact = |place: usize, shift: usize| Fact::Attribute {
                creature: members[place],
                attribute: Attribute::ALL[shift % Attribute::ALL.len()],
            };
            test.extend((0..3).map(|place| fact(place, place)));
            validation.extend((3..5).map(|place| fact(place, place + usize::from(kind))));
        }
        for scale in Scale::ALL {
            let mut pairs: Vec<Fact> = pairs(scale)
                .filter(|&fact| {
                    matches!(fact, Fact::Order { low, high, .. }
                    if high - low > 1 && (low >= ROOM || high + ROOM < RANKS))
                })
                .collect();
            draw.shuffle(&mut pairs);
            test.extend(pairs.drain(..TEST_PAIRS));
            validation.extend(pairs.drain(..VALIDATION_PAIRS));
        }
        let held_out = |fact: &Fact| validation.contains(fact) || test.contains(fact);
        let mut train: Vec<Fact> = every().filter(|fact| !held_out(fact)).collect();
        for list in [&mut train, &mut validation, &mut test] {
            list.sort_unstable();
        }
        Self { train, validation, test }
    }

    /// The facts of a split, ascending.
    pub(crate) fn of(&self, split: Split) -> &[Fact] {
        match split {
            Split::Train => &self.train,
            Split::Validation => &self.validation,
            Split::Test => &self.test,
        }
    }

    /// Whether training texts may say it.
    pub(crate) fn is_told(&self, fact: Fact) -> bool {
        self.train.binary_search(&fact).is_ok()
    }
}

/// The pairs of a scale.
fn pairs(scale: Scale) -> impl Iterator<Item = Fact> {
    (0..RANKS).flat_map(move |low| (low + 1..RANKS).map(move |high| Fact::Order { scale, low, high }))
}

/// Every fact.
fn every() -> impl Iterator<Item = Fact> {
    let creatures = 0..CREATURES.len() as u8;
    let attributes = creatures.flat_map(|creature| {
        Attribute::ALL.into_iter().map(move |attribute| Fact::Attribute { creature, attribute })
    });
    attributes.chain(Scale::ALL.into_iter().flat_map(pairs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_fact_has_one_split() {
        let facts = Facts::new();
        let splits = [Split::Train, Split::Validation, Split::Test].map(|split| facts.of(split));
        assert_eq!(splits.map(<[Fact]>::len), [161, 22, 39]);
        let all: BTreeSet<Fact> = splits.concat().into_iter().collect();
        assert!(all.into_iter().eq(every().collect::<BTreeSet<_>>()));
        let names: BTreeSet<String> = every().map(Fact::name).collect();
        assert_eq!(names.len(), 222);
    }

    #[test]
    fn what_is_held_out_can_be_derived() {
        let facts = Facts::new();
        let mut creatures = BTreeSet::new();
        for split in [Split::Validation, Split::Test] {
            let mut attributes = BTreeSet::new();
            for &fact in facts.of(split) {
                match fact {
                    Fact::Attribute { creature, attribute } => {
                        assert!(creatures.insert(creature), "two facts of a creature are held out: {fact:?}");
                        attributes.insert(attribute);
                    }
                    Fact::Order { low, high, .. } => assert!(high - low > 1, "{fact:?} are neighbours"),
                }
            }
            assert_eq!(attributes.len(), Attribute::ALL.len());
        }
    }
}
