//! What a document says, before any language: sentences with their slots, and which of them are held out.

use crate::draw::Draw;
use crate::operands::LARGEST;

/// The people, written alike in every language.
pub(crate) const NAMES: [&str; 10] =
    ["Ana", "Ben", "Lin", "Luis", "Mina", "Omar", "Ravi", "Sara", "Tom", "Wei"];

/// How many kinds of things there are; every phrase book names them in the same order.
pub(crate) const THINGS: usize = 8;

/// How many places there are.
pub(crate) const PLACES: usize = 3;

/// The largest number that is written anywhere, at the end of a counting run.
pub(crate) const LARGEST_WRITTEN: u32 = 60;

/// What a sentence states or asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    /// x has a things.
    Has,
    /// x buys a things at the place.
    BuysAt,
    /// x buys a things and b others.
    BuysBoth,
    /// x likes things.
    Likes,
    /// x does not like things.
    Dislikes,
    /// x counts from a upwards, b numbers.
    CountsUp,
    /// x counts from a downwards, b numbers.
    CountsDown,
    /// x buys a more.
    BuysMore,
    /// y gives x a more.
    ReceivesMore,
    /// x finds a more.
    FindsMore,
    /// x sells a.
    Sells,
    /// x gives y a.
    Gives,
    /// x loses a.
    Loses,
    /// How many things does x have?
    AskHas,
    /// How many things does x have now?
    AskNow,
    /// How many things do x and y have in total?
    AskTotal,
    /// How many more things does x have than y?
    AskDifference,
}

impl Form {
    /// Every form, in the order of declaration.
    pub(crate) const ALL: [Self; 17] = [
        Self::Has,
        Self::BuysAt,
        Self::BuysBoth,
        Self::Likes,
        Self::Dislikes,
        Self::CountsUp,
        Self::CountsDown,
        Self::BuysMore,
        Self::ReceivesMore,
        Self::FindsMore,
        Self::Sells,
        Self::Gives,
        Self::Loses,
        Self::AskHas,
        Self::AskNow,
        Self::AskTotal,
        Self::AskDifference,
    ];

    /// Whether this is a statement of general text, some of which are held out.
    pub(crate) fn is_statement(self) -> bool {
        self <= Self::CountsDown
    }
}

/// A sentence: its form and what fills its slots. A slot that the form lacks is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sentence {
    pub(crate) form: Form,
    /// Index into [`NAMES`].
    pub(crate) x: u8,
    /// Index into [`NAMES`].
    pub(crate) y: u8,
    pub(crate) a: u32,
    pub(crate) b: u32,
    /// Index of the kind of thing.
    pub(crate) thing: u8,
    /// Index of a second kind of thing.
    pub(crate) other: u8,
    /// Index of the place.
    pub(crate) place: u8,
}

impl Sentence {
    /// "x <form> a things": every other slot is 0.
    pub(crate) fn new(form: Form, x: u8, a: u32, thing: u8) -> Self {
        Self { form, x, y: 0, a, b: 0, thing, other: 0, place: 0 }
    }

    /// The same sentence with a second person.
    pub(crate) fn with(self, y: u8) -> Self {
        Self { y, ..self }
    }

    /// Whether this statement is reserved for held-out text: about one in ten, by a hash of its slots (FNV-1a).
    pub(crate) fn is_held_out(self) -> bool {
        let slots =
            [self.form as u8, self.x, self.y, self.a as u8, self.b as u8, self.thing, self.other, self.place];
        let hash = slots.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &slot| {
            (hash ^ u64::from(slot)).wrapping_mul(0x0100_0000_01b3)
        });
        self.form.is_statement() && (hash >> 32) % 10 == 0
    }
}

/// A document of general text, before any language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct General {
    pub(crate) sentences: Vec<Sentence>,
    /// The answer where the last sentence asks.
    pub(crate) answer: Option<u32>,
}

impl General {
    /// Draws a document whose statements are all held out, or all not.
    pub(crate) fn draw(draw: &mut Draw, held_out: bool) -> Self {
        let (form, people): (fn(&mut Draw) -> Sentence, usize) = match draw.weighted(&[20, 20, 15, 15, 30]) {
            0 => (has, 2),
            1 => (buys, 1),
            2 => (likes, 2),
            3 => (counts, 1),
            _ => return Self::draw_retrieval(draw, held_out),
        };
        General { sentences: statements(draw, form, people, held_out), answer: None }
    }

    /// Who has what, and a question about one of the two.
    fn draw_retrieval(draw: &mut Draw, held_out: bool) -> Self {
        let mut sentences = statements(draw, has, 2, held_out);
        let asked = draw.pick(&sentences);
        sentences.push(Sentence::new(Form::AskHas, asked.x, 0, asked.thing));
        General { sentences, answer: Some(asked.a) }
    }
}

/// Draws `people` statements, each about somebody else, that are all held out, or all not.
fn statements(
    draw: &mut Draw,
    form: fn(&mut Draw) -> Sentence,
    people: usize,
    held_out: bool,
) -> Vec<Sentence> {
    let mut told: Vec<Sentence> = Vec::with_capacity(people + 1);
    while told.len() < people {
        let sentence = form(draw);
        if sentence.is_held_out() == held_out && told.iter().all(|earlier| earlier.x != sentence.x) {
            told.push(sentence);
        }
    }
    told
}

/// Draws a person.
pub(crate) fn person(draw: &mut Draw) -> u8 {
    draw.below(NAMES.len() as u32) as u8
}

/// Draws somebody other than `x`.
pub(crate) fn other_person(draw: &mut Draw, x: u8) -> u8 {
    (x + 1 + draw.below(NAMES.len() as u32 - 1) as u8) % NAMES.len() as u8
}

/// Draws a kind of thing.
pub(crate) fn thing(draw: &mut Draw) -> u8 {
    draw.below(THINGS as u32) as u8
}

fn has(draw: &mut Draw) -> Sentence {
    Sentence::new(Form::Has, person(draw), draw.between(1, LARGEST), thing(draw))
}

fn buys(draw: &mut Draw) -> Sentence {
    let bought = Sentence::new(Form::BuysAt, person(draw), draw.between(1, LARGEST), thing(draw));
    if draw.below(2) == 0 {
        return Sentence { place: draw.below(PLACES as u32) as u8, ..bought };
    }
    let other = (bought.thing + 1 + draw.below(THINGS as u32 - 1) as u8) % THINGS as u8;
    Sentence { form: Form::BuysBoth, b: draw.between(1, LARGEST), other, ..bought }
}

fn likes(draw: &mut Draw) -> Sentence {
    let form = draw.pick(&[Form::Likes, Form::Likes, Form::Dislikes]);
    Sentence::new(form, person(draw), 0, thing(draw))
}

fn counts(draw: &mut Draw) -> Sentence {
    let x = person(draw);
    let length = draw.between(4, 7);
    let start = draw.between(1, LARGEST_WRITTEN + 1 - length);
    if draw.below(2) == 0 {
        Sentence { b: length, ..Sentence::new(Form::CountsUp, x, start, 0) }
    } else {
        Sentence { b: length, ..Sentence::new(Form::CountsDown, x, start + length - 1, 0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_have_statements_of_every_form() {
        let mut draw = Draw::new(5, 0);
        for held_out in [false, true] {
            let mut seen = std::collections::BTreeMap::new();
            for _ in 0..4_000 {
                let general = General::draw(&mut draw, held_out);
                for sentence in general.sentences.iter().filter(|sentence| sentence.form.is_statement()) {
                    assert_eq!(sentence.is_held_out(), held_out);
                    seen.entry(sentence.form)
                        .or_insert_with(std::collections::BTreeSet::new)
                        .insert(*sentence);
                }
            }
            assert_eq!(seen.len(), Form::ALL.iter().filter(|form| form.is_statement()).count());
            assert!(seen.values().all(|sentences| sentences.len() >= 5), "{seen:?}");
        }
    }

    #[test]
    fn a_tenth_of_the_statements_is_held_out() {
        let all: Vec<bool> = (0..NAMES.len() as u8)
            .flat_map(|x| (1..=LARGEST).map(move |a| (x, a)))
            .flat_map(|(x, a)| (0..THINGS as u8).map(move |thing| Sentence::new(Form::Has, x, a, thing)))
            .map(Sentence::is_held_out)
            .collect();
        let held_out = all.iter().filter(|held_out| **held_out).count();
        assert!((200..280).contains(&held_out), "{held_out} of {}", all.len());
    }

    #[test]
    fn every_number_of_every_thing_can_be_told_in_training() {
        for a in 1..=LARGEST {
            for thing in 0..THINGS as u8 {
                let told =
                    (0..NAMES.len() as u8).filter(|&x| !Sentence::new(Form::Has, x, a, thing).is_held_out());
                assert!(told.count() >= 4, "{a} of thing {thing}");
            }
        }
    }
}
