//! `corpus.json`: what a prepared folder holds, and what it was made of.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{ReadOptions, Split};

/// The file's name in the folder.
pub(crate) const MANIFEST: &str = "corpus.json";
/// The version of the folder's layout.
pub(crate) const VERSION: u32 = 1;

/// What a prepared folder holds. The same sources and settings make the same bytes: no times, no paths but those given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the layout: 1.
    pub maec_corpus: u32,
    /// What the text was tokenized by.
    pub tokenizer: TokenizerRecord,
    /// Bytes of a token id, little-endian: 2 where the vocabulary fits, else 4.
    pub bytes_per_token: u8,
    /// The share of documents held out, see [`HeldOut`](crate::HeldOut).
    pub held_out: f64,
    /// Whether a text that was there before was left out.
    pub deduplicated: bool,
    /// In the order in which they are stored.
    pub sources: Vec<SourceRecord>,
    /// The folder's other files by name.
    pub files: BTreeMap<String, OutputFile>,
}

/// A tokenizer, for checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenizerRecord {
    /// SHA-256 of its `tokenizer.json`, 64 hex digits.
    pub sha256: String,
    /// What it is, in a few words.
    pub description: String,
    /// Number of ids.
    pub vocabulary: u32,
    /// The token after every document.
    pub end: Option<u32>,
}

/// A source and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceRecord {
    /// What reports call it.
    pub name: String,
    /// What it was asked for by.
    pub pattern: String,
    /// How documents were found.
    pub read: ReadOptions,
    /// What is trained on.
    pub train: Amount,
    /// What is held out.
    pub held_out: Amount,
    /// Documents left out because they have no text.
    pub empty: u64,
    /// Documents left out because their text was there before.
    pub duplicates: u64,
    /// Bad rows left out.
    pub refused: u64,
    /// Its files in order.
    pub files: Vec<FileRecord>,
}

/// How much text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// Documents.
    pub documents: u64,
    /// Tokens, those before and after documents included.
    pub tokens: u64,
    /// Bytes of text in UTF-8.
    pub bytes: u64,
}

/// An input file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// What it was called.
    pub name: String,
    /// Its length in bytes, as stored.
    pub bytes: u64,
    /// SHA-256 of its bytes, 64 hex digits.
    pub sha256: String,
}

/// A file of the folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputFile {
    /// Its length in bytes.
    pub bytes: u64,
    /// SHA-256 of its bytes, 64 hex digits.
    pub sha256: String,
}

impl Amount {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            documents: self.documents.saturating_add(other.documents),
            tokens: self.tokens.saturating_add(other.tokens),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }
}

impl SourceRecord {
    /// What is on one side of the split.
    pub fn amount(&self, split: Split) -> Amount {
        match split {
            Split::Train => self.train,
            Split::HeldOut => self.held_out,
        }
    }

    pub(crate) fn amount_mut(&mut self, split: Split) -> &mut Amount {
        match split {
            Split::Train => &mut self.train,
            Split::HeldOut => &mut self.held_out,
        }
    }
}

impl Manifest {
    /// What is on one side of the split, all sources together.
    pub fn amount(&self, split: Split) -> Amount {
        self.sources.iter().fold(Amount::default(), |sum, source| sum.plus(source.amount(split)))
    }
}

/// The file of a side's token ids.
pub(crate) fn tokens_file(split: Split) -> String {
    format!("{}-tokens.bin", split.name())
}

/// The file of a side's document starts: u64, little-endian, the number of tokens before each document, and of all at last.
pub(crate) fn documents_file(split: Split) -> String {
    format!("{}-documents.bin", split.name())
}
