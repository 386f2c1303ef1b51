//! Names of models elsewhere: `org/name@revision`, the URL of a folder, the URL of a file; and of the hub's datasets.

use std::fmt;

use crate::{Address, Error, listing};

/// Where a model is, as people write it and recipes keep it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remote {
    /// A repository of the hub.
    Hub {
        /// `org/name`.
        id: String,
        /// A branch, a tag or a commit; the main branch where there is none.
        revision: Option<String>,
    },
    /// A dataset of the hub. No text that names a model names one.
    Dataset {
        /// `org/name`.
        id: String,
        /// As of a [`Hub`](Self::Hub).
        revision: Option<String>,
    },
    /// A folder on any server; its address ends in `/`.
    Folder(Address),
    /// One file on any server.
    File(Address),
}

impl Remote {
    /// Parses `org/name`, `org/name@revision`, `https://…/folder/` or `https://…/file`; a repository's own web page on
    /// huggingface.co counts as its name. Fails with [`Error::BadName`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        parse(text).map_err(|reason| Error::BadName { name: shown(text), reason })
    }

    /// Parses a dataset's `org/name` or `org/name@revision`. Fails with [`Error::BadDataset`].
    pub fn parse_dataset(text: &str) -> Result<Self, Error> {
        let parsed = repository(text).map(|(id, revision)| Self::Dataset { id, revision });
        parsed.map_err(|reason| Error::BadDataset { name: shown(text), reason })
    }

    /// Whether a text can be a name of this kind: it has a scheme or is `org/name` in a good spelling. A relative path may be
    /// spelt so, too: what exists on the disk is asked for first.
    pub fn is_one(text: &str) -> bool {
        text.contains("://") || Self::parse(text).is_ok()
    }

    /// The commit, where the revision is one: 40 hex digits.
    pub fn commit(&self) -> Option<&str> {
        match self {
            Self::Hub { revision: Some(revision), .. } | Self::Dataset { revision: Some(revision), .. }
                if is_commit(revision) =>
            {
                Some(revision)
            }
            _ => None,
        }
    }

    /// What messages call it: without a URL's query, a commit cut to 8 digits.
    pub fn title(&self) -> String {
        match (self, self.commit()) {
            (Self::Hub { id, .. }, Some(commit)) => format!("{id}@{}", &commit[..8]),
            (Self::Dataset { id, .. }, Some(commit)) => format!("datasets/{id}@{}", &commit[..8]),
            (Self::Hub { .. } | Self::Dataset { .. }, None) => self.to_string(),
            (Self::Folder(at) | Self::File(at), _) => at.title(),
        }
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hub { id, revision: None } => f.write_str(id),
            Self::Hub { id, revision: Some(revision) } => write!(f, "{id}@{revision}"),
            Self::Dataset { id, revision: None } => write!(f, "datasets/{id}"),
            Self::Dataset { id, revision: Some(revision) } => write!(f, "datasets/{id}@{revision}"),
            Self::Folder(at) | Self::File(at) => at.fmt(f),
        }
    }
}

fn parse(text: &str) -> Result<Remote, &'static str> {
    if text.contains("://") {
        let at = Address::parse(text)?;
        if let Some(page) = hub_page(&at) {
            return parse(&page);
        }
        if !at.path().ends_with('/') {
            let name = at.file_name().ok_or("its file name is not UTF-8")?;
            return match listing::check_path(&name) {
                Ok(true) if !name.contains('/') => Ok(Remote::File(at)),
                _ => Err("its last part is no plain file name"),
            };
        }
        if at.has_query() {
            return Err("a folder's address can't have a ?query");
        }
        return Ok(Remote::Folder(at));
    }
    let (id, revision) = repository(text)?;
    Ok(Remote::Hub { id, revision })
}

/// A text for a message: a query may hold a signature.
fn shown(text: &str) -> String {
    let text = text.split('?').next().unwrap_or_default();
    text.chars().take(120).collect::<String>().escape_debug().to_string()
}

/// `org/name` and the revision after an `@`.
fn repository(text: &str) -> Result<(String, Option<String>), &'static str> {
    let (id, revision) = match text.split_once('@') {
        Some((id, revision)) => (id, Some(revision)),
        None => (text, None),
    };
    let (org, name) = id.split_once('/').ok_or("it has no `/` between organisation and name")?;
    if !is_name(org) || !is_name(name) {
        return Err("organisation and name are letters, digits and single `-`, `_`, `.` between them");
    }
    if revision.is_some_and(|revision| !is_revision(revision)) {
        return Err("what follows the @ is no branch, tag or commit");
    }
    Ok((id.into(), revision.map(Into::into)))
}

/// `org/name` or `org/name@rev` of a repository's web page, which itself can't be read from another site.
fn hub_page(at: &Address) -> Option<String> {
    if !matches!(at.host(), "huggingface.co" | "www.huggingface.co" | "hf.co") || at.has_query() {
        return None;
    }
    let parts: Vec<&str> = at.path().trim_matches('/').split('/').collect();
    match parts[..] {
        [org, name] => Some(format!("{org}/{name}")),
        [org, name, "tree", revision] => Some(format!("{org}/{name}@{revision}")),
        _ => None,
    }
}

/// The hub's own rule for organisations and names.
fn is_name(part: &str) -> bool {
    let edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let bytes = part.as_bytes();
    bytes.len() <= 96
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && !part.contains("--")
        && !part.contains("..")
}

/// The safe part of git's rule for references.
fn is_revision(text: &str) -> bool {
    text.len() <= 200
        && text.split('/').all(|part| {
            let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'+');
            !part.is_empty()
                && !part.starts_with(['.', '-'])
                && !part.ends_with('.')
                && part.bytes().all(allowed)
        })
        && !text.contains("..")
}

/// Whether a text is a whole git commit: 40 lower-case hex digits.
pub(crate) fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Remote;

    #[test]
    fn names_and_addresses_parse() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        for good in [
            "HuggingFaceTB/SmolLM2-135M",
            "org/name@main",
            "org/name@refs/pr/3",
            &format!("org/na_me.v1@{commit}"),
            "https://example.org/models/tiny/",
            "http://127.0.0.1:8080/x/delta.safetensors",
            "https://example.org/x.safetensors?download=true",
        ] {
            assert_eq!(Remote::parse(good).expect(good).to_string(), good);
            assert!(Remote::is_one(good));
        }
        let pinned = Remote::parse(&format!("org/name@{commit}")).expect("a name");
        assert_eq!((pinned.commit(), pinned.title().as_str()), (Some(commit), "org/name@01234567"));
    }

    #[test]
    fn pages_of_the_hub_are_names() {
        for (page, name) in [
            ("https://huggingface.co/org/name", "org/name"),
            ("https://huggingface.co/org/name/", "org/name"),
            ("https://huggingface.co/org/name/tree/v1", "org/name@v1"),
        ] {
            assert_eq!(Remote::parse(page).expect(page).to_string(), name);
        }
        let file = "https://huggingface.co/org/name/resolve/main/model.safetensors";
        assert!(matches!(Remote::parse(file), Ok(Remote::File(_))));
    }

    #[test]
    fn datasets_have_names_of_their_own() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let pinned = Remote::parse_dataset(&format!("org/name@{commit}")).expect("a name");
        assert_eq!(pinned.to_string(), format!("datasets/org/name@{commit}"));
        assert_eq!((pinned.commit(), pinned.title().as_str()), (Some(commit), "datasets/org/name@01234567"));
        assert!(Remote::parse(&pinned.to_string()).is_err(), "no model is a dataset");
        for bad in ["", "name", "org/name/more", "../name", "org/name@a/../b", "https://h.example/x/"] {
            let error = Remote::parse_dataset(bad).expect_err(bad).to_string();
            assert!(error.contains("names no dataset"), "{error}");
        }
    }

    #[test]
    fn hostile_names_are_refused() {
        for bad in [
            "",
            "/",
            "org",
            "org/",
            "/name",
            "org/name/more",
            "../name",
            "org/..",
            "org/na..me",
            "org/na--me",
            "-org/name",
            "org/name.",
            "org/name@",
            "org/name@..",
            "org/name@a/../b",
            "org/name@-x",
            "org/name@a b",
            "org/na me",
            "org/näme",
            "org/name@\u{202e}x",
            "org/name?x",
            "org/name#x",
            "org\\name",
            "https://h.example/f/?q",
            "C:\\x/y",
            "https://h.example/.hidden",
            "https://h.example/a%2Fb",
            "https://h.example/%2e%2e",
            "file:///etc/",
        ] {
            let error = Remote::parse(bad).expect_err(bad).to_string();
            assert!(!error.contains('\n'), "{error}");
        }
        assert!(Remote::parse(&format!("org/{}", "x".repeat(97))).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_refused_or_written_back(text in "\\PC{0,60}") {
            if let Ok(remote) = Remote::parse(&text) {
                prop_assert_eq!(Remote::parse(&remote.to_string()).expect("its own spelling"), remote);
            }
        }
    }
}
