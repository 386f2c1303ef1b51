//! Reading the answer off generated text.

/// The first integer in `text`, or `None` where there is none or it exceeds an `i64`.
///
/// A model with digit tokens writes "1 2" for 12, so single digits with nothing but white space between them are joined;
/// a longer run of digits ("12 3") is a number by itself. A `-` or `−` directly before the number, white space allowed,
/// is its sign.
///
/// ```
/// assert_eq!(maec_world::parse_answer("1 2 . Tom"), Some(12));
/// assert_eq!(maec_world::parse_answer("no number"), None);
/// ```
pub fn parse_answer(text: &str) -> Option<i64> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let (before, from) = text.split_at(start);
    let negative = before.trim_end().ends_with(['-', '−']);
    let run = from.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    let mut digits = run.to_owned();
    if run.len() == 1 {
        let mut rest = &from[1..];
        while let Some(digit) = lone_digit(rest) {
            digits.push(digit);
            rest = &rest.trim_start()[1..];
        }
    }
    // Parsed with its sign, since the least i64 has no positive counterpart.
    if negative { format!("-{digits}").parse().ok() } else { digits.parse().ok() }
}

/// The digit that `rest` starts with, where white space stands before it and no further digit after it.
fn lone_digit(rest: &str) -> Option<char> {
    let word = rest.trim_start();
    let mut chars = word.chars();
    let digit = chars.next().filter(char::is_ascii_digit)?;
    let is_lone = word.len() < rest.len() && !chars.next().is_some_and(|c| c.is_ascii_digit());
    is_lone.then_some(digit)
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_the_first_integer() {
        for (text, expected) in [
            ("12", Some(12)),
            (" 1 2", Some(12)),
            ("1 2 </s>", Some(12)),
            ("1 2 . 3", Some(12)),
            ("12 3", Some(12)),
            ("1 23", Some(1)),
            ("1.5", Some(1)),
            ("7 apples 3", Some(7)),
            ("- 1 2", Some(-12)),
            ("−4", Some(-4)),
            ("0 0 7", Some(7)),
            ("答案 ： 1 2 。", Some(12)),
            ("", None),
            ("-", None),
            ("apples", None),
            ("99999999999999999999", None),
            ("-9223372036854775808", Some(i64::MIN)),
        ] {
            assert_eq!(parse_answer(text), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn spaced_and_plain_digits_read_alike(number in any::<i32>()) {
            let plain = number.to_string();
            let spaced: String = plain.chars().flat_map(|c| [c, ' ']).collect();
            prop_assert_eq!(parse_answer(&plain), Some(number.into()));
            prop_assert_eq!(parse_answer(&spaced), Some(number.into()));
        }

        #[test]
        fn survives_any_text(text in any::<String>()) {
            parse_answer(&text);
        }
    }
}
