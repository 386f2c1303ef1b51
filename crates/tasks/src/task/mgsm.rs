//! MGSM (Shi et al. 2022): the harness's task `mgsm_native_cot`, and a score of parsed numbers.
//!
//! Prompts and the filters `strict` and `flexible` are the harness's to the byte, with two of its quirks kept, so that numbers can be
//! compared: its strict pattern for Bengali is the English one (the score `localised` uses the phrase that each language's
//! exemplars end with), and it cuts an exemplar's answer after as many characters as the label and a space have, which in
//! Chinese, where no space follows the label, takes the answer's first character too. The exemplars come in the
//! file's order; the harness shuffles them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::{Kind, first_exemplars};
use crate::scoring::Scoring;
use crate::{Ask, Error, Input, Item, Prompt};

/// How a language is asked.
#[derive(Debug, Clone, Copy)]
pub struct Language {
    /// ISO 639-1.
    pub code: &'static str,
    /// Before the question; also ends an answer.
    pub question: &'static str,
    /// Before the answer.
    pub answer: &'static str,
    /// The harness's strict pattern.
    pub strict: &'static str,
    /// What the exemplars write before their result.
    pub phrase: &'static str,
}

const fn language_of(
    code: &'static str,
    question: &'static str,
    answer: &'static str,
    strict: &'static str,
    phrase: &'static str,
) -> Language {
    Language { code, question, answer, strict, phrase }
}

/// The languages of MGSM.
#[rustfmt::skip]
pub const LANGUAGES: [Language; 11] = [
    language_of("bn", "প্রশ্ন:", "ধাপে ধাপে উত্তর:", r"The answer is (\-?[0-9\.\,]+)", "উত্তর হল"),
    language_of("de", "Frage:", "Schritt-für-Schritt-Antwort:", r"Die Antwort lautet (\-?[0-9\.\,]+)", "Die Antwort lautet"),
    language_of("en", "Question:", "Step-by-Step Answer:", r"The answer is (\-?[0-9\.\,]+)", "The answer is"),
    language_of("es", "Pregunta:", "Respuesta paso a paso:", r"La respuesta es (\-?[0-9\.\,]+)", "La respuesta es"),
    language_of("fr", "Question :", "Réponse étape par étape :", r"La réponse est (\-?[0-9\.\,]+)", "La réponse est"),
    language_of("ja", "問題：", "ステップごとの答え:", r"答えは(\-?[0-9\.\,]+)です。", "答えは"),
    language_of("ru", "Задача:", "Пошаговоерешение:", r"Ответ — (\-?[0-9\.\,]+)", "Ответ —"),
    language_of("sw", "Swali:", "Jibu la Hatua kwa Hatua:", r"Jibu ni (\-?[0-9\.\,]+)", "Jibu ni"),
    language_of("te", "ప్రశ్న:", "దశలవారీగా సమాధానం:", r"సమాధానం (\-?[0-9\.\,]+)", "సమాధానం"),
    language_of("th", "โจทย์:", "คำตอบทีละขั้นตอน:", r"คำตอบคือ (\-?[0-9\.\,]+)", "คำตอบคือ"),
    language_of("zh", "问题：", "逐步解答:", r"答案是 (\-?[0-9\.\,]+)。", "答案是"),
];

/// The language with this code.
pub(super) fn language(code: &str) -> Result<&'static Language, Error> {
    LANGUAGES.iter().find(|language| language.code == code).ok_or_else(|| Error::Language {
        task: Kind::Mgsm.name(),
        language: code.into(),
        known: LANGUAGES.map(|language| language.code).join(", "),
    })
}

#[derive(Deserialize)]
struct Exemplars {
    /// By language, then by number from `1`.
    exemplars: BTreeMap<String, BTreeMap<String, Exemplar>>,
}

#[derive(Deserialize)]
struct Exemplar {
    /// The question with its label.
    q: String,
    /// The answer with its label.
    a: String,
}

pub(super) fn items(files: &[Input], shots: usize) -> Result<Vec<Item>, Error> {
    let holds_exemplars = |file: &&Input| Kind::Mgsm.holds_exemplars(file);
    let exemplars = files.iter().find(holds_exemplars);
    let exemplars = exemplars.map(|file| file.json::<Exemplars>(1, file.text())).transpose()?;
    let mut items = Vec::new();
    for file in files.iter().filter(|file| !holds_exemplars(file)) {
        let code = file.language().or_else(|| file.stem().strip_prefix("mgsm_"));
        let language = language(code.ok_or_else(|| Error::NoLanguage { file: file.name().into() })?)?;
        let own = exemplars.as_ref().and_then(|all| all.exemplars.get(language.code));
        let shots = first_exemplars(
            Kind::Mgsm,
            language.code,
            shots,
            own.into_iter().flat_map(|own| shown(language, own)),
        )?;
        let until: Arc<[String]> =
            [language.question, "</s>", "<|im_end|>"].map(str::to_owned).into_iter().collect();
        let scoring = Arc::new(Scoring::mgsm(language.strict, language.phrase));
        for (row, (line, text)) in file.lines().enumerate() {
            let (question, answer) = columns(file, line, text)?;
            items.push(Item {
                id: format!("{}/{}", language.code, row + 1),
                group: language.code.into(),
                // Row i is the same problem in every language.
                problem: (row + 1).to_string(),
                ask: Ask::Generate {
                    prompt: Prompt {
                        description: String::new(),
                        exemplars: shots.clone(),
                        question: format!("{} {question}\n{}", language.question, language.answer),
                    },
                    answer: answer.into(),
                    until: until.clone(),
                    scoring: scoring.clone(),
                },
            });
        }
    }
    Ok(items)
}

/// Exemplars in the order of their numbers.
fn shown<'a>(
    language: &'a Language,
    exemplars: &'a BTreeMap<String, Exemplar>,
) -> impl Iterator<Item = String> + 'a {
    let mut order: Vec<(u32, &Exemplar)> =
        exemplars.iter().filter_map(|(number, exemplar)| Some((number.parse().ok()?, exemplar))).collect();
    order.sort_by_key(|(number, _)| *number);
    order.into_iter().map(|(_, exemplar)| {
        let skipped = language.answer.chars().count() + 1;
        let answer: String = exemplar.a.chars().skip(skipped).collect();
        format!("{}\n{} {answer}\n\n", exemplar.q, language.answer)
    })
}

/// Question and answer.
fn columns<'a>(file: &Input, line: usize, text: &'a str) -> Result<(&'a str, &'a str), Error> {
    file.row_of(line, text.len())?;
    let columns: Vec<&str> = text.split('\t').collect();
    let &[question, answer] = columns.as_slice() else {
        return Err(Error::Columns { file: file.name().into(), line, found: columns.len(), expected: 2 });
    };
    let answer = file.filled(line, "answer", answer)?.trim();
    if answer.parse::<crate::Number>().is_err() {
        return Err(file.field(line, "answer", format!("`{}` is not a number", crate::sample::clip(answer))));
    }
    Ok((file.filled(line, "question", question)?, answer))
}
