//! Operations, operands, and the split of operand pairs into training, validation and test.

use crate::draw::Draw;
use serde::{Deserialize, Serialize};

/// The largest number in a story problem, as operand or as answer.
pub(crate) const LARGEST: u32 = 30;

/// Every seed's worlds share one split of the pairs, drawn from this key.
const SPLIT_KEY: u64 = 0x6d61_6563;

/// An arithmetic operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    /// a + b
    Add,
    /// a − b
    Sub,
}

/// What a story problem computes: `a op b`, in the order in which the story tells the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Operands {
    /// The first number of the story.
    pub a: u32,
    /// The second number of the story.
    pub b: u32,
    /// What is done with them.
    pub op: Op,
}

impl Operands {
    /// a + b or a − b.
    pub fn answer(self) -> i64 {
        let (a, b) = (i64::from(self.a), i64::from(self.b));
        match self.op {
            Op::Add => a + b,
            Op::Sub => a - b,
        }
    }

    /// The unordered pair {a, b}, smaller first; it alone decides the [`Split`].
    pub fn pair(self) -> (u32, u32) {
        (self.a.min(self.b), self.a.max(self.b))
    }
}

/// What a pair of operands may be used for, in every language and operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Base mix and ability corpora (70 % of the pairs).
    Train,
    /// Problems for tuning (10 %).
    Validation,
    /// Problems for the final numbers (20 %).
    Test,
}

/// An unordered pair of operands, 1 ≤ `low` ≤ `high` ≤ 30, with at least one operation whose answer is in 1..=30.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pair {
    low: u32,
    high: u32,
}

impl Pair {
    /// The operations that are possible with an answer in 1..=30; never empty.
    pub(crate) fn ops(self) -> &'static [Op] {
        match (self.low + self.high <= LARGEST, self.low < self.high) {
            (true, true) => &[Op::Add, Op::Sub],
            (true, false) => &[Op::Add],
            (false, true) => &[Op::Sub],
            (false, false) => &[],
        }
    }

    /// The operands in the order of a story: any for a sum, the larger first for a difference.
    pub(crate) fn arrange(self, op: Op, draw: &mut Draw) -> Operands {
        let low_first = op == Op::Add && draw.below(2) == 0;
        let (a, b) = if low_first { (self.low, self.high) } else { (self.high, self.low) };
        Operands { a, b, op }
    }
}

/// Every usable pair, by split.
#[derive(Clone, Debug)]
pub(crate) struct Pairs {
    train: Vec<Pair>,
    validation: Vec<Pair>,
    test: Vec<Pair>,
}

impl Pairs {
    /// The split of the 450 usable pairs, the same in every world: 70/10/20 % of those that can only be added, only be
    /// subtracted, or both, so that no split lacks an operation.
    pub(crate) fn new() -> Self {
        let mut draw = Draw::new(SPLIT_KEY, 0);
        let mut pairs = Self { train: Vec::new(), validation: Vec::new(), test: Vec::new() };
        let groups: [&[Op]; 3] = [&[Op::Add, Op::Sub], &[Op::Add], &[Op::Sub]];
        for group in groups {
            let mut members: Vec<Pair> = (1..=LARGEST)
                .flat_map(|low| (low..=LARGEST).map(move |high| Pair { low, high }))
                .filter(|pair| pair.ops() == group)
                .collect();
            draw.shuffle(&mut members);
            let validation = (members.len() + 5) / 10;
            let test = (members.len() * 2 + 5) / 10;
            pairs.validation.extend(members.drain(..validation));
            pairs.test.extend(members.drain(..test));
            pairs.train.extend(members);
        }
        for list in [&mut pairs.train, &mut pairs.validation, &mut pairs.test] {
            list.sort_unstable();
        }
        pairs
    }

    /// The pairs of a split, ascending.
    pub(crate) fn of(&self, split: Split) -> &[Pair] {
        match split {
            Split::Train => &self.train,
            Split::Validation => &self.validation,
            Split::Test => &self.test,
        }
    }

    /// The split of {a, b}, or `None` where no operation has an answer in 1..=30.
    pub(crate) fn split(&self, a: u32, b: u32) -> Option<Split> {
        let pair = Pair { low: a.min(b), high: a.max(b) };
        [Split::Train, Split::Validation, Split::Test]
            .into_iter()
            .find(|&split| self.of(split).binary_search(&pair).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usable_pair_has_one_split() {
        let pairs = Pairs::new();
        let sizes = [Split::Train, Split::Validation, Split::Test].map(|split| pairs.of(split).len());
        assert_eq!(sizes, [314, 46, 90]);
        for low in 0..=LARGEST + 2 {
            for high in low..=LARGEST + 2 {
                let in_range = 1 <= low && high <= LARGEST;
                let usable = in_range && (low + high <= LARGEST || high - low >= 1);
                assert_eq!(pairs.split(low, high).is_some(), usable, "{{{low}, {high}}}");
                assert_eq!(pairs.split(low, high), pairs.split(high, low));
            }
        }
    }

    #[test]
    fn every_split_can_do_both() {
        let pairs = Pairs::new();
        for split in [Split::Train, Split::Validation, Split::Test] {
            for op in [Op::Add, Op::Sub] {
                let able = pairs.of(split).iter().filter(|pair| pair.ops().contains(&op)).count();
                assert!(able >= 20, "{split:?} has {able} pairs for {op:?}");
            }
        }
    }

    #[test]
    fn arranged_answers_are_in_range() {
        let mut draw = Draw::new(0, 0);
        let pairs = Pairs::new();
        for pair in &pairs.train {
            for &op in pair.ops() {
                let operands = pair.arrange(op, &mut draw);
                assert!((1..=i64::from(LARGEST)).contains(&operands.answer()), "{operands:?}");
                assert_eq!(operands.pair(), (pair.low, pair.high));
            }
        }
    }
}
