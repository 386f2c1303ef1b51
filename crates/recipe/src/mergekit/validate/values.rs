//! Parameters' values.

use std::collections::BTreeSet;

use super::super::{Condition, ConfigError, Key, Setting, Values};
use super::check::{number, some_at, text};
use crate::error::shown;
use crate::number::meant;

impl Values {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let mut names = BTreeSet::new();
        for (key, setting) in &self.0 {
            text("a parameter's name", &key.name, key.line, "its name, for example weight")?;
            if !names.insert(&key.name) {
                return Err(ConfigError::Duplicate { name: shown(&key.name), line: key.line });
            }
            setting.validate(key)?;
        }
        Ok(())
    }
}

impl Setting {
    /// The number that a text in quotes is.
    pub(in crate::mergekit) fn number(text: &str) -> Option<f64> {
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        let is_plain = digits.starts_with(|letter: char| letter.is_ascii_digit() || letter == '.');
        let is_octal =
            digits.starts_with('0') && digits[1..].starts_with(|letter: char| letter.is_ascii_digit());
        text.parse().ok().filter(|number: &f64| is_plain && !is_octal && number.is_finite())
    }

    fn validate(&self, key: &Key) -> Result<(), ConfigError> {
        let name = || shown(&key.name);
        match self {
            Self::Flag(_) => Ok(()),
            Self::Number(value) => number(name(), *value, key.line),
            Self::Text(word) => {
                text(&name(), word, key.line, "a number, a flag or a word")?;
                match Self::number(word).or_else(|| meant(word)) {
                    None => Ok(()),
                    suggestion => Err(ConfigError::NotANumber {
                        name: name(),
                        value: shown(word),
                        line: key.line,
                        suggestion,
                    }),
                }
            }
            Self::Gradient(points) => {
                some_at(name(), points, "at least one number", key.line)?;
                points.iter().try_for_each(|&point| number(format!("a point of {}", name()), point, key.line))
            }
            Self::Conditional(conditions) => {
                some_at(name(), conditions, "at least one {filter: …, value: …}", key.line)?;
                for (at, condition) in conditions.iter().enumerate() {
                    condition.validate(key)?;
                    if let Some(by) =
                        conditions[..at].iter().position(|earlier| earlier.takes_all_of(condition))
                    {
                        return Err(ConfigError::Unreachable {
                            name: name(),
                            line: key.line,
                            entry: at + 1,
                            by: by + 1,
                            filter: conditions[by].filter.as_deref().map(shown),
                        });
                    }
                }
                Ok(())
            }
        }
    }
}

impl Condition {
    fn validate(&self, key: &Key) -> Result<(), ConfigError> {
        if let Some(filter) = &self.filter {
            text(
                &format!("a filter of {}", shown(&key.name)),
                filter,
                key.line,
                "a piece of tensors' names, or *",
            )?;
        }
        match self.value {
            Setting::Conditional(_) => Err(ConfigError::Unsupported {
                what: format!("a filter within a filter of {}", shown(&key.name)),
                line: key.line,
                advice: "list the filters one after the other",
            }),
            _ => self.value.validate(key),
        }
    }

    /// Whether this fits every tensor that `later` fits.
    fn takes_all_of(&self, later: &Self) -> bool {
        self.catches_all()
            || (!later.catches_all() && later.filter.as_deref().is_some_and(|filter| self.fits(filter)))
    }
}
