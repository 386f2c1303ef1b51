//! Chinese: a classifier stands between a number and its noun. Words are separated as a segmenter would.

use super::{Noun, PhraseBook};

pub(super) static BOOK: PhraseBook = PhraseBook {
    answer: "答案 ：",
    comma: "、",
    nouns: [
        Noun::classified("苹果", "个"),
        Noun::classified("梨", "个"),
        Noun::classified("橙子", "个"),
        Noun::classified("鸡蛋", "个"),
        Noun::classified("球", "个"),
        Noun::classified("杯子", "个"),
        Noun::classified("书", "本"),
        Noun::classified("笔", "支"),
    ],
    places: ["在 市场", "在 商店", "在 城里"],
    has: "$x 有 $a $class $things 。",
    buys_at: "$x $place 买了 $a $class $things 。",
    buys_both: "$x 买了 $a $class $things 和 $b $class2 $others 。",
    likes: "$x 喜欢 $all 。",
    dislikes: "$x 不 喜欢 $all 。",
    counts_up: "$x 数数 ： $run 。",
    counts_down: "$x 倒数 ： $run 。",
    buys_more: "$x 又 买了 $a $class 。",
    receives_more: "$y 又 给了 $x $a $class 。",
    finds_more: "$x 又 找到了 $a $class 。",
    sells: "$x 卖了 $a $class 。",
    gives: "$x 给了 $y $a $class 。",
    loses: "$x 丢了 $a $class 。",
    ask_has: "$x 有 多少 $class $all ？",
    ask_now: "$x 现在 有 多少 $class $all ？",
    ask_total: "$x 和 $y 一共 有 多少 $class $all ？",
    ask_difference: "$x 比 $y 多 多少 $class $all ？",
};
