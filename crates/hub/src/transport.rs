//! One HTTP GET: what is asked, what is answered.

use std::future::Future;
use std::ops::Range;

use crate::Address;

/// A request.
#[derive(Debug, Clone)]
pub struct Get<'a> {
    /// The address.
    pub address: &'a Address,
    /// The bytes wanted; the whole where there is none. Never empty.
    pub range: Option<Range<u64>>,
}

impl Get<'_> {
    /// The value of the `Range` header: one simple range, which needs no permission across sites.
    pub fn range_header(&self) -> Option<String> {
        self.range.as_ref().map(|range| format!("bytes={}-{}", range.start, range.end.saturating_sub(1)))
    }
}

/// Answers GET requests. Redirects are followed inside; secrets stay with the host that they are for.
pub trait Transport {
    /// A body being read.
    type Body: Body;

    /// Sends a request and waits for the head of its answer, whatever its status.
    fn get(&self, get: &Get<'_>) -> impl Future<Output = Result<Answer<Self::Body>, TransportError>>;
}

/// The body of an answer. Dropping it ends the transfer.
pub trait Body {
    /// The next bytes in order, never empty; `None` at the end.
    fn chunk(&mut self) -> impl Future<Output = Result<Option<Vec<u8>>, TransportError>>;
}

/// An answer whose body has not been read.
#[derive(Debug)]
pub struct Answer<B> {
    /// Status and headers.
    pub head: Head,
    /// The bytes.
    pub body: B,
}

/// The part of an answer's head that fetching needs. In a browser, headers of other sites may be hidden: all are optional.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// Status code.
    pub status: u16,
    /// `ETag` without weakness, or else `Last-Modified`: changes when the bytes do.
    pub validator: Option<String>,
    /// `Content-Range`.
    pub content_range: Option<ContentRange>,
    /// `Content-Length` in bytes, of bodies that are not compressed.
    pub content_length: Option<u64>,
    /// `Retry-After` in seconds.
    pub retry_after_secs: Option<u64>,
    /// A redirect led to another host, whose refusal may mean no more than a signature that ran out.
    pub elsewhere: bool,
}

impl Head {
    /// Reads the headers, which `header` gives by lower-case name.
    pub fn new(status: u16, elsewhere: bool, header: impl Fn(&str) -> Option<String>) -> Self {
        let number = |name: &str| header(name).and_then(|value| value.trim().parse().ok());
        let etag = header("etag").map(|tag| tag.trim_start_matches("W/").to_owned());
        let plain =
            header("content-encoding").is_none_or(|encoding| encoding.eq_ignore_ascii_case("identity"));
        Self {
            status,
            validator: etag
                .or_else(|| header("last-modified"))
                .filter(|v| v.len() <= 300 && !v.contains(['\r', '\n'])),
            content_range: header("content-range").and_then(|value| ContentRange::parse(&value)),
            content_length: number("content-length").filter(|_| plain),
            retry_after_secs: number("retry-after"),
            elsewhere,
        }
    }
}

/// `Content-Range: bytes 0-99/1234`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentRange {
    /// The bytes sent; `None` for `bytes */1234`.
    pub range: Option<Range<u64>>,
    /// Length of the whole; `None` for `bytes 0-99/*`.
    pub total: Option<u64>,
}

impl ContentRange {
    fn parse(text: &str) -> Option<Self> {
        let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
        let range = match range {
            "*" => None,
            range => {
                let (first, last) = range.split_once('-')?;
                Some(first.parse().ok()?..last.parse::<u64>().ok()?.checked_add(1)?)
            }
        };
        let total = if total == "*" { None } else { Some(total.parse().ok()?) };
        Some(Self { range, total })
    }
}

/// Why there is no answer, or why it broke off.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// Nothing came for too long.
    #[error("no bytes came for {secs} s")]
    Stalled {
        /// How long was waited.
        secs: u64,
    },
    /// The connection failed or broke.
    #[error("{reason}")]
    Broken {
        /// What the system said.
        reason: String,
    },
    /// An answer that is not followed; trying again does not help.
    #[error("{reason}")]
    Refused {
        /// Why, and what to do.
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use super::{ContentRange, Head};

    #[test]
    fn content_ranges_parse() {
        let parse = ContentRange::parse;
        assert_eq!(parse("bytes 0-99/1234"), Some(ContentRange { range: Some(0..100), total: Some(1234) }));
        assert_eq!(parse("bytes */0"), Some(ContentRange { range: None, total: Some(0) }));
        assert_eq!(parse("bytes 5-5/*"), Some(ContentRange { range: Some(5..6), total: None }));
        for bad in [
            "",
            "bytes",
            "bytes 1-2",
            "bytes a-b/3",
            "items 0-1/2",
            "bytes 0-18446744073709551615/1",
            "bytes -1-2/3",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_compressed_length_is_not_the_files() {
        let header = |name: &str| match name {
            "content-length" => Some("12".to_owned()),
            "content-encoding" => Some("gzip".to_owned()),
            "etag" => Some("W/\"x\"".to_owned()),
            _ => None,
        };
        let head = Head::new(200, false, header);
        assert_eq!((head.content_length, head.validator.as_deref()), (None, Some("\"x\"")));
    }
}
