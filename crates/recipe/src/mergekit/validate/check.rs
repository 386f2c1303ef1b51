//! What texts, numbers and lists must be.

use super::super::{Config, ConfigError};

pub(super) fn text(
    name: &str,
    value: &str,
    line: Option<u64>,
    what: &'static str,
) -> Result<(), ConfigError> {
    if value.trim().is_empty() {
        return Err(ConfigError::Empty { name: name.into(), what, line });
    }
    if value.chars().any(char::is_control) {
        return Err(ConfigError::ControlCharacter { name: name.into(), line });
    }
    Ok(())
}

pub(super) fn number(name: String, value: f64, line: Option<u64>) -> Result<(), ConfigError> {
    if !value.is_finite() {
        return Err(ConfigError::NotFinite { name, value, line });
    }
    if value.abs() > Config::MAX_MAGNITUDE {
        return Err(ConfigError::TooLarge { name, value, line });
    }
    Ok(())
}

pub(super) fn some<T>(name: &str, list: &[T], what: &'static str) -> Result<(), ConfigError> {
    some_at(name.into(), list, what, None)
}

pub(super) fn some_at<T>(
    name: String,
    list: &[T],
    what: &'static str,
    line: Option<u64>,
) -> Result<(), ConfigError> {
    if list.is_empty() { Err(ConfigError::Empty { name, what, line }) } else { Ok(()) }
}
