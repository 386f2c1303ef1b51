//! Reading a prepared corpus: windows and documents by positioned reads.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use maec_checkpoint::{ByteSource, Error as ReadError, FileSource, MemorySource, read_file, sha256_hex};

use crate::error::names;
use crate::manifest::{MANIFEST, VERSION, documents_file, tokens_file};
use crate::{Error, Manifest, Split};

/// The longest sequence.
const MAX_LENGTH: usize = 1 << 24;
/// Document starts read at a time.
const STARTS: u64 = 512;
/// Bytes of a document's start.
const START_BYTES: u64 = 8;

/// A prepared folder.
#[derive(Debug, Clone)]
pub struct Corpus {
    folder: PathBuf,
    manifest: Manifest,
}

/// The documents of one side of a corpus, or of one source on it: token ids one after the other, and where each document begins.
#[derive(Clone)]
pub struct Blocks {
    name: String,
    identity: String,
    tokens: Arc<dyn ByteSource>,
    starts: Arc<dyn ByteSource>,
    bytes_per_token: u64,
    vocabulary: u32,
    /// Among the file's.
    first_token: u64,
    token_count: u64,
    first_document: u64,
    document_count: u64,
}

/// A run of tokens to train on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Token ids, `[seq_len + 1]`.
    pub tokens: Vec<u32>,
    /// Where documents begin in it, ascending; 0 is one of them only where a document begins with the window.
    pub starts: Vec<u32>,
}

impl Window {
    /// What a model is given, `[seq_len]`.
    pub fn inputs(&self) -> &[u32] {
        &self.tokens[..self.tokens.len().saturating_sub(1)]
    }

    /// What it should say at each input, `[seq_len]`: the token after it.
    pub fn targets(&self) -> &[u32] {
        self.tokens.get(1..).unwrap_or_default()
    }

    /// The number of each input's document in the window, from 0, `[seq_len]`: attention may be kept within equal ones.
    pub fn segments(&self) -> Vec<u32> {
        let mut starts = self.starts.iter().filter(|start| **start > 0).peekable();
        let mut segment = 0;
        let number = |at: u32| {
            while starts.next_if(|start| **start <= at).is_some() {
                segment += 1;
            }
            segment
        };
        (0..self.inputs().len() as u32).map(number).collect()
    }
}

impl Corpus {
    /// Opens a prepared folder; looks at its files' lengths and not at their bytes.
    ///
    /// # Errors
    /// [`Error::NotACorpus`], and [`Error::Damaged`] where a file is missing or of another length than it was.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let refused = |reason: String| Error::NotACorpus { path: folder.display().to_string(), reason };
        let text = match read_file(&folder.join(MANIFEST)) {
            Err(ReadError::Missing { .. }) => return Err(refused(format!("it has no {MANIFEST}"))),
            text => text?,
        };
        let manifest: Manifest =
            serde_json::from_slice(&text).map_err(|e| refused(format!("{MANIFEST} is not readable: {e}")))?;
        if manifest.maec_corpus != VERSION {
            return Err(refused(format!(
                "it has version {} and this program knows {VERSION}",
                manifest.maec_corpus
            )));
        }
        if !matches!(manifest.bytes_per_token, 2 | 4) {
            return Err(refused(format!("{} bytes are no width of a token", manifest.bytes_per_token)));
        }
        let corpus = Self { folder: folder.into(), manifest };
        for (name, file) in &corpus.manifest.files {
            let path = corpus.folder.join(name);
            let found = std::fs::metadata(&path).map_err(|e| Error::damaged(&path, e.to_string()))?.len();
            if found != file.bytes {
                return Err(Error::damaged(&path, format!("it has {found} bytes instead of {}", file.bytes)));
            }
        }
        for split in Split::ALL {
            corpus.check_lengths(split)?;
        }
        Ok(corpus)
    }

    /// Files must be as long as the counts say.
    fn check_lengths(&self, split: Split) -> Result<(), Error> {
        let amount = self.manifest.amount(split);
        let width = u64::from(self.manifest.bytes_per_token);
        let expected = [
            (tokens_file(split), amount.tokens.checked_mul(width)),
            (documents_file(split), amount.documents.checked_add(1).and_then(|n| n.checked_mul(START_BYTES))),
        ];
        for (name, expected) in expected {
            let found = self.manifest.files.get(&name).map(|file| file.bytes);
            if found.is_none() || found != expected {
                return Err(Error::damaged(&self.folder.join(name), "its length is not that of its sources"));
            }
        }
        Ok(())
    }

    /// What the folder holds.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Reads every file and compares its SHA-256.
    ///
    /// # Errors
    /// [`Error::Damaged`] at the first that differs.
    pub fn verify(&self) -> Result<(), Error> {
        for (name, file) in &self.manifest.files {
            let path = self.folder.join(name);
            if crate::prepare::file_sha256(&path)? != file.sha256 {
                return Err(Error::damaged(&path, "its SHA-256 is not the one in corpus.json"));
            }
        }
        Ok(())
    }

    /// A text file of the folder: `tokenizer.json`, or `tokenizer_config.json` where there is one.
    ///
    /// # Errors
    /// [`Error::Damaged`] where it is missing or no text.
    pub fn text(&self, name: &str) -> Result<String, Error> {
        let path = self.folder.join(name);
        String::from_utf8(read_file(&path)?).map_err(|_| Error::damaged(&path, "it is not UTF-8"))
    }

    /// All sources' documents on one side.
    ///
    /// # Errors
    /// Where the files can't be opened.
    pub fn blocks(&self, split: Split) -> Result<Blocks, Error> {
        let amount = self.manifest.amount(split);
        self.part(
            split,
            format!("{} ({})", self.folder.display(), split.name()),
            [0, amount.tokens],
            [0, amount.documents],
        )
    }

    /// One source's documents on one side.
    ///
    /// # Errors
    /// [`Error::NoSource`], and where the files can't be opened.
    pub fn source(&self, name: &str, split: Split) -> Result<Blocks, Error> {
        let (mut token, mut document) = (0, 0);
        for source in &self.manifest.sources {
            let amount = source.amount(split);
            if source.name == name {
                let title = format!("{} ({name}, {})", self.folder.display(), split.name());
                return self.part(split, title, [token, amount.tokens], [document, amount.documents]);
            }
            token += amount.tokens;
            document += amount.documents;
        }
        Err(Error::NoSource {
            path: self.folder.display().to_string(),
            name: name.into(),
            found: names(self.manifest.sources.iter().map(|source| source.name.as_str())),
        })
    }

    fn part(
        &self,
        split: Split,
        name: String,
        tokens: [u64; 2],
        documents: [u64; 2],
    ) -> Result<Blocks, Error> {
        let open = |file: String| FileSource::open(&self.folder.join(file));
        let sha256 = self.manifest.files.get(&tokens_file(split)).map_or("", |file| &file.sha256);
        Ok(Blocks {
            name,
            identity: format!("{sha256} {} {}", tokens[0], tokens[1]),
            tokens: Arc::new(open(tokens_file(split))?),
            starts: Arc::new(open(documents_file(split))?),
            bytes_per_token: self.manifest.bytes_per_token.into(),
            vocabulary: self.manifest.tokenizer.vocabulary,
            first_token: tokens[0],
            token_count: tokens[1],
            first_document: documents[0],
            document_count: documents[1],
        })
    }
}

impl Blocks {
    /// Documents that are in memory; those without a token are left out.
    pub fn in_memory(name: impl Into<String>, documents: &[Vec<u32>], vocabulary: u32) -> Self {
        let name = name.into();
        let (mut tokens, mut starts) = (Vec::new(), 0u64.to_le_bytes().to_vec());
        let mut count = 0u64;
        for document in documents.iter().filter(|document| !document.is_empty()) {
            tokens.extend(document.iter().flat_map(|token| token.to_le_bytes()));
            count += document.len() as u64;
            starts.extend(count.to_le_bytes());
        }
        Self {
            identity: sha256_hex(&tokens),
            tokens: Arc::new(MemorySource::new(name.clone(), tokens)),
            first_token: 0,
            token_count: count,
            first_document: 0,
            document_count: starts.len() as u64 / START_BYTES - 1,
            starts: Arc::new(MemorySource::new(name.clone(), starts)),
            bytes_per_token: 4,
            vocabulary,
            name,
        }
    }

    /// What messages call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What tells it from any other: a hash of its file's tokens and its place among them.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Number of tokens.
    pub fn tokens(&self) -> u64 {
        self.token_count
    }

    /// Number of documents.
    pub fn documents(&self) -> u64 {
        self.document_count
    }

    /// Number of ids that the tokens are below.
    pub fn vocabulary(&self) -> u32 {
        self.vocabulary
    }

    /// How many windows there are: ⌊(tokens − 1) / seq_len⌋. A window has one token more than `seq_len`, which is the first of the next
    /// window, so that every token but the first is a target once; at the end fewer than `seq_len` tokens are left out.
    ///
    /// # Errors
    /// [`Error::Length`], and [`Error::TooFewTokens`] where there is none.
    pub fn windows(&self, seq_len: usize) -> Result<u64, Error> {
        if seq_len == 0 || seq_len > MAX_LENGTH {
            return Err(Error::Length { length: seq_len, limit: MAX_LENGTH });
        }
        match self.token_count.saturating_sub(1) / seq_len as u64 {
            0 => {
                let (name, window) = (self.name.clone(), seq_len as u64 + 1);
                Err(Error::TooFewTokens { name, tokens: self.token_count, window })
            }
            windows => Ok(windows),
        }
    }

    /// The window at a place, in stored order.
    ///
    /// # Errors
    /// As [`windows`](Self::windows), [`Error::Damaged`] where what is read makes no sense, and where it can't be read; a place beyond
    /// the last counts as damage.
    pub fn window(&self, index: u64, seq_len: usize) -> Result<Window, Error> {
        let windows = self.windows(seq_len)?;
        if index >= windows {
            return Err(self.damaged(format!("window {index} was asked for, and there are {windows}")));
        }
        let start = self.first_token + index * seq_len as u64;
        let tokens = self.read_tokens(start, seq_len + 1)?;
        let end = start + tokens.len() as u64;
        let mut starts = Vec::new();
        let last = self.first_document + self.document_count;
        let mut document = self.first_at(start)?;
        'blocks: while document < last {
            let block = self.read_starts(document, STARTS.min(last - document))?;
            document += block.len() as u64;
            for at in block {
                if at >= end {
                    break 'blocks;
                }
                starts.push((at - start) as u32);
            }
        }
        Ok(Window { tokens, starts })
    }

    /// The tokens of a document, in stored order.
    ///
    /// # Errors
    /// As [`window`](Self::window).
    pub fn document(&self, index: u64) -> Result<Vec<u32>, Error> {
        if index >= self.document_count {
            let all = self.document_count;
            return Err(self.damaged(format!("document {index} was asked for, and there are {all}")));
        }
        let bounds = self.read_starts(self.first_document + index, 2)?;
        self.read_tokens(bounds[0], (bounds[1] - bounds[0]) as usize)
    }

    fn read_tokens(&self, start: u64, count: usize) -> Result<Vec<u32>, Error> {
        let width = self.bytes_per_token as usize;
        let mut bytes = vec![0; count * width];
        self.tokens.read_at(start * self.bytes_per_token, &mut bytes)?;
        let tokens: Vec<u32> = match width {
            2 => bytes.as_chunks::<2>().0.iter().map(|bytes| u16::from_le_bytes(*bytes).into()).collect(),
            _ => bytes.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect(),
        };
        match tokens.iter().find(|token| **token >= self.vocabulary) {
            Some(token) => {
                let all = self.vocabulary;
                Err(self.damaged(format!("token {token} is outside the vocabulary of {all}")))
            }
            None => Ok(tokens),
        }
    }

    /// Starts of documents, numbered as in the file: ascending, and within these blocks.
    fn read_starts(&self, first: u64, count: u64) -> Result<Vec<u64>, Error> {
        let mut bytes = vec![0; (count * START_BYTES) as usize];
        self.starts.read_at(first * START_BYTES, &mut bytes)?;
        let starts: Vec<u64> =
            bytes.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect();
        let end = self.first_token + self.token_count;
        let inside = starts.iter().all(|start| (self.first_token..=end).contains(start));
        if !inside || !starts.is_sorted_by(|a, b| a < b) {
            return Err(self.damaged("its documents do not stand one after the other"));
        }
        Ok(starts)
    }

    /// The number of the first document that begins at a token or after it, by halving.
    fn first_at(&self, token: u64) -> Result<u64, Error> {
        let (mut low, mut high) = (self.first_document, self.first_document + self.document_count);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.read_starts(middle, 1)?[0] < token {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        Ok(low)
    }

    fn damaged(&self, reason: impl Into<String>) -> Error {
        Error::Damaged { path: self.name.clone(), reason: reason.into() }
    }
}
