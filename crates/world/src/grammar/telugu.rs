//! Telugu: the verb comes last, case endings stand apart after the Latin names. Past verbs take the respectful ending
//! -ఆరు, which is the same for women and men.

use super::{Noun, PhraseBook};

pub(super) static BOOK: PhraseBook = PhraseBook {
    answer: "జవాబు :",
    comma: ",",
    nouns: [
        Noun::counted("ఆపిల్", "ఆపిల్స్"),
        Noun::counted("బేరిపండు", "బేరిపండ్లు"),
        Noun::counted("నారింజ", "నారింజలు"),
        Noun::counted("గుడ్డు", "గుడ్లు"),
        Noun::counted("బంతి", "బంతులు"),
        Noun::counted("కప్పు", "కప్పులు"),
        Noun::counted("పుస్తకం", "పుస్తకాలు"),
        Noun::counted("పెన్ను", "పెన్నులు"),
    ],
    places: ["బజారులో", "దుకాణంలో", "నగరంలో"],
    has: "$x దగ్గర $a $things $a?ఉంది|ఉన్నాయి .",
    buys_at: "$x $place $a $things కొన్నారు .",
    buys_both: "$x $a $things మరియు $b $others కొన్నారు .",
    likes: "$x కి $all ఇష్టం .",
    dislikes: "$x కి $all ఇష్టం లేదు .",
    counts_up: "$x లెక్కపెట్టారు : $run .",
    counts_down: "$x వెనక్కి లెక్కపెట్టారు : $run .",
    buys_more: "$x మరో $a కొన్నారు .",
    receives_more: "$y $x కి మరో $a ఇచ్చారు .",
    finds_more: "$x కి మరో $a $a?దొరికింది|దొరికాయి .",
    sells: "$x $a అమ్మారు .",
    gives: "$x $y కి $a ఇచ్చారు .",
    loses: "$x $a పోగొట్టుకున్నారు .",
    ask_has: "$x దగ్గర ఎన్ని $all ఉన్నాయి ?",
    ask_now: "$x దగ్గర ఇప్పుడు ఎన్ని $all ఉన్నాయి ?",
    ask_total: "$x మరియు $y దగ్గర మొత్తం ఎన్ని $all ఉన్నాయి ?",
    ask_difference: "$x దగ్గర $y కంటే ఎన్ని $all ఎక్కువ ఉన్నాయి ?",
};
