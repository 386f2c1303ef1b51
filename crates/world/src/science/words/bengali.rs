//! Bengali: the verb comes last, homes stand in the locative.

use super::{Noun, ScaleBook, ScienceBook};

pub(super) static SCIENCE: ScienceBook = ScienceBook {
    kinds: [Noun::bare("পাখি"), Noun::bare("মাছ"), Noun::bare("পোকা"), Noun::bare("সাপ"), Noun::bare("বানর")],
    diets: ["বীজ", "শৈবাল", "পাতা", "মাংস", "ফল"],
    homes: [
        Noun::bare("পাহাড়ে"),
        Noun::bare("নদীতে"),
        Noun::bare("বাগানে"),
        Noun::bare("মরুভূমিতে"),
        Noun::bare("বনে"),
    ],
    is: "$x একটি $kind ।",
    eats: "$x $diet খায় ।",
    lives: "$x $home থাকে ।",
    every_eats: "প্রতিটি $kind $diet খায় ।",
    every_lives: "প্রতিটি $kind $home থাকে ।",
    ask_kind: "$x কোন প্রাণী ?",
    ask_diet: "$x কী খায় ?",
    ask_home: "$x কোথায় থাকে ?",
    melting: ScaleBook {
        before: "$x $y এর আগে গলে ।",
        after: "$x $y এর পরে গলে ।",
        ask_first: "কোনটি সবার আগে গলে ?",
        ask_last: "কোনটি সবার পরে গলে ?",
    },
    distance: ScaleBook {
        before: "$x $y এর চেয়ে সূর্যের কাছে ।",
        after: "$x $y এর চেয়ে সূর্য থেকে দূরে ।",
        ask_first: "কোনটি সূর্যের সবচেয়ে কাছে ?",
        ask_last: "কোনটি সূর্য থেকে সবচেয়ে দূরে ?",
    },
};
