//! The files of an unfinished corpus.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use maec_checkpoint::{AtomicFolder, Error as WriteError};
use rayon::prelude::*;

use super::{State, sha256_of};
use crate::manifest::{documents_file, tokens_file};
use crate::{Amount, Error, OutputFile, Split};

/// Hashes of the texts kept, while the folder is unfinished.
const HASHES: &str = ".maec-hashes";
/// Bytes of such a hash: that two of 10¹² texts share one has a chance below 10⁻¹⁴.
const HASH_BYTES: usize = 16;

/// Files that grow document by document.
pub(super) struct Output {
    shown: PathBuf,
    bytes_per_token: u8,
    sides: [Side; 2],
    known: Option<Known>,
}

/// A side of the split.
struct Side {
    tokens: BufWriter<File>,
    documents: BufWriter<File>,
    /// Tokens written.
    count: u64,
}

/// Texts that were there before.
struct Known {
    hashes: HashSet<[u8; HASH_BYTES]>,
    file: BufWriter<File>,
}

impl Output {
    /// Opens the files where `state` left them; what was written after it is cut off.
    pub(super) fn open(
        folder: &AtomicFolder,
        out: &Path,
        bytes_per_token: u8,
        deduplicate: bool,
        state: &State,
    ) -> Result<Self, Error> {
        let file = |name: &str, bytes: u64| -> Result<BufWriter<File>, Error> {
            let mut file = folder.open(name)?;
            let found = file.metadata().and_then(|about| {
                file.set_len(bytes)?;
                file.seek(SeekFrom::Start(bytes))?;
                Ok(about.len())
            });
            let found = found.map_err(|source| failed(&out.join(name), source))?;
            match found < bytes {
                true => Err(Error::damaged(&out.join(name), "it is shorter than its journal says")),
                false => Ok(BufWriter::with_capacity(1 << 20, file)),
            }
        };
        let side = |split: Split| -> Result<Side, Error> {
            let sum = |sum: Amount, source: &crate::SourceRecord| sum.plus(source.amount(split));
            let amount = state.sources.iter().fold(Amount::default(), sum);
            let starts = if amount.documents == 0 { 0 } else { (amount.documents + 1) * 8 };
            let mut side = Side {
                tokens: file(&tokens_file(split), amount.tokens * u64::from(bytes_per_token))?,
                documents: file(&documents_file(split), starts)?,
                count: amount.tokens,
            };
            if starts == 0 {
                side.documents.write_all(&0u64.to_le_bytes()).map_err(|source| failed(out, source))?;
            }
            Ok(side)
        };
        let hashes = || -> Result<Known, Error> {
            let file = file(HASHES, state.hashes * HASH_BYTES as u64)?;
            Known::read(file).map_err(|source| failed(&out.join(HASHES), source))
        };
        let known = deduplicate.then(hashes).transpose()?;
        let sides = [side(Split::Train)?, side(Split::HeldOut)?];
        Ok(Self { shown: out.into(), bytes_per_token, sides, known })
    }

    /// Whether a text is to be kept: always, unless none may be there twice. Remembers it.
    pub(super) fn is_new(&mut self, hash: &[u8; 32]) -> Result<bool, Error> {
        let Some(known) = &mut self.known else { return Ok(true) };
        known.add(hash).map_err(|source| failed(&self.shown, source))
    }

    /// How many texts are remembered.
    pub(super) fn known(&self) -> u64 {
        self.known.as_ref().map_or(0, |known| known.hashes.len() as u64)
    }

    /// Writes a document.
    pub(super) fn write(&mut self, split: Split, tokens: &[u32]) -> Result<(), Error> {
        let side = &mut self.sides[split as usize];
        side.write(tokens, self.bytes_per_token).map_err(|source| failed(&self.shown, source))
    }

    /// Brings everything to the disk.
    pub(super) fn flush(&mut self) -> Result<(), Error> {
        let hashes = self.known.as_mut().map(|known| &mut known.file);
        let files = self.sides.iter_mut().flat_map(|side| [&mut side.tokens, &mut side.documents]);
        for file in files.chain(hashes) {
            let flushed = file.flush().and_then(|()| file.get_ref().sync_data());
            flushed.map_err(|source| failed(&self.shown, source))?;
        }
        Ok(())
    }

    /// Completes the files.
    pub(super) fn finish(mut self, folder: &AtomicFolder) -> Result<(), Error> {
        self.flush()?;
        match self.known {
            Some(_) => Ok(folder.remove(HASHES)?),
            None => Ok(()),
        }
    }
}

impl Side {
    fn write(&mut self, tokens: &[u32], bytes_per_token: u8) -> std::io::Result<()> {
        for token in tokens {
            self.tokens.write_all(&token.to_le_bytes()[..bytes_per_token.into()])?;
        }
        self.count += tokens.len() as u64;
        self.documents.write_all(&self.count.to_le_bytes())
    }
}

impl Known {
    /// Reads what a run before remembered; goes on at the file's end.
    fn read(mut file: BufWriter<File>) -> std::io::Result<Self> {
        let mut hashes = HashSet::new();
        file.get_mut().rewind()?;
        let mut reader = BufReader::new(file.get_ref());
        let mut hash = [0; HASH_BYTES];
        let count = file.get_ref().metadata()?.len() / HASH_BYTES as u64;
        for _ in 0..count {
            reader.read_exact(&mut hash)?;
            hashes.insert(hash);
        }
        file.get_mut().seek(SeekFrom::End(0))?;
        Ok(Self { hashes, file })
    }

    /// Whether a text is new; remembers it.
    fn add(&mut self, hash: &[u8; 32]) -> std::io::Result<bool> {
        let mut short = [0; HASH_BYTES];
        short.copy_from_slice(&hash[..HASH_BYTES]);
        let new = self.hashes.insert(short);
        if new {
            self.file.write_all(&short)?;
        }
        Ok(new)
    }
}

/// Lengths and SHA-256 of the files, by name.
pub(super) fn hashes(folder: &AtomicFolder) -> Result<BTreeMap<String, OutputFile>, Error> {
    let names: Vec<String> =
        Split::ALL.into_iter().flat_map(|split| [tokens_file(split), documents_file(split)]).collect();
    let hash = |name: &String| -> Result<(String, OutputFile), Error> {
        let mut file = folder.open(name)?;
        let hashed = file.metadata().and_then(|about| Ok((about.len(), sha256_of(&mut file)?)));
        let (bytes, sha256) = hashed.map_err(|source| Error::read(name, source))?;
        Ok((name.clone(), OutputFile { bytes, sha256 }))
    };
    names.par_iter().map(hash).collect()
}

fn failed(path: &Path, source: std::io::Error) -> Error {
    WriteError::Write { path: path.display().to_string(), source }.into()
}
