//! A file's journal: one line that says what is being fetched, one for each whole block, one at the end.
//!
//! ```text
//! maec-blocks 1 {"bytes":600000,"block":262144,"validator":"\"abc\""}
//! 0 3610a686
//! 1 0bd30a5f
//! done
//! ```
//!
//! Block lines carry the CRC-32 of the block's bytes: a line that reached the disk before its bytes did is found out. Whatever does
//! not parse ends the journal.

use serde::{Deserialize, Serialize};

const MAGIC: &str = "maec-blocks 1 ";

/// The first line: what the blocks belong to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Heading {
    /// Length of the file.
    pub(crate) bytes: u64,
    /// Length of a block.
    pub(crate) block: u64,
    /// The server's word for this version of the file, where it isn't pinned.
    pub(crate) validator: Option<String>,
}

/// A journal that was read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Journal {
    pub(crate) heading: Heading,
    /// Index and CRC-32 of blocks.
    pub(crate) blocks: Vec<(u64, u32)>,
    pub(crate) done: bool,
}

impl Heading {
    /// The line.
    pub(crate) fn line(&self) -> Vec<u8> {
        // Plain strings and numbers can be written as JSON.
        format!("{MAGIC}{}\n", serde_json::to_string(self).unwrap_or_default()).into_bytes()
    }
}

/// The line of a whole block.
pub(crate) fn block_line(index: u64, crc: u32) -> Vec<u8> {
    format!("{index} {crc:08x}\n").into_bytes()
}

/// The line of a complete file.
pub(crate) const DONE_LINE: &[u8] = b"done\n";

impl Journal {
    /// Reads a journal as far as it is sane; `None` where its first line isn't.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(e) => std::str::from_utf8(&bytes[..e.valid_up_to()]).ok()?,
        };
        // A line without its end was torn.
        let mut lines = text.split_inclusive('\n').map_while(|line| line.strip_suffix('\n'));
        let heading: Heading = serde_json::from_str(lines.next()?.strip_prefix(MAGIC)?).ok()?;
        let mut journal = Self { heading, blocks: Vec::new(), done: false };
        for line in lines {
            if line.as_bytes() == DONE_LINE.trim_ascii_end() {
                journal.done = true;
                break;
            }
            let Some(block) = line.split_once(' ').and_then(|(index, crc)| {
                Some((index.parse().ok()?, u32::from_str_radix(crc, 16).ok().filter(|_| crc.len() == 8)?))
            }) else {
                break;
            };
            journal.blocks.push(block);
        }
        Some(journal)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{DONE_LINE, Heading, Journal, block_line};

    fn heading() -> Heading {
        Heading { bytes: 600_000, block: 262_144, validator: Some("\"a\nb\"".into()) }
    }

    proptest! {
        #[test]
        fn a_journal_cut_anywhere_says_no_more_than_it_did(
            blocks in proptest::collection::vec((0..99u64, any::<u32>()), 0..20), cut in 0.0..1.0f64,
        ) {
            let mut bytes = heading().line();
            for &(index, crc) in &blocks {
                bytes.extend(block_line(index, crc));
            }
            bytes.extend(DONE_LINE);
            let whole = Journal::parse(&bytes).expect("a journal");
            prop_assert_eq!(&whole, &Journal { heading: heading(), blocks: blocks.clone(), done: true });
            bytes.truncate((bytes.len() as f64 * cut) as usize);
            if let Some(part) = Journal::parse(&bytes) {
                prop_assert!(blocks.starts_with(&part.blocks));
                prop_assert!(!part.done);
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Journal::parse(&bytes);
            let mut after = heading().line();
            after.extend(bytes);
            prop_assert!(Journal::parse(&after).is_some());
        }
    }
}
