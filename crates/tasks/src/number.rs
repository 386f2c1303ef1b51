//! Numbers in text, as people and models write them in many languages, compared exactly.
//!
//! What a number is:
//! - **Digits** of any decimal script listed in `ZEROS` (ASCII, Bengali ০–৯, Telugu ౦–౯, Devanagari, Thai, full-width, …).
//! - **Groups**: `1,234,567`, `1 234 567` (also with no-break and thin spaces), `1.234.567`, and the Indian `1,23,456`. The
//!   first group has one to three digits and does not begin with 0.
//! - **Fraction**: `3.5`, `3,5`, `1,234.5`, `1.234,5`, `.5`. A single point is always a decimal point (`1.234` is 1 + 234/1000); a
//!   single comma is one unless three digits follow it (`1,234` is 1234).
//! - **Sign**: `-`, `−`, `－` or `﹣` directly before the digits or their currency sign (`-5`, `-$5`, `$-5`), and not directly after a
//!   letter, digit or closing bracket, where it subtracts: `16-3` holds 16 and 3.
//! - What stands around it is no part of it: `$18.00.` is 18, `50%` is 50, `5টি` is 5. Anything else between digits
//!   separates numbers: `1/2`, `1,2,3` and `12.05.2020` are lists.

use std::fmt;
use std::str::FromStr;

/// A decimal number of any length. Equal numbers are equal however they were written: `007`, `7.0` and `৭` are 7.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Number {
    negative: bool,
    /// Without leading zeros; empty below 1.
    whole: String,
    /// Without trailing zeros.
    fraction: String,
}

/// A text that is not one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not one number")]
pub struct NotANumber;

impl Number {
    /// The first number in `text`.
    ///
    /// ```
    /// use maec_tasks::Number;
    /// assert_eq!(Number::first("উত্তর হল ১,২৩৪।"), "1234".parse().ok());
    /// ```
    pub fn first(text: &str) -> Option<Self> {
        Scan::new(text).next().map(|(_, number)| number)
    }

    /// The last number in `text`.
    pub fn last(text: &str) -> Option<Self> {
        Scan::new(text).last().map(|(_, number)| number)
    }

    fn new(negative: bool, whole: &str, fraction: &str) -> Self {
        let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
        // There is no negative zero.
        let negative = negative && !(whole.is_empty() && fraction.is_empty());
        Self { negative, whole: whole.into(), fraction: fraction.into() }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.negative { "-" } else { "" };
        let whole = if self.whole.is_empty() { "0" } else { &self.whole };
        let point = if self.fraction.is_empty() { "" } else { "." };
        write!(f, "{sign}{whole}{point}{}", self.fraction)
    }
}

impl FromStr for Number {
    type Err = NotANumber;

    /// The whole of `text` but for a currency or percent sign, a full stop and space around it.
    fn from_str(text: &str) -> Result<Self, NotANumber> {
        let text = text.trim();
        let ((start, end), number) = Scan::new(text).next().ok_or(NotANumber)?;
        let chars: Vec<char> = text.chars().collect();
        let around = |c: &char| is_currency(*c) || is_minus(*c);
        let after = |c: &char| is_currency(*c) || matches!(c, '%' | '.' | '。' | '।');
        let alone = chars[..start].iter().all(around) && start <= 2 && chars[end..].iter().all(after);
        if alone { Ok(number) } else { Err(NotANumber) }
    }
}

/// The zeros of the decimal scripts that are read; each is followed by its 1 to 9.
const ZEROS: [char; 17] =
    ['0', '٠', '۰', '०', '০', '੦', '૦', '୦', '௦', '౦', '೦', '൦', '๐', '໐', '༠', '၀', '０'];

/// The ASCII digit of the same value.
pub(crate) fn digit(c: char) -> Option<char> {
    ZEROS.iter().find_map(|&zero| {
        let value = u32::from(c).checked_sub(u32::from(zero)).filter(|&value| value < 10)?;
        char::from_digit(value, 10)
    })
}

fn is_minus(c: char) -> bool {
    matches!(c, '-' | '−' | '－' | '﹣')
}

fn is_currency(c: char) -> bool {
    matches!(c, '$' | '€' | '£' | '¥' | '￥' | '₹' | '৳' | '₩' | '₽' | '฿' | '₫' | '₱')
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\u{a0}' | '\u{2009}' | '\u{202f}')
}

/// Walks over a text's numbers with the half-open range of characters that their digits take.
struct Scan {
    /// The text with every digit in ASCII.
    chars: Vec<char>,
    at: usize,
    /// End of the list that the scan is in: its members have neither groups nor fractions.
    list: usize,
}

impl Scan {
    fn new(text: &str) -> Self {
        Self { chars: text.chars().map(|c| digit(c).unwrap_or(c)).collect(), at: 0, list: 0 }
    }

    fn get(&self, at: usize) -> Option<char> {
        self.chars.get(at).copied()
    }

    fn is_digit(&self, at: usize) -> bool {
        self.get(at).is_some_and(|c| c.is_ascii_digit())
    }

    /// End of the run of digits at `at`.
    fn run(&self, at: usize) -> usize {
        (at..).find(|&at| !self.is_digit(at)).unwrap_or(at)
    }

    fn text(&self, start: usize, end: usize) -> String {
        self.chars[start..end].iter().filter(|c| c.is_ascii_digit()).collect()
    }

    /// Whether the number whose digits begin at `start` has a minus sign.
    fn negative(&self, start: usize) -> bool {
        let before = |at: usize| at.checked_sub(1).and_then(|at| self.get(at));
        let skipped = if before(start).is_some_and(is_currency) { start - 1 } else { start };
        before(skipped).is_some_and(is_minus)
            && !before(skipped - 1).is_some_and(|c| c.is_alphanumeric() || matches!(c, ')' | ']'))
    }

    /// Ends of the runs that follow the run ending in `end`, each after one `separator`.
    fn runs(&self, mut end: usize, separator: impl Fn(char) -> bool) -> Vec<usize> {
        let mut ends = Vec::new();
        while self.get(end).is_some_and(&separator) && self.is_digit(end + 1) {
            end = self.run(end + 1);
            ends.push(end);
        }
        ends
    }

    /// End of the number's digits before its fraction, and the characters that may begin the fraction.
    fn groups(&self, start: usize) -> (usize, &'static [char]) {
        let end = self.run(start);
        if end - start > 3 || self.get(start) == Some('0') {
            return (end, &['.', ',']);
        }
        let lengths = |ends: &[usize]| -> Vec<usize> {
            let starts = std::iter::once(end).chain(ends.iter().copied());
            starts.zip(ends).map(|(start, end)| end - start - 1).collect()
        };
        let commas = self.runs(end, |c| c == ',');
        if let Some((last, before)) = lengths(&commas).split_last() {
            let grouped = before.iter().all(|&n| n == 3) || before.iter().all(|&n| n == 2);
            return if *last == 3 && grouped { (commas[commas.len() - 1], &['.']) } else { (end, &[',']) };
        }
        let points = self.runs(end, |c| c == '.');
        if let Some(&last) = points.last() {
            let grouped = lengths(&points).iter().all(|&n| n == 3);
            let comma = self.get(last) == Some(',') && self.is_digit(last + 1);
            return if grouped && (points.len() > 1 || comma) { (last, &[',']) } else { (end, &['.']) };
        }
        let mut last = end;
        while self.get(last).is_some_and(is_space) && self.run(last + 1) == last + 4 {
            last += 4;
        }
        (last, &['.', ','])
    }

    /// End of the number whose digits before the fraction end in `end`.
    fn fraction(&mut self, end: usize, points: &[char]) -> usize {
        let Some(point) = self.get(end).filter(|c| points.contains(c)) else { return end };
        match self.runs(end, |c| c == point)[..] {
            [] => end,
            [fraction] => fraction,
            // A list, a date or a version.
            [.., last] => {
                self.list = last;
                end
            }
        }
    }
}

impl Iterator for Scan {
    type Item = ((usize, usize), Number);

    fn next(&mut self) -> Option<Self::Item> {
        let start = (self.at..self.chars.len()).find(|&at| {
            let bare_point = self.get(at) == Some('.') && self.is_digit(at + 1);
            self.is_digit(at)
                || bare_point
                    && !at.checked_sub(1).and_then(|at| self.get(at)).is_some_and(char::is_alphanumeric)
        })?;
        let (whole, points) = match self.is_digit(start) {
            true if start < self.list => (self.run(start), &[] as &[char]),
            true => self.groups(start),
            false => (start, &['.'] as &[char]),
        };
        let end = self.fraction(whole, points);
        // A bare point with more points after it has no fraction; go past it.
        self.at = end.max(start + 1);
        if end == start {
            return self.next();
        }
        let number = Number::new(self.negative(start), &self.text(start, whole), &self.text(whole, end));
        Some(((start, end), number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(text: &str) -> Vec<String> {
        Scan::new(text).map(|(_, number)| number.to_string()).collect()
    }

    #[test]
    fn numbers_are_read_as_they_are_written() {
        for (text, expected) in [
            ("18", "18"),
            ("$18.00.", "18"),
            ("−5", "-5"),
            ("-$5", "-5"),
            ("$-5", "-5"),
            ("= -5.", "-5"),
            ("1,234", "1234"),
            ("1,234,567.5", "1234567.5"),
            ("1,23,456", "123456"),
            ("80 000", "80000"),
            ("1\u{202f}234\u{202f}567,5", "1234567.5"),
            ("1.234.567", "1234567"),
            ("1.234,50", "1234.5"),
            ("1.234", "1.234"),
            ("3,5", "3.5"),
            ("0,125", "0.125"),
            ("2125.0", "2125"),
            (".5", "0.5"),
            ("-.5", "-0.5"),
            ("007", "7"),
            ("-0", "0"),
            ("১২৩", "123"),
            ("౧,౨౩౪", "1234"),
            ("５０％", "50"),
            ("উত্তর হল 11।", "11"),
            ("সে 5টি কিনেছে", "5"),
            ("答案是 11。", "11"),
            ("50%", "50"),
            ("99999999999999999999999", "99999999999999999999999"),
        ] {
            assert_eq!(all(text), [expected], "{text:?}");
        }
    }

    #[test]
    fn what_separates_numbers() {
        for (text, expected) in [
            ("16-3=13", &["16", "3", "13"][..]),
            ("16 - 3", &["16", "3"]),
            ("(5)-3", &["5", "3"]),
            ("1/2", &["1", "2"]),
            ("1,2,3", &["1", "2", "3"]),
            ("1, 2", &["1", "2"]),
            ("12.05.2020", &["12", "5", "2020"]),
            ("2000 300", &["2000", "300"]),
            ("3 4", &["3", "4"]),
            ("no number, or . and , -", &[]),
            ("..5", &["0.5"]),
            ("x.5", &["5"]),
            (".1.2", &["1", "2"]),
            ("", &[]),
        ] {
            assert_eq!(all(text), expected, "{text:?}");
        }
    }

    #[test]
    fn long_lists_take_linear_time() {
        for unit in ["1 ", "1,", "1.", "100 ", ".1", "1,234 ", "-$"] {
            let count = all(&unit.repeat(200_000)).len();
            assert!(count <= 200_000, "{unit}");
        }
    }

    #[test]
    fn a_whole_text_is_one_number_or_none() {
        for text in ["18", " $18.00. ", "-$18", "18%", "18€"] {
            assert!(text.parse::<Number>().is_ok(), "{text:?}");
        }
        for text in ["", "18 apples", "1/2", "a18", "1 2", "--$-1", "$$$1"] {
            assert_eq!(text.parse::<Number>(), Err(NotANumber), "{text:?}");
        }
    }

    /// `n` with a comma after every third digit from the right.
    fn grouped(n: u64, separator: char) -> String {
        let digits = n.to_string();
        let mut text = String::new();
        for (index, c) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                text.push(separator);
            }
            text.push(c);
        }
        text
    }

    proptest! {
        #[test]
        fn integers_read_back(n in any::<i64>(), before in "[a-z :=$]*[ =:]", after in "( [a-z .]*|[.!?。।]?)") {
            let text = format!("{before}{n}{after}");
            prop_assert_eq!(all(&text), [n.to_string()], "{:?}", text);
        }

        #[test]
        fn groups_and_scripts_mean_the_same(n in any::<u64>(), script in 0..ZEROS.len(), separator in "[, \u{a0}]") {
            let text: String = grouped(n, separator.chars().next().unwrap_or(','))
                .chars()
                .map(|c| c.to_digit(10).and_then(|d| char::from_u32(u32::from(ZEROS[script]) + d)).unwrap_or(c))
                .collect();
            prop_assert_eq!(text.parse::<Number>().map(|n| n.to_string()), Ok(n.to_string()), "{:?}", text);
        }

        #[test]
        fn what_is_printed_reads_back(whole in "[0-9]{0,30}", fraction in "[0-9]{0,30}", negative: bool) {
            let number = Number::new(negative, &whole, &fraction);
            prop_assert_eq!(number.to_string().parse(), Ok(number));
        }

        #[test]
        fn any_text_is_survived(text in "[0-9., $a−-]*|\\PC*") {
            let first = Number::first(&text);
            prop_assert_eq!(first.is_some(), Number::last(&text).is_some());
            // Nothing is lost: every digit is in some number, but for zeros that do not count.
            prop_assert_eq!(first.is_some(), text.chars().any(|c| digit(c).is_some()));
        }
    }
}
