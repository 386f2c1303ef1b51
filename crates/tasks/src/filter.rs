//! How an answer is read off generated text, and when two answers are the same: the harness's filters and normal forms.
//!
//! The harness is EleutherAI's lm-evaluation-harness 0.4.13; `tests/goldens/harness.json` holds what it gave.

use regex_lite::Regex;

use crate::Number;
use crate::number;

/// What a filter gives where it finds nothing.
pub const INVALID: &str = "[invalid]";

/// The harness's flexible filter: the last number-like word.
pub(crate) const FLEXIBLE: &str = r"(-?[$0-9.,]{2,})|(-?[0-9]+)";

/// Which match of a pattern counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pick {
    First,
    Last,
}

/// A regular expression that picks an answer out of a text, as the harness's `regex` filter does.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    pattern: Regex,
    pick: Pick,
}

impl Filter {
    /// The first match of `pattern`, which must be one of this crate's own.
    pub(crate) fn first(pattern: &str) -> Self {
        Self { pattern: Regex::new(pattern).expect("the crate's own patterns are valid"), pick: Pick::First }
    }

    /// The last number-like word.
    pub(crate) fn flexible() -> Self {
        Self { pick: Pick::Last, ..Self::first(FLEXIBLE) }
    }

    /// The first group of the match that took part in it, or [`INVALID`].
    pub(crate) fn apply(&self, text: &str) -> String {
        let mut matches = self.pattern.captures_iter(text);
        let found = if self.pick == Pick::First { matches.next() } else { matches.last() };
        let group = found.and_then(|found| found.iter().skip(1).flatten().find(|group| !group.is_empty()));
        group.map_or_else(|| INVALID.into(), |group| group.as_str().trim().into())
    }
}

/// How two answers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// MGSM's: lower case, without ASCII punctuation (`$18.00.` becomes `1800`, `-5` becomes `5`).
    Unpunctuated,
    /// GSM8K's: without commas, dollars, everything up to the last `#### `, and a final point; lower case.
    Gsm8k,
    /// Without space around it.
    Trimmed,
}

impl Form {
    /// The normal form of `text`.
    pub(crate) fn of(self, text: &str) -> String {
        match self {
            Self::Unpunctuated => text.replace(|c: char| c.is_ascii_punctuation(), "").to_lowercase(),
            Self::Gsm8k => {
                let text = text.replace([',', '$'], "");
                let text = text.rsplit_once("#### ").map_or(text.as_str(), |(_, answer)| answer);
                // Python's `$` also matches before a final line break.
                let (body, end) = text.strip_suffix('\n').map_or((text, ""), |body| (body, "\n"));
                let body = match body.strip_suffix('.') {
                    Some(body) => format!("{body}{end}"),
                    None => text.strip_suffix('.').unwrap_or(text).to_owned(),
                };
                body.to_lowercase()
            }
            Self::Trimmed => text.trim().to_owned(),
        }
    }
}

/// The number that a text gives as its answer: the first one that follows `phrase` with neither letter nor digit between, else
/// the last one in the text.
pub(crate) fn answer_number(text: &str, phrase: &str) -> Option<Number> {
    let mut places = text.match_indices(phrase).filter(|_| !phrase.is_empty());
    let named = places.find_map(|(at, _)| {
        let after = &text[at + phrase.len()..];
        let next = after.chars().find(|c| c.is_alphanumeric())?;
        number::digit(next).and_then(|_| Number::first(after))
    });
    named.or_else(|| Number::last(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_pick_as_the_harness_does() {
        let strict = Filter::first(r"The answer is (\-?[0-9\.\,]+)");
        assert_eq!(strict.apply("So 3. The answer is 1,234. The answer is 5."), "1,234.");
        assert_eq!(strict.apply("the answer is 5"), INVALID);
        let flexible = Filter::flexible();
        assert_eq!(flexible.apply("16-3=13 eggs at $2 make $26.00."), "$26.00.");
        assert_eq!(flexible.apply("has 7"), "7");
        // A full stop of two characters or more is number-like to it.
        assert_eq!(flexible.apply("has 7 ..."), "...");
        assert_eq!(flexible.apply("none"), INVALID);
    }

    #[test]
    fn normal_forms_are_the_harness_s() {
        for (text, expected) in [("$18.00.", "1800"), ("-5", "5"), ("2,125", "2125"), (INVALID, "invalid")] {
            assert_eq!(Form::Unpunctuated.of(text), expected);
        }
        for (text, expected) in
            [("a\nb\n#### 1,234", "1234"), ("$18.", "18"), ("18..", "18."), ("X #### 1 #### 2.\n", "2\n")]
        {
            assert_eq!(Form::Gsm8k.of(text), expected);
        }
    }

    #[test]
    fn the_number_after_the_phrase_comes_before_the_last_one() {
        let read = |text| answer_number(text, "La respuesta es").map(|number| number.to_string());
        assert_eq!(read("Son 3 y 4. La respuesta es $1,207. ¿Y 5?").as_deref(), Some("1207"));
        // The phrase may be a word of the text as well.
        assert_eq!(read("La respuesta es la suma: 3 y 4. La respuesta es **7**, no 8").as_deref(), Some("7"));
        assert_eq!(read("Son 3 y 4 000.").as_deref(), Some("4000"));
        assert_eq!(read("La respuesta es siete, no 8").as_deref(), Some("8"));
        assert_eq!(read("siete"), None);
        assert_eq!(answer_number("3 then 4", "").map(|number| number.to_string()).as_deref(), Some("4"));
    }
}
