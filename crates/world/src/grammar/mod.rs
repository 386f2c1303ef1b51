//! Saying sentences in a language: one phrase book a language, filled in slot by slot.

mod bengali;
mod chinese;
mod english;
mod spanish;
mod telugu;

use crate::Language;
use crate::content::{Form, NAMES, PLACES, Sentence, THINGS};

/// A language's words and sentences, as a speaker would check them.
///
/// A phrase is a list of words with white space between them; these words are slots:
///
/// | slot | filled with |
/// |---|---|
/// | `$x`, `$y` | a name |
/// | `$a`, `$b` | a number |
/// | `$things`, `$others` | the first, second thing with the number a, b |
/// | `$class`, `$class2` | its classifier |
/// | `$all` | the thing in general, as in "likes apples" |
/// | `$the`, `$many` | the article and the "how many" that go with it |
/// | `$place` | the place |
/// | `$run` | the counting run |
/// | `$a?one\|many` | `one` if a is 1, else `many` |
pub(crate) struct PhraseBook {
    /// What is asked for after a question.
    pub(crate) answer: &'static str,
    /// Between the numbers of a counting run.
    comma: &'static str,
    nouns: [Noun; THINGS],
    places: [&'static str; PLACES],
    has: &'static str,
    buys_at: &'static str,
    buys_both: &'static str,
    likes: &'static str,
    dislikes: &'static str,
    counts_up: &'static str,
    counts_down: &'static str,
    buys_more: &'static str,
    receives_more: &'static str,
    finds_more: &'static str,
    sells: &'static str,
    gives: &'static str,
    loses: &'static str,
    ask_has: &'static str,
    ask_now: &'static str,
    ask_total: &'static str,
    ask_difference: &'static str,
}

/// A thing's name in a language, with the words that agree with it.
struct Noun {
    /// With the number 1.
    one: &'static str,
    /// With any other number, and in general.
    many: &'static str,
    /// Between number and noun.
    class: &'static str,
    /// The definite article.
    the: &'static str,
    /// "How many".
    how_many: &'static str,
}

impl Noun {
    /// A noun that changes with number; nothing agrees with it.
    const fn counted(one: &'static str, many: &'static str) -> Self {
        Self { one, many, class: "", the: "", how_many: "" }
    }

    /// A noun that never changes, with its classifier.
    const fn classified(noun: &'static str, class: &'static str) -> Self {
        Self { one: noun, many: noun, class, the: "", how_many: "" }
    }

    /// The form that goes with `number`.
    fn with(&self, number: u32) -> &'static str {
        if number == 1 { self.one } else { self.many }
    }
}

impl PhraseBook {
    /// The phrase book of `language`.
    pub(crate) fn of(language: Language) -> &'static Self {
        match language {
            Language::En => &english::BOOK,
            Language::Es => &spanish::BOOK,
            Language::Zh => &chinese::BOOK,
            Language::Bn => &bengali::BOOK,
            Language::Te => &telugu::BOOK,
        }
    }

    fn phrase(&self, form: Form) -> &'static str {
        match form {
            Form::Has => self.has,
            Form::BuysAt => self.buys_at,
            Form::BuysBoth => self.buys_both,
            Form::Likes => self.likes,
            Form::Dislikes => self.dislikes,
            Form::CountsUp => self.counts_up,
            Form::CountsDown => self.counts_down,
            Form::BuysMore => self.buys_more,
            Form::ReceivesMore => self.receives_more,
            Form::FindsMore => self.finds_more,
            Form::Sells => self.sells,
            Form::Gives => self.gives,
            Form::Loses => self.loses,
            Form::AskHas => self.ask_has,
            Form::AskNow => self.ask_now,
            Form::AskTotal => self.ask_total,
            Form::AskDifference => self.ask_difference,
        }
    }

    /// Appends the words of `sentence` to `text`.
    pub(crate) fn say(&self, sentence: &Sentence, text: &mut String) {
        let noun = &self.nouns[usize::from(sentence.thing)];
        let other = &self.nouns[usize::from(sentence.other)];
        for word in self.phrase(sentence.form).split(' ') {
            match word {
                "$x" => push(text, NAMES[usize::from(sentence.x)]),
                "$y" => push(text, NAMES[usize::from(sentence.y)]),
                "$a" => push(text, &sentence.a.to_string()),
                "$b" => push(text, &sentence.b.to_string()),
                "$things" => push(text, noun.with(sentence.a)),
                "$others" => push(text, other.with(sentence.b)),
                "$all" => push(text, noun.many),
                "$class" => push(text, noun.class),
                "$class2" => push(text, other.class),
                "$the" => push(text, noun.the),
                "$many" => push(text, noun.how_many),
                "$place" => push(text, self.places[usize::from(sentence.place)]),
                "$run" => self.push_run(sentence, text),
                _ => match word.strip_prefix("$a?").and_then(|choice| choice.split_once('|')) {
                    Some((one, many)) => push(text, if sentence.a == 1 { one } else { many }),
                    None => push(text, word),
                },
            }
        }
    }

    /// Appends `b` numbers from `a` on.
    fn push_run(&self, sentence: &Sentence, text: &mut String) {
        for step in 0..sentence.b {
            if step > 0 {
                push(text, self.comma);
            }
            let down = sentence.form == Form::CountsDown;
            let number = if down { sentence.a - step } else { sentence.a + step };
            push(text, &number.to_string());
        }
    }

    /// The text of `sentences`, every token between single spaces.
    pub(crate) fn tell(&self, sentences: &[Sentence]) -> String {
        let mut text = String::new();
        for sentence in sentences {
            self.say(sentence, &mut text);
        }
        text
    }

    /// The text of `sentences`, the last of which asks, up to and including "Answer :".
    pub(crate) fn ask(&self, sentences: &[Sentence]) -> String {
        let mut text = self.tell(sentences);
        push(&mut text, self.answer);
        text
    }
}

/// Appends a word (or several, or none) after a space.
pub(crate) fn push(text: &mut String, word: &str) {
    if !text.is_empty() && !word.is_empty() {
        text.push(' ');
    }
    text.push_str(word);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sentence that fills every slot.
    fn full(form: Form, a: u32) -> Sentence {
        Sentence { form, x: 8, y: 0, a, b: 4, thing: 0, other: 6, place: 0 }
    }

    fn said(language: Language, form: Form, a: u32) -> String {
        PhraseBook::of(language).tell(&[full(form, a)])
    }

    #[test]
    fn numbers_agree() {
        use Language::*;
        for (language, one, many) in [
            (En, "Tom has 1 apple .", "Tom has 7 apples ."),
            (Es, "Tom tiene 1 manzana .", "Tom tiene 7 manzanas ."),
            (Zh, "Tom 有 1 个 苹果 。", "Tom 有 7 个 苹果 。"),
            (Bn, "Tom এর কাছে 1 টি আপেল আছে ।", "Tom এর কাছে 7 টি আপেল আছে ।"),
            (Te, "Tom దగ్గర 1 ఆపిల్ ఉంది .", "Tom దగ్గర 7 ఆపిల్స్ ఉన్నాయి ."),
        ] {
            assert_eq!(said(language, Form::Has, 1), one);
            assert_eq!(said(language, Form::Has, 7), many);
        }
    }

    #[test]
    fn runs_go_up_and_down() {
        assert_eq!(said(Language::En, Form::CountsUp, 9), "Tom counts : 9 , 10 , 11 , 12 .");
        assert_eq!(said(Language::Zh, Form::CountsDown, 9), "Tom 倒数 ： 9 、 8 、 7 、 6 。");
    }

    #[test]
    fn every_slot_is_filled_and_tells_its_content() {
        for language in Language::ALL {
            for form in Form::ALL {
                let text = said(language, form, 7);
                assert!(!text.contains('$'), "{language}: {text}");
                assert!(text.contains("Tom"), "{language}: {text}");
                assert_eq!(text.split(' ').collect::<Vec<_>>(), text.split_whitespace().collect::<Vec<_>>());
                let english = said(Language::En, form, 7);
                let numbers = |text: &str| {
                    text.split(' ').filter_map(|word| word.parse::<u32>().ok()).collect::<Vec<_>>()
                };
                assert_eq!(numbers(&text), numbers(&english), "{language}: {text}");
                assert_eq!(text.contains("Ana"), english.contains("Ana"), "{language}: {text}");
            }
        }
    }
}
