//! Chinese: homes carry their localiser, "in the forest" is one word. Words are separated as a segmenter would.

use super::{Noun, ScaleBook, ScienceBook};

pub(super) static SCIENCE: ScienceBook = ScienceBook {
    kinds: [Noun::bare("鸟"), Noun::bare("鱼"), Noun::bare("昆虫"), Noun::bare("蛇"), Noun::bare("猴子")],
    diets: ["种子", "水藻", "叶子", "肉", "水果"],
    homes: [
        Noun::bare("山上"),
        Noun::bare("河里"),
        Noun::bare("花园里"),
        Noun::bare("沙漠里"),
        Noun::bare("森林里"),
    ],
    is: "$x 是 $kind 。",
    eats: "$x 吃 $diet 。",
    lives: "$x 住在 $home 。",
    every_eats: "所有 $kind 都 吃 $diet 。",
    every_lives: "所有 $kind 都 住在 $home 。",
    ask_kind: "$x 是 什么 动物 ？",
    ask_diet: "$x 吃 什么 ？",
    ask_home: "$x 住在 哪里 ？",
    melting: ScaleBook {
        before: "$x 比 $y 先 熔化 。",
        after: "$x 比 $y 后 熔化 。",
        ask_first: "哪个 最先 熔化 ？",
        ask_last: "哪个 最后 熔化 ？",
    },
    distance: ScaleBook {
        before: "$x 比 $y 离 太阳 近 。",
        after: "$x 比 $y 离 太阳 远 。",
        ask_first: "哪个 离 太阳 最近 ？",
        ask_last: "哪个 离 太阳 最远 ？",
    },
};
