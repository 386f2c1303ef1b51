//! Spanish: nouns have a gender, with which the article and "how many" agree.

use super::{Noun, PhraseBook};

const fn feminine(one: &'static str, many: &'static str) -> Noun {
    Noun { one, many, class: "", the: "las", how_many: "Cuántas" }
}

const fn masculine(one: &'static str, many: &'static str) -> Noun {
    Noun { one, many, class: "", the: "los", how_many: "Cuántos" }
}

pub(super) static BOOK: PhraseBook = PhraseBook {
    answer: "Respuesta :",
    comma: ",",
    nouns: [
        feminine("manzana", "manzanas"),
        feminine("pera", "peras"),
        feminine("naranja", "naranjas"),
        masculine("huevo", "huevos"),
        feminine("pelota", "pelotas"),
        feminine("taza", "tazas"),
        masculine("libro", "libros"),
        masculine("bolígrafo", "bolígrafos"),
    ],
    places: ["en el mercado", "en la tienda", "en la ciudad"],
    has: "$x tiene $a $things .",
    buys_at: "$x compra $a $things $place .",
    buys_both: "$x compra $a $things y $b $others .",
    likes: "A $x le gustan $the $all .",
    dislikes: "A $x no le gustan $the $all .",
    counts_up: "$x cuenta : $run .",
    counts_down: "$x cuenta hacia atrás : $run .",
    buys_more: "$x compra $a más .",
    receives_more: "$y le da $a más a $x .",
    finds_more: "$x encuentra $a más .",
    sells: "$x vende $a .",
    gives: "$x le da $a a $y .",
    loses: "$x pierde $a .",
    ask_has: "¿ $many $all tiene $x ?",
    ask_now: "¿ $many $all tiene $x ahora ?",
    ask_total: "¿ $many $all tienen $x y $y en total ?",
    ask_difference: "¿ $many $all más tiene $x que $y ?",
};
