//! Spanish: the articles of kinds and homes agree with their gender and number.

use super::{Noun, ScaleBook, ScienceBook};

pub(super) static SCIENCE: ScienceBook = ScienceBook {
    kinds: [
        Noun::new("un", "pájaro"),
        Noun::new("un", "pez"),
        Noun::new("un", "insecto"),
        Noun::new("una", "serpiente"),
        Noun::new("un", "mono"),
    ],
    diets: ["semillas", "algas", "hojas", "carne", "fruta"],
    homes: [
        Noun::new("las", "montañas"),
        Noun::new("el", "río"),
        Noun::new("el", "jardín"),
        Noun::new("el", "desierto"),
        Noun::new("el", "bosque"),
    ],
    is: "$x es $a $kind .",
    eats: "$x come $diet .",
    lives: "$x vive en $the $home .",
    every_eats: "Cada $kind come $diet .",
    every_lives: "Cada $kind vive en $the $home .",
    ask_kind: "¿ Qué animal es $x ?",
    ask_diet: "¿ Qué come $x ?",
    ask_home: "¿ Dónde vive $x ?",
    melting: ScaleBook {
        before: "$x se funde antes que $y .",
        after: "$x se funde después que $y .",
        ask_first: "¿ Cuál se funde primero ?",
        ask_last: "¿ Cuál se funde al final ?",
    },
    distance: ScaleBook {
        before: "$x está más cerca del sol que $y .",
        after: "$x está más lejos del sol que $y .",
        ask_first: "¿ Cuál está más cerca del sol ?",
        ask_last: "¿ Cuál está más lejos del sol ?",
    },
};
