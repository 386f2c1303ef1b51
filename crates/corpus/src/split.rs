//! Which side of the held-out split a document is on: a matter of its text alone.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Error;

/// A side of the split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// What is trained on.
    Train,
    /// What is kept back to measure with.
    HeldOut,
}

impl Split {
    /// Both, in the order in which they are stored.
    pub const ALL: [Self; 2] = [Self::Train, Self::HeldOut];

    /// `train` or `held-out`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::HeldOut => "held-out",
        }
    }
}

/// The share of documents that is held out.
///
/// A document is held out where the first 8 bytes of its text's SHA-256, read as a big-endian number, are below share · 2⁶⁴. So one text
/// is always on one side, in every corpus and whatever stands beside it, and a larger share holds out the same and more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeldOut {
    share: f64,
    below: u64,
}

impl HeldOut {
    /// A share from 0 to below 1.
    ///
    /// # Errors
    /// [`Error::Share`] for anything else.
    pub fn new(share: f64) -> Result<Self, Error> {
        if !(0.0..1.0).contains(&share) {
            return Err(Error::Share { share });
        }
        // Exact: a power of two only moves the exponent.
        Ok(Self { share, below: (share * 18_446_744_073_709_551_616.0) as u64 })
    }

    /// The share.
    pub fn share(self) -> f64 {
        self.share
    }

    /// The side of a document with this hash.
    pub(crate) fn side(self, hash: &[u8; 32]) -> Split {
        let mut first = [0; 8];
        first.copy_from_slice(&hash[..8]);
        if u64::from_be_bytes(first) < self.below { Split::HeldOut } else { Split::Train }
    }

    /// The side of a document.
    pub fn split(self, text: &str) -> Split {
        self.side(&document_hash(text))
    }
}

/// SHA-256 of a document's text in UTF-8.
pub(crate) fn document_hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_hash_falls_where_it_should() {
        // SHA-256 of "abc" begins with ba7816bf (FIPS 180-4): 0.72839… of the way.
        let side = |share| HeldOut::new(share).unwrap().split("abc");
        assert_eq!((side(0.7283), side(0.7284)), (Split::Train, Split::HeldOut));
        assert_eq!(side(0.0), Split::Train);
    }

    #[test]
    fn about_the_share_is_held_out_and_more_holds_out_the_same() {
        let at = |share| {
            let held = HeldOut::new(share).unwrap();
            (0..10_000).filter(|i| held.split(&format!("document {i}")) == Split::HeldOut).collect::<Vec<_>>()
        };
        let (less, more) = (at(0.05), at(0.1));
        assert!((400..600).contains(&less.len()) && (900..1100).contains(&more.len()));
        assert!(less.iter().all(|i| more.contains(i)));
    }

    #[test]
    fn what_is_no_share_is_refused() {
        for share in [-0.1, 1.0, 7.0, f64::NAN] {
            assert!(matches!(HeldOut::new(share), Err(Error::Share { .. })), "{share}");
        }
    }
}
