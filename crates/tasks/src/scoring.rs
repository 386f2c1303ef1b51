//! From generated text to answers and scores.

use std::collections::BTreeMap;

use crate::Number;
use crate::filter::{Filter, Form, answer_number};

/// How generated text is scored: by named filters, each compared with the right answer in a normal form, and by the number
/// that it gives.
#[derive(Debug)]
pub struct Scoring {
    filters: Vec<(&'static str, Filter)>,
    form: Form,
    /// What the number follows.
    phrase: &'static str,
}

/// The name of the score of [`Number`]s.
pub(crate) const NUMBER: &str = "number";
/// The name of the score of whole texts.
pub(crate) const EXACT: &str = "exact";

/// What was read off a text, and what that is worth.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scores {
    /// The answer by each filter, [`INVALID`](crate::INVALID) where there is none.
    pub filtered: BTreeMap<String, String>,
    /// 1 or 0 by each score.
    pub scores: BTreeMap<String, f64>,
}

impl Scoring {
    /// MGSM: the harness's strict pattern, the language's own phrase, the flexible filter, and the number.
    pub(crate) fn mgsm(strict: &str, phrase: &'static str) -> Self {
        let localised = format!(r"{phrase} ?(\-?[0-9\.\,]+)");
        let filters = vec![
            ("strict", Filter::first(strict)),
            ("localised", Filter::first(&localised)),
            ("flexible", Filter::flexible()),
        ];
        Self { filters, form: Form::Unpunctuated, phrase }
    }

    /// GSM8K: the number after `####`, the flexible filter, and the number.
    pub(crate) fn gsm8k() -> Self {
        let filters =
            vec![("strict", Filter::first(r"#### (\-?[0-9\.\,]+)")), ("flexible", Filter::flexible())];
        Self { filters, form: Form::Gsm8k, phrase: "####" }
    }

    /// Any other: the text itself, and the last number in it.
    pub(crate) fn plain() -> Self {
        Self { filters: Vec::new(), form: Form::Trimmed, phrase: "" }
    }

    /// The names of the scores, in the report's order. The last, `number`, is only given where the right answer is one.
    pub fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<&'static str> = self.filters.iter().map(|(name, _)| *name).collect();
        if names.is_empty() {
            names.push(EXACT);
        }
        names.push(NUMBER);
        names
    }

    /// The right answer in the form that answers are compared in.
    pub fn normal(&self, answer: &str) -> String {
        self.form.of(answer)
    }

    /// Reads the answers off `text` and compares them with the right one.
    pub fn score(&self, text: &str, answer: &str) -> Scores {
        let mut found = Scores::default();
        let right = self.normal(answer);
        let mut add = |name: &str, read: String, correct: bool| {
            found.filtered.insert(name.into(), read);
            found.scores.insert(name.into(), f64::from(u8::from(correct)));
        };
        for (name, filter) in &self.filters {
            let read = filter.apply(text);
            let correct = self.form.of(&read) == right;
            add(name, read, correct);
        }
        if self.filters.is_empty() {
            let read = self.form.of(text);
            let correct = read == right;
            add(EXACT, read, correct);
        }
        // The form takes signs and points away, so the answer as it stands comes first.
        let number = answer.parse().or_else(|_| right.parse::<Number>());
        if let Ok(number) = number {
            let read = answer_number(text, self.phrase);
            let correct = read.as_ref() == Some(&number);
            add(NUMBER, read.map_or_else(|| crate::INVALID.into(), |number| number.to_string()), correct);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(scoring: &Scoring, text: &str, answer: &str) -> Vec<(String, f64)> {
        scoring.score(text, answer).scores.into_iter().collect()
    }

    fn named(scores: [(&str, f64); 4]) -> Vec<(String, f64)> {
        scores.map(|(name, score)| (name.to_owned(), score)).into()
    }

    #[test]
    fn mgsm_scores_differ_where_punctuation_and_scripts_do() {
        let spanish = Scoring::mgsm(r"La respuesta es (\-?[0-9\.\,]+)", "La respuesta es");
        let expect = |strict, localised, flexible, number| {
            named([("flexible", flexible), ("localised", localised), ("number", number), ("strict", strict)])
        };
        assert_eq!(scores(&spanish, "5 + 6 = 11. La respuesta es 11.", "11"), expect(1.0, 1.0, 1.0, 1.0));
        // The harness reads 1800.
        assert_eq!(scores(&spanish, "La respuesta es 18.00.", "18"), expect(0.0, 0.0, 0.0, 1.0));
        assert_eq!(scores(&spanish, "La respuesta es $18.", "18"), expect(0.0, 0.0, 1.0, 1.0));
        // It knows no minus sign but `-`, and drops that one.
        assert_eq!(scores(&spanish, "La respuesta es −5.", "5"), expect(0.0, 0.0, 1.0, 0.0));
        assert_eq!(scores(&spanish, "La respuesta es -5.", "5"), expect(1.0, 1.0, 1.0, 0.0));
        assert_eq!(scores(&spanish, "Son 2 125. ", "2,125"), expect(0.0, 0.0, 0.0, 1.0));
        let bengali = Scoring::mgsm(r"The answer is (\-?[0-9\.\,]+)", "উত্তর হল");
        assert_eq!(scores(&bengali, "উত্তর হল 11।", "11"), expect(0.0, 1.0, 1.0, 1.0));
        assert_eq!(scores(&bengali, "উত্তর হল ১১।", "11"), expect(0.0, 0.0, 0.0, 1.0));
        assert_eq!(scores(&bengali, "", "11"), expect(0.0, 0.0, 0.0, 0.0));
    }

    #[test]
    fn gsm8k_answers_are_solutions() {
        let scoring = Scoring::gsm8k();
        let found = scoring.score("2*9=18\n#### $18", "She makes <<2*9=18>>18.\n#### 18");
        assert_eq!(found.filtered["strict"], crate::INVALID);
        assert_eq!(found.filtered["flexible"], "$18");
        assert_eq!(
            (found.scores["strict"], found.scores["flexible"], found.scores["number"]),
            (0.0, 1.0, 1.0)
        );
        let found = scoring.score("#### -1,450,000.", "x\n#### -1450000");
        assert_eq!((found.scores["strict"], found.scores["number"]), (1.0, 1.0));
    }

    #[test]
    fn plain_answers_have_a_number_only_where_the_right_one_has() {
        let scoring = Scoring::plain();
        let found = scoring.score(" Paris \n", "Paris");
        assert_eq!(found.scores, BTreeMap::from([(EXACT.into(), 1.0)]));
        let found = scoring.score("12 apples", "12");
        assert_eq!(found.scores, BTreeMap::from([(EXACT.into(), 0.0), (NUMBER.into(), 1.0)]));
    }
}
