//! Web addresses: `http` and `https` only, without passwords, fragments or climbing paths.

use std::fmt;

use http::Uri;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// What a path part must not hold unescaped, so that a file's name can't become a query, a fragment or another folder.
const PART: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Longest address that is accepted; signed ones have about 1,500 characters.
const MAX_BYTES: usize = 8192;

/// An absolute `http` or `https` address.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    https: bool,
    /// Host in lower case, with its port where it isn't the scheme's own.
    authority: String,
    /// Begins with `/`; without the query.
    path: String,
    /// Without its `?`.
    query: Option<String>,
}

impl Address {
    /// Parses an address; the error is the reason in a few words.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.len() > MAX_BYTES {
            return Err("it is too long");
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err("it has a space, a control character or a letter outside ASCII; escape it with %");
        }
        if text.contains('#') {
            return Err("it has a #fragment; leave that out");
        }
        if text.contains('\\') {
            return Err("it has a backslash");
        }
        let uri: Uri = text.parse().map_err(|_| "it is not a web address")?;
        let https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err("it begins with neither https:// nor http://"),
        };
        let authority = uri.authority().ok_or("it names no host")?;
        if authority.as_str().contains('@') {
            return Err(
                "it has a user name or password, which would be kept in recipes and links; leave that out",
            );
        }
        if authority.host().is_empty() {
            return Err("it names no host");
        }
        let port = match authority.as_str().rsplit_once(':').map(|(_, port)| port) {
            Some(port) if !port.ends_with(']') => {
                Some(port.parse::<u16>().map_err(|_| "its port is no number")?)
            }
            _ => None,
        };
        let host = authority.host().to_ascii_lowercase();
        let authority = match port {
            Some(port) if port != if https { 443 } else { 80 } => format!("{host}:{port}"),
            _ => host,
        };
        let path = uri.path().to_owned();
        let climbs = |part: &str| matches!(&*percent_decode_str(part).decode_utf8_lossy(), "." | "..");
        if path.split('/').any(climbs) {
            return Err("its path has a part `.` or `..`");
        }
        Ok(Self { https, authority, path, query: uri.query().map(Into::into) })
    }

    /// Whether it is encrypted on its way.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// The host without its port.
    pub fn host(&self) -> &str {
        let end = if self.authority.starts_with('[') {
            self.authority.find(']').map(|end| end + 1)
        } else {
            self.authority.find(':')
        };
        &self.authority[..end.unwrap_or(self.authority.len())]
    }

    /// The host and its port, as a folder's name.
    pub(crate) fn folder_name(&self) -> String {
        self.authority
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '.') { c } else { '_' })
            .collect()
    }

    /// Whether the host is this computer.
    pub fn is_loopback(&self) -> bool {
        let host = self.host();
        host == "localhost" || host == "[::1]" || host.starts_with("127.")
    }

    /// The path, which begins with `/`, still escaped.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether there is a `?query`.
    pub fn has_query(&self) -> bool {
        self.query.is_some()
    }

    /// Whether scheme, host and port are those of `other`.
    pub fn same_origin(&self, other: &Self) -> bool {
        self.https == other.https && self.authority == other.authority
    }

    /// The last part of the path, unescaped, or `None` where the path ends in `/` or isn't UTF-8.
    pub fn file_name(&self) -> Option<String> {
        let last = self.path.rsplit('/').next().filter(|last| !last.is_empty())?;
        percent_decode_str(last).decode_utf8().ok().map(|name| name.into_owned())
    }

    /// This address with further path parts, each escaped.
    pub fn with_parts<'a>(&self, parts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut path = self.path.trim_end_matches('/').to_owned();
        for part in parts {
            path.push('/');
            path.extend(utf8_percent_encode(part, PART));
        }
        Self { path, query: None, ..self.clone() }
    }

    /// This address with a query, without its `?`.
    pub fn with_query(mut self, query: &str) -> Self {
        self.query = Some(query.into());
        self
    }

    /// Where a `Location` header found at this address leads.
    pub fn join(&self, location: &str) -> Result<Self, &'static str> {
        let location = location.split('#').next().unwrap_or_default();
        if location.is_empty() {
            return Err("it is empty");
        }
        let scheme = if self.https { "https" } else { "http" };
        if let Some(rest) = location.strip_prefix("//") {
            return Self::parse(&format!("{scheme}://{rest}"));
        }
        if location.starts_with('/') {
            return Self::parse(&format!("{scheme}://{}{location}", self.authority));
        }
        if location.contains("://") {
            return Self::parse(location);
        }
        let folder = self.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        Self::parse(&format!("{scheme}://{}{folder}/{location}", self.authority))
    }

    /// The address without its query, which may hold a signature: what messages call it.
    pub fn title(&self) -> String {
        format!("{}://{}{}", if self.https { "https" } else { "http" }, self.authority, self.path)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.title())?;
        self.query.as_ref().map_or(Ok(()), |query| write!(f, "?{query}"))
    }
}

/// As [`Address::title`]: a query may hold a signature.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.title())
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    fn address(text: &str) -> Address {
        Address::parse(text).expect("a good address")
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for bad in [
            "",
            "example.org/x",
            "ftp://example.org/x",
            "file:///etc/passwd",
            "https://",
            "https:///x",
            "https://me:secret@example.org/x",
            "https://example.org:99999/x",
            "https://example.org/a/../b",
            "https://example.org/a/%2e%2E/b",
            "https://example.org/a b",
            "https://example.org/a#b",
            "https://example.org\\@evil.example/",
            "https://exämple.org/",
            "javascript:alert(1)",
        ] {
            assert!(Address::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn origins_compare_scheme_host_and_port() {
        let hub = address("https://Hub.example/x");
        assert!(hub.same_origin(&address("https://hub.example:443/y")));
        for other in [
            "http://hub.example/",
            "https://hub.example:8443/",
            "https://cdn.hub.example/",
            "https://hub.example.evil/",
        ] {
            assert!(!hub.same_origin(&address(other)), "{other}");
        }
    }

    #[test]
    fn locations_join() {
        let at = address("https://hub.example/a/b?x=1");
        let join = |to: &str| at.join(to).expect("a good location").to_string();
        assert_eq!(join("/c?d=%2F"), "https://hub.example/c?d=%2F");
        assert_eq!(join("c"), "https://hub.example/a/c");
        assert_eq!(join("//cdn.example/c"), "https://cdn.example/c");
        assert_eq!(join("http://cdn.example:81/c#top"), "http://cdn.example:81/c");
        assert!(at.join("gopher://x/").is_err());
    }

    #[test]
    fn parts_are_escaped_and_queries_hidden() {
        let file = address("https://hub.example/m/").with_parts(["a b", "50%?#/x"]);
        assert_eq!(file.to_string(), "https://hub.example/m/a%20b/50%25%3F%23%2Fx");
        assert_eq!(file.file_name().as_deref(), Some("50%?#/x"));
        let signed = address("https://cdn.example/x?Signature=abc");
        assert!(!format!("{signed:?} {}", signed.title()).contains("abc"));
        assert_eq!(address("http://[::1]:80/").host(), "[::1]");
        assert!(address("http://127.0.0.1:8080/").is_loopback());
        assert!(!address("http://localhost.evil.example/").is_loopback());
        assert_eq!(address("http://h.example:8080").host(), "h.example");
    }
}
