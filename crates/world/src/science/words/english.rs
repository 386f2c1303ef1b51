//! English: a kind has its article, "an insect".

use super::{Noun, ScaleBook, ScienceBook};

pub(super) static SCIENCE: ScienceBook = ScienceBook {
    kinds: [
        Noun::new("a", "bird"),
        Noun::new("a", "fish"),
        Noun::new("an", "insect"),
        Noun::new("a", "snake"),
        Noun::new("a", "monkey"),
    ],
    diets: ["seeds", "algae", "leaves", "meat", "fruit"],
    homes: [
        Noun::bare("mountains"),
        Noun::bare("river"),
        Noun::bare("garden"),
        Noun::bare("desert"),
        Noun::bare("forest"),
    ],
    is: "$x is $a $kind .",
    eats: "$x eats $diet .",
    lives: "$x lives in the $home .",
    every_eats: "Every $kind eats $diet .",
    every_lives: "Every $kind lives in the $home .",
    ask_kind: "What animal is $x ?",
    ask_diet: "What does $x eat ?",
    ask_home: "Where does $x live ?",
    melting: ScaleBook {
        before: "$x melts before $y .",
        after: "$x melts after $y .",
        ask_first: "Which melts first ?",
        ask_last: "Which melts last ?",
    },
    distance: ScaleBook {
        before: "$x is nearer to the sun than $y .",
        after: "$x is farther from the sun than $y .",
        ask_first: "Which is nearest to the sun ?",
        ask_last: "Which is farthest from the sun ?",
    },
};
