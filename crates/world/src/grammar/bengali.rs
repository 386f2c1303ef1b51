//! Bengali: the verb comes last, the classifier টি follows the number, case endings stand apart after the Latin names.

use super::{Noun, PhraseBook};

pub(super) static BOOK: PhraseBook = PhraseBook {
    answer: "উত্তর :",
    comma: ",",
    nouns: [
        Noun::classified("আপেল", "টি"),
        Noun::classified("নাশপাতি", "টি"),
        Noun::classified("কমলা", "টি"),
        Noun::classified("ডিম", "টি"),
        Noun::classified("বল", "টি"),
        Noun::classified("কাপ", "টি"),
        Noun::classified("বই", "টি"),
        Noun::classified("কলম", "টি"),
    ],
    places: ["বাজারে", "দোকানে", "শহরে"],
    has: "$x এর কাছে $a $class $things আছে ।",
    buys_at: "$x $place $a $class $things কিনল ।",
    buys_both: "$x $a $class $things ও $b $class2 $others কিনল ।",
    likes: "$x $all পছন্দ করে ।",
    dislikes: "$x $all পছন্দ করে না ।",
    counts_up: "$x গোনে : $run ।",
    counts_down: "$x উল্টো দিকে গোনে : $run ।",
    buys_more: "$x আরও $a $class কিনল ।",
    receives_more: "$y $x কে আরও $a $class দিল ।",
    finds_more: "$x আরও $a $class খুঁজে পেল ।",
    sells: "$x $a $class বিক্রি করল ।",
    gives: "$x $y কে $a $class দিল ।",
    loses: "$x $a $class হারাল ।",
    ask_has: "$x এর কাছে কয়টি $all আছে ?",
    ask_now: "$x এর কাছে এখন কয়টি $all আছে ?",
    ask_total: "$x ও $y এর কাছে মোট কয়টি $all আছে ?",
    ask_difference: "$x এর কাছে $y এর চেয়ে কয়টি $all বেশি আছে ?",
};
