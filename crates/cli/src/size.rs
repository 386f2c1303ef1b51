//! Sizes in bytes as people write them.

pub use maec_lab::shown_bytes as shown;

/// Reads `5GB`, `500 MiB`, `1000`; decimal units unless there is an `i`.
///
/// # Errors
///
/// A sentence, where the text is no such size.
pub fn parse(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor = match unit.trim().to_ascii_lowercase().trim_end_matches('b') {
        "" => 1.0,
        "k" => 1e3,
        "m" => 1e6,
        "g" => 1e9,
        "t" => 1e12,
        "ki" => 1024.0,
        "mi" => 1024.0 * 1024.0,
        "gi" => 1024.0 * 1024.0 * 1024.0,
        "ti" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return Err(format!("`{text}` is not a size; write for example 5GB or 500MiB")),
    };
    match number.parse::<f64>() {
        Ok(number) if number * factor >= 1.0 && number * factor < 9e18 => Ok((number * factor) as u64),
        _ => Err(format!("`{text}` is not a size; write for example 5GB or 500MiB")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_as_people_write_them() {
        for (text, bytes) in [
            ("5GB", 5_000_000_000),
            ("500 MiB", 524_288_000),
            ("1000", 1000),
            ("1.5k", 1500),
            ("2g", 2_000_000_000),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for text in ["", "GB", "5 apples", "-1", "1e3", "0"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(shown(724_000_000), "724.00 MB");
        assert_eq!(shown(12), "12 bytes");
    }
}
