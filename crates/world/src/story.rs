//! Story problems, before any language: who has what, what happens, what is asked.

use crate::content::{Form, Sentence, other_person, person, thing};
use crate::draw::Draw;
use crate::operands::{Op, Operands, Pair};

/// Templates for each operation.
pub(crate) const TEMPLATES: usize = 4;

/// A story problem: `x` has `a` things, something happens, and `a op b` is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Story {
    pub(crate) operands: Operands,
    /// Index of the template, below [`TEMPLATES`].
    template: usize,
    x: u8,
    y: u8,
    thing: u8,
}

impl Story {
    /// Draws a training problem about one of `pairs`: every pair, possible operation and template equally often.
    pub(crate) fn draw(draw: &mut Draw, pairs: &[Pair]) -> Self {
        let pair = draw.pick(pairs);
        let op = draw.pick(pair.ops());
        let template = draw.below(TEMPLATES as u32) as usize;
        Self::draw_about(draw, pair, op, template)
    }

    /// Draws a problem about `pair`, told in statements that are not held out.
    pub(crate) fn draw_about(draw: &mut Draw, pair: Pair, op: Op, template: usize) -> Self {
        let operands = pair.arrange(op, draw);
        loop {
            let x = person(draw);
            let story = Self { operands, template, x, y: other_person(draw, x), thing: thing(draw) };
            if !story.sentences().iter().any(|sentence| sentence.is_held_out()) {
                return story;
            }
        }
    }

    /// The story's three sentences; the last one asks.
    pub(crate) fn sentences(self) -> [Sentence; 3] {
        use Form::*;
        let Self { operands: Operands { a, b, op }, x, y, thing, .. } = self;
        let has = Sentence::new(Has, x, a, thing);
        let about = |form| Sentence::new(form, x, b, thing);
        let now = Sentence::new(AskNow, x, 0, thing);
        let both =
            |question| [has, Sentence::new(Has, y, b, thing), Sentence::new(question, x, 0, thing).with(y)];
        match (op, self.template) {
            (Op::Add, 0) => [has, about(BuysMore), now],
            (Op::Add, 1) => [has, about(ReceivesMore).with(y), now],
            (Op::Add, 2) => [has, about(FindsMore), now],
            (Op::Add, _) => both(AskTotal),
            (Op::Sub, 0) => [has, about(Sells), now],
            (Op::Sub, 1) => [has, about(Gives).with(y), now],
            (Op::Sub, 2) => [has, about(Loses), now],
            (Op::Sub, _) => both(AskDifference),
        }
    }
}
