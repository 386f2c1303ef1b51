//! Answers and perplexities of one model.

use std::collections::BTreeMap;

use maec_eval::{Accuracy, Answered, EvalError, PairedDifference, paired_difference};
use serde::{Deserialize, Serialize};

/// An answer to one question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The question's id.
    pub id: String,
    /// What it has in common with others: an operand pair, a fact, the same problem in another language.
    pub problem: String,
    /// Whether it is right.
    pub correct: bool,
}

impl Answered for Answer {
    type Cluster = String;

    fn id(&self) -> &str {
        &self.id
    }

    fn is_correct(&self) -> bool {
        self.correct
    }

    fn cluster(&self) -> String {
        self.problem.clone()
    }
}

/// What is known of one model after an exam.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Marks {
    /// Answers by ability, then by the language's code.
    pub answers: BTreeMap<String, BTreeMap<String, Vec<Answer>>>,
    /// Perplexity of held-out general text by the language's code.
    pub perplexity: BTreeMap<String, f64>,
    /// What a reader of the answers must know besides, by ability: exemplars left out, questions that did not fit, answers cut off.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: BTreeMap<String, Vec<String>>,
}

impl Marks {
    fn of(&self, ability: &str) -> impl Iterator<Item = (&String, &Vec<Answer>)> {
        self.answers.get(ability).into_iter().flatten()
    }

    fn without(&self, ability: &str, reference: &str) -> Vec<Answer> {
        let others = self.of(ability).filter(|(code, _)| *code != reference);
        others.flat_map(|(_, answers)| answers).cloned().collect()
    }

    /// Accuracy in an ability by language, where something was asked.
    pub fn accuracy(&self, ability: &str) -> BTreeMap<String, Accuracy> {
        let asked = self.of(ability).filter(|(_, answers)| !answers.is_empty());
        asked.map(|(code, answers)| (code.clone(), Accuracy::of(answers))).collect()
    }

    /// Accuracy in an ability over all languages but one.
    pub fn accuracy_without(&self, ability: &str, reference: &str) -> Accuracy {
        Accuracy::of(&self.without(ability, reference))
    }

    /// The same minus another model's, on the same questions.
    ///
    /// # Errors
    /// When the two were asked different questions.
    pub fn gain_without(
        &self,
        other: &Self,
        ability: &str,
        reference: &str,
    ) -> Result<PairedDifference, EvalError> {
        paired_difference(&self.without(ability, reference), &other.without(ability, reference))
    }

    /// Mean over the languages of their perplexities.
    pub fn mean_perplexity(&self) -> Option<f64> {
        let all = || self.perplexity.values();
        (all().len() > 0).then(|| all().sum::<f64>() / all().len() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(correct: [[bool; 2]; 2]) -> Marks {
        let language = |code: &str, correct: [bool; 2]| {
            let answer = |(index, correct): (usize, bool)| Answer {
                id: format!("{code}-{index}"),
                problem: index.to_string(),
                correct,
            };
            (code.to_owned(), correct.into_iter().enumerate().map(answer).collect())
        };
        let languages = BTreeMap::from([language("en", correct[0]), language("es", correct[1])]);
        Marks {
            answers: BTreeMap::from([("sums".to_owned(), languages)]),
            perplexity: BTreeMap::from([("en".to_owned(), 2.0), ("es".to_owned(), 4.0)]),
            ..Marks::default()
        }
    }

    #[test]
    fn the_reference_is_left_out_of_what_is_claimed() {
        let (mine, base) = (marks([[true, true], [true, false]]), marks([[true, true], [false, false]]));
        let outside = mine.accuracy_without("sums", "en");
        assert_eq!((outside.correct, outside.n), (1, 2));
        assert_eq!(mine.accuracy("sums")["en"].correct, 2);
        let gain = mine.gain_without(&base, "sums", "en").unwrap();
        assert_eq!((gain.mean, gain.n, gain.clusters), (0.5, 2, 2));
        assert_eq!(mine.mean_perplexity(), Some(3.0));
        assert_eq!(mine.accuracy_without("other", "en").n, 0);
        assert_eq!(Marks::default().mean_perplexity(), None);
    }

    #[test]
    fn other_questions_are_no_comparison() {
        let mine = marks([[true, true], [true, false]]);
        assert!(mine.gain_without(&Marks::default(), "sums", "en").is_err());
    }
}
