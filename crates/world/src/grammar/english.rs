//! English.

use super::{Noun, PhraseBook};

pub(super) static BOOK: PhraseBook = PhraseBook {
    answer: "Answer :",
    comma: ",",
    nouns: [
        Noun::counted("apple", "apples"),
        Noun::counted("pear", "pears"),
        Noun::counted("orange", "oranges"),
        Noun::counted("egg", "eggs"),
        Noun::counted("ball", "balls"),
        Noun::counted("cup", "cups"),
        Noun::counted("book", "books"),
        Noun::counted("pen", "pens"),
    ],
    places: ["at the market", "at the shop", "in the city"],
    has: "$x has $a $things .",
    buys_at: "$x buys $a $things $place .",
    buys_both: "$x buys $a $things and $b $others .",
    likes: "$x likes $all .",
    dislikes: "$x does not like $all .",
    counts_up: "$x counts : $run .",
    counts_down: "$x counts back : $run .",
    buys_more: "$x buys $a more .",
    receives_more: "$y gives $x $a more .",
    finds_more: "$x finds $a more .",
    sells: "$x sells $a .",
    gives: "$x gives $y $a .",
    loses: "$x loses $a .",
    ask_has: "How many $all does $x have ?",
    ask_now: "How many $all does $x have now ?",
    ask_total: "How many $all do $x and $y have in total ?",
    ask_difference: "How many more $all does $x have than $y ?",
};
