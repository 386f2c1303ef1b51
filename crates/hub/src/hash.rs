//! The hashes that a listing names.

use sha2::Digest as _;

/// What a file's bytes must hash to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digest {
    /// SHA-256, of files in large-file storage and in packs.
    Sha256([u8; 32]),
    /// git's SHA-1 of the blob, of all others.
    GitBlob([u8; 20]),
}

impl Digest {
    /// From 64 hex digits.
    pub fn sha256(hex: &str) -> Option<Self> {
        unhex(hex).map(Self::Sha256)
    }

    /// From 40 hex digits.
    pub fn git_blob(hex: &str) -> Option<Self> {
        unhex(hex).map(Self::GitBlob)
    }
}

/// A hash being made.
pub(crate) enum Hasher {
    Sha256(sha2::Sha256),
    GitBlob(sha1::Sha1),
}

impl Hasher {
    /// Begins the kind of hash that `digest` is, over `len` bytes.
    pub(crate) fn new(digest: &Digest, len: u64) -> Self {
        match digest {
            Digest::Sha256(_) => Self::Sha256(sha2::Sha256::new()),
            Digest::GitBlob(_) => Self::GitBlob(sha1::Sha1::new_with_prefix(format!("blob {len}\0"))),
        }
    }

    /// Goes on with further bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::GitBlob(hasher) => hasher.update(bytes),
        }
    }

    /// The hash.
    pub(crate) fn finish(self) -> Digest {
        match self {
            Self::Sha256(hasher) => Digest::Sha256(hasher.finalize().into()),
            Self::GitBlob(hasher) => Digest::GitBlob(hasher.finalize().into()),
        }
    }
}

fn unhex<const N: usize>(hex: &str) -> Option<[u8; N]> {
    if hex.len() != 2 * N || !hex.is_ascii() {
        return None;
    }
    let mut out = [0; N];
    for (byte, i) in out.iter_mut().zip((0..).step_by(2)) {
        // `from_str_radix` would accept a sign.
        *byte = u8::from_str_radix(&hex[i..i + 2], 16).ok().filter(|_| !hex[i..].starts_with('+'))?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::{Digest, Hasher};

    #[test]
    fn hashes_equal_those_of_git_and_sha256sum() {
        // `printf hello | git hash-object --stdin` and `printf hello | sha256sum`.
        let git = Digest::git_blob("b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0");
        let sha = Digest::sha256("2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
        for digest in [git, sha] {
            let digest = digest.expect("hex");
            let mut hasher = Hasher::new(&digest, 5);
            hasher.update(b"hel");
            hasher.update(b"lo");
            assert_eq!(hasher.finish(), digest);
        }
        assert_eq!(Digest::git_blob("b6fc"), None);
        assert_eq!(Digest::git_blob(&"+1".repeat(20)), None);
        assert_eq!(Digest::git_blob(&"é".repeat(20)), None);
    }
}
