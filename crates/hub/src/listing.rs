//! A repository's files, as the hub's API lists them.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::remote::is_commit;
use crate::{Digest, Error};

/// Longest listing that is read.
pub(crate) const MAX_LISTING_BYTES: u64 = 16 << 20;
/// Most files that a set may have.
const MAX_FILES: usize = 20_000;
/// Longest file: what is kept about its blocks stays in memory.
pub(crate) const MAX_FILE_BYTES: u64 = 1 << 40;

/// A repository at one commit.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Listing {
    /// 40 hex digits.
    pub(crate) commit: String,
    /// By path.
    pub(crate) files: BTreeMap<String, Entry>,
}

/// What is known of a file before it is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) bytes: u64,
    pub(crate) digest: Option<Digest>,
}

#[derive(Deserialize)]
struct Model {
    sha: String,
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
    blob_id: Option<String>,
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    sha256: String,
    size: u64,
}

impl Listing {
    /// Parses what `/api/models/<id>/revision/<rev>?blobs=true` answers for the repository `what`. Hidden files are left out;
    /// fails with [`Error::BadListing`] where a file has no length, a broken hash, or a path that leaves its folder.
    pub(crate) fn parse(what: &str, json: &[u8]) -> Result<Self, Error> {
        let bad = |reason: String| Error::BadListing { what: what.into(), reason };
        let model: Model = serde_json::from_slice(json).map_err(|e| bad(e.to_string()))?;
        if !is_commit(&model.sha) {
            return Err(bad("it names no commit".into()));
        }
        if model.siblings.len() > MAX_FILES {
            return Err(bad(format!("it has {} files, more than {MAX_FILES}", model.siblings.len())));
        }
        let mut files = BTreeMap::new();
        for sibling in model.siblings {
            let shown = sibling.rfilename.chars().take(80).collect::<String>().escape_debug().to_string();
            let bad = |reason: &str| bad(format!("`{shown}` {reason}"));
            if !check_path(&sibling.rfilename).map_err(bad)? {
                continue;
            }
            let bytes = sibling
                .lfs
                .as_ref()
                .map(|lfs| lfs.size)
                .or(sibling.size)
                .ok_or_else(|| bad("has no length"))?;
            if bytes > MAX_FILE_BYTES {
                return Err(bad("is longer than any file"));
            }
            let digest = match (&sibling.lfs, &sibling.blob_id) {
                (Some(lfs), _) => {
                    Some(Digest::sha256(&lfs.sha256).ok_or_else(|| bad("has a broken SHA-256"))?)
                }
                (None, Some(id)) => Some(Digest::git_blob(id).ok_or_else(|| bad("has a broken git hash"))?),
                (None, None) => None,
            };
            if files.insert(sibling.rfilename, Entry { bytes, digest }).is_some() {
                return Err(bad("is listed twice"));
            }
        }
        Ok(Self { commit: model.sha, files })
    }
}

/// Whether a relative path can be kept under its own name on every system: `false` for hidden files and for names that some
/// system treats in a special way, which are left out; an error for paths that try to leave their folder.
pub(crate) fn check_path(path: &str) -> Result<bool, &'static str> {
    if path.is_empty() || path.len() > 1024 {
        return Err("is no file name");
    }
    if path.contains('\\')
        || path
            .chars()
            .any(|c| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
    {
        return Err("has a backslash or a control character in its name");
    }
    if path.split('/').any(|part| part.is_empty() || part == "." || part == "..") {
        return Err("leads out of the model's folder");
    }
    let special = |part: &str| {
        part.len() > 200
            || part.starts_with('.')
            || part.ends_with(['.', ' '])
            || part.contains([':', '*', '?', '"', '<', '>', '|'])
    };
    Ok(!path.split('/').any(special))
}

#[cfg(test)]
mod tests {
    use super::{Listing, check_path};

    #[test]
    fn paths_that_climb_are_refused_and_odd_ones_left_out() {
        for bad in [
            "",
            "../x",
            "a/../../x",
            "/etc/passwd",
            "a//b",
            "./x",
            "a\\..\\b",
            "a\nb",
            "a/",
            "x\u{202e}gpj.sh",
        ] {
            assert!(check_path(bad).is_err(), "{bad:?}");
        }
        for odd in [".gitattributes", "a/.b", "C:x", "con?", "x. ", "x."] {
            assert_eq!(check_path(odd), Ok(false), "{odd:?}");
        }
        for good in ["model.safetensors", "onnx/model q4.onnx", "模型.json"] {
            assert_eq!(check_path(good), Ok(true), "{good:?}");
        }
    }

    #[test]
    fn hostile_listings_are_refused() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let listing = |siblings: &str| {
            Listing::parse("org/name", format!(r#"{{"sha":"{commit}","siblings":[{siblings}]}}"#).as_bytes())
        };
        let hash = "0".repeat(64);
        for (siblings, word) in [
            (r#"{"rfilename":"../x","size":1}"#.to_owned(), "leads out"),
            (r#"{"rfilename":"x"}"#.to_owned(), "no length"),
            (r#"{"rfilename":"x","size":-1}"#.to_owned(), "invalid value"),
            (
                format!(r#"{{"rfilename":"x","lfs":{{"sha256":"{hash}","size":18446744073709551615}}}}"#),
                "longer than any",
            ),
            (r#"{"rfilename":"x","size":1,"lfs":{"sha256":"zz","size":1}}"#.to_owned(), "broken SHA-256"),
            (r#"{"rfilename":"x","size":1,"blobId":"12"}"#.to_owned(), "broken git hash"),
            (r#"{"rfilename":"x","size":1},{"rfilename":"x","size":2}"#.to_owned(), "twice"),
        ] {
            let error = listing(&siblings).expect_err(&siblings).to_string();
            assert!(error.contains(word) && !error.contains('\n'), "{error}");
        }
        assert!(Listing::parse("org/name", br#"{"sha":"main","siblings":[]}"#).is_err());
        assert!(Listing::parse("org/name", b"<html>").is_err());
        let good = listing(r#"{"rfilename":".gitattributes","size":1},{"rfilename":"a/b","size":2}"#)
            .expect("a listing");
        assert_eq!(good.files.keys().collect::<Vec<_>>(), ["a/b"]);
    }
}
