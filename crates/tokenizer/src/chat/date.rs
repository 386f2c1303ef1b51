//! The day that a chat template may ask for.

use std::str::FromStr;

use minijinja::{Error, ErrorKind};

use super::ChatError;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// A day of the Gregorian calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// The day, if there is such a month and day: `Date::new(2024, 7, 26)`.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let date = Self { year, month, day };
        ((1..=9999).contains(&year) && (1..=12).contains(&month) && (1..=date.days_in_month()).contains(&day))
            .then_some(date)
    }

    /// What Python's `strftime` writes in English for the directives of dates; the time is midnight.
    pub(super) fn format(self, format: &str) -> Result<String, Error> {
        let mut out = String::new();
        let mut rest = format.chars();
        while let Some(next) = rest.next() {
            if next != '%' {
                out.push(next);
                continue;
            }
            let (month, day) = (MONTHS[usize::from(self.month - 1)], DAYS[self.weekday()]);
            let text = match rest.next() {
                Some('Y') => format!("{:04}", self.year),
                Some('y') => format!("{:02}", self.year % 100),
                Some('m') => format!("{:02}", self.month),
                Some('d') => format!("{:02}", self.day),
                Some('e') => format!("{:2}", self.day),
                Some('j') => format!("{:03}", self.day_of_year()),
                Some('F') => format!("{:04}-{:02}-{:02}", self.year, self.month, self.day),
                Some('B') => month.to_owned(),
                Some('b' | 'h') => month[..3].to_owned(),
                Some('A') => day.to_owned(),
                Some('a') => day[..3].to_owned(),
                Some('H' | 'M' | 'S') => "00".to_owned(),
                Some('%') => "%".to_owned(),
                other => {
                    let directive = other.map(String::from).unwrap_or_default();
                    let message = format!("strftime_now does not know `%{directive}`");
                    return Err(Error::new(ErrorKind::InvalidOperation, message));
                }
            };
            out.push_str(&text);
        }
        Ok(out)
    }

    fn days_in_month(self) -> u8 {
        match self.month {
            4 | 6 | 9 | 11 => 30,
            2 if self.year.is_multiple_of(4)
                && (!self.year.is_multiple_of(100) || self.year.is_multiple_of(400)) =>
            {
                29
            }
            2 => 28,
            _ => 31,
        }
    }

    /// 1 on the first of January.
    fn day_of_year(self) -> u16 {
        let before = (1..self.month).map(|month| Self { month, ..self }.days_in_month());
        before.map(u16::from).sum::<u16>() + u16::from(self.day)
    }

    /// 0 on Sundays.
    fn weekday(self) -> usize {
        let years = usize::from(self.year) - 1;
        (years + years / 4 - years / 100 + years / 400 + usize::from(self.day_of_year())) % 7
    }
}

/// `2024-07-26`.
impl FromStr for Date {
    type Err = ChatError;

    fn from_str(text: &str) -> Result<Self, ChatError> {
        let mut parts = text.splitn(3, '-');
        let mut next = || parts.next()?.parse::<u16>().ok();
        let date = (|| {
            let (year, month, day) = (next()?, next()?, next()?);
            Self::new(year, u8::try_from(month).ok()?, u8::try_from(day).ok()?)
        })();
        date.ok_or_else(|| ChatError::Date(text.chars().take(40).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Python 3's `datetime.date(…).strftime(…)` writes them.
    #[test]
    fn days_are_written_as_python_does() {
        for (year, month, day, expected) in [
            (2024, 7, 26, "26 Jul 2024|Friday|Fri|July|2024-07-26|24|208|%"),
            (2024, 12, 31, "31 Dec 2024|Tuesday|Tue|December|2024-12-31|24|366|%"),
            (1900, 3, 1, "01 Mar 1900|Thursday|Thu|March|1900-03-01|00|060|%"),
            (2000, 2, 29, "29 Feb 2000|Tuesday|Tue|February|2000-02-29|00|060|%"),
        ] {
            let date = Date::new(year, month, day).unwrap();
            assert_eq!(date.format("%d %b %Y|%A|%a|%B|%Y-%m-%d|%y|%j|%%").unwrap(), expected);
        }
    }

    #[test]
    fn there_is_no_such_day() {
        for (year, month, day) in
            [(2023, 2, 29), (1900, 2, 29), (2024, 0, 1), (2024, 13, 1), (2024, 4, 31), (0, 1, 1)]
        {
            assert_eq!(Date::new(year, month, day), None);
        }
    }

    #[test]
    fn days_are_read() {
        assert_eq!("2024-07-26".parse::<Date>().unwrap(), Date::new(2024, 7, 26).unwrap());
        for text in ["", "2024-07", "2024-07-32", "26.07.2024", "2024-07-26-1", "99999-1-1"] {
            assert!(text.parse::<Date>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_unknown_directive_is_named() {
        let error = Date::new(2024, 1, 1).unwrap().format("%Q").unwrap_err();
        assert_eq!(error.detail(), Some("strftime_now does not know `%Q`"));
    }
}
