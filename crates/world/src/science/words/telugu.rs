//! Telugu: the verb comes last, homes stand in the locative.

use super::{Noun, ScaleBook, ScienceBook};

pub(super) static SCIENCE: ScienceBook = ScienceBook {
    kinds: [Noun::bare("పక్షి"), Noun::bare("చేప"), Noun::bare("పురుగు"), Noun::bare("పాము"), Noun::bare("కోతి")],
    diets: ["గింజలు", "నాచు", "ఆకులు", "మాంసం", "పండ్లు"],
    homes: [Noun::bare("కొండపై"), Noun::bare("నదిలో"), Noun::bare("తోటలో"), Noun::bare("ఎడారిలో"), Noun::bare("అడవిలో")],
    is: "$x ఒక $kind .",
    eats: "$x $diet తింటుంది .",
    lives: "$x $home నివసిస్తుంది .",
    every_eats: "ప్రతి $kind $diet తింటుంది .",
    every_lives: "ప్రతి $kind $home నివసిస్తుంది .",
    ask_kind: "$x ఏ జంతువు ?",
    ask_diet: "$x ఏమి తింటుంది ?",
    ask_home: "$x ఎక్కడ నివసిస్తుంది ?",
    melting: ScaleBook {
        before: "$x $y కంటే ముందు కరుగుతుంది .",
        after: "$x $y కంటే తర్వాత కరుగుతుంది .",
        ask_first: "ఏది అన్నిటికంటే ముందు కరుగుతుంది ?",
        ask_last: "ఏది అన్నిటికంటే చివర కరుగుతుంది ?",
    },
    distance: ScaleBook {
        before: "$x $y కంటే సూర్యుడికి దగ్గరగా ఉంది .",
        after: "$x $y కంటే సూర్యుడికి దూరంగా ఉంది .",
        ask_first: "ఏది సూర్యుడికి అన్నిటికంటే దగ్గరగా ఉంది ?",
        ask_last: "ఏది సూర్యుడికి అన్నిటికంటే దూరంగా ఉంది ?",
    },
};
