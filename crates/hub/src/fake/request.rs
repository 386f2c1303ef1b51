//! What a client asks.

use std::io::{self, BufRead};
use std::ops::Range;

/// Longest head that is read.
const MAX_HEAD: u64 = 64 << 10;

/// A request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// `GET`.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The bytes asked for; the end may be `u64::MAX`.
    pub range: Option<Range<u64>>,
    /// The `Authorization` header.
    pub authorization: Option<String>,
}

impl Seen {
    /// Reads a request's head.
    pub(super) fn read(from: impl BufRead) -> io::Result<Self> {
        let bad = || io::Error::from(io::ErrorKind::InvalidData);
        let mut lines = from.take(MAX_HEAD).lines();
        let first = lines.next().ok_or_else(bad)??;
        let mut words = first.split(' ');
        let (Some(method), Some(path)) = (words.next(), words.next()) else { return Err(bad()) };
        let mut seen = Self { method: method.into(), path: path.into(), range: None, authorization: None };
        for line in lines {
            let line = line?;
            let Some((name, value)) = line.split_once(':') else { break };
            match name.to_ascii_lowercase().as_str() {
                "range" => seen.range = range(value.trim()),
                "authorization" => seen.authorization = Some(value.trim().into()),
                _ => (),
            }
        }
        Ok(seen)
    }
}

fn range(text: &str) -> Option<Range<u64>> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let end = if last.is_empty() { u64::MAX } else { last.parse::<u64>().ok()?.checked_add(1)? };
    Some(first.parse().ok()?..end)
}
