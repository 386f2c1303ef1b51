//! Tokenizing a corpus once, into a folder that appears whole or not at all.
//!
//! One thread reads, unpacks and parses; batches of documents are hashed and tokenized on all threads and written in their order, so that no
//! byte depends on the number of threads. Now and then a journal beside the unfinished files says how far they can be trusted: a killed
//! preparation goes on from there, to the same bytes.

mod batch;
mod journal;
mod output;

use std::fs::{self, File};
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::Path;

use maec_checkpoint::{AtomicFolder, sha256_hex};
use maec_tokenizer::Tokenizer;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::manifest::{MANIFEST, VERSION};
use crate::split::document_hash;
use crate::{Amount, Error, HeldOut, Manifest, OutputFile, Source, Split, TokenizerRecord};
use batch::{Batch, Tagged};
use journal::{Journal, State};
use output::Output;

/// What is prepared, and how.
#[derive(Debug, Clone)]
pub struct Job {
    /// In the order in which they are stored; their names differ.
    pub sources: Vec<Source>,
    /// The text of `tokenizer.json`; it goes along with the corpus.
    pub tokenizer_json: String,
    /// The text of `tokenizer_config.json`, where there is one.
    pub tokenizer_config_json: Option<String>,
    /// The token after every document.
    pub end: Option<u32>,
    /// The share that is held out.
    pub held_out: HeldOut,
    /// Whether a text that was there before, in any source, is left out. Takes 16 bytes of memory and more for each document.
    pub deduplicate: bool,
    /// Whether bad rows are counted and left out; otherwise the first is an error.
    pub skip_bad_rows: bool,
    /// Bytes of text between two entries of the journal.
    pub journal_bytes: u64,
}

impl Job {
    /// Bytes of text between two entries of the journal, unless asked otherwise.
    pub const JOURNAL_BYTES: u64 = 64 << 20;
}

/// How far a preparation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of input files, as stored, that have been gone through.
    pub bytes: u64,
    /// Bytes of all input files.
    pub total_bytes: u64,
    /// Documents and tokens written so far.
    pub written: Amount,
}

/// Whether a folder is a prepared corpus, which another may replace.
pub fn is_corpus(folder: &Path) -> bool {
    fs::read_to_string(folder.join(MANIFEST)).is_ok_and(|text| text.contains("\"maec_corpus\""))
}

/// Prepares a corpus in the folder `out`; with `resume` goes on with what a killed or stopped run of the same job left there.
///
/// `progress` hears after each batch how far it is, and may stop it. What is done is kept then, as it is after an error once the journal
/// has an entry; otherwise an error leaves nothing.
///
/// # Errors
/// As the sources, the tokenizer and the disk have them; [`Error::NoText`], [`Error::OtherJob`], [`Error::Cancelled`].
pub fn prepare(
    job: &Job,
    tokenizer: &(dyn Tokenizer + Sync),
    out: &Path,
    resume: bool,
    progress: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Result<Manifest, Error> {
    check(job, tokenizer)?;
    let folder = match resume {
        true => AtomicFolder::resume(out, is_corpus)?,
        false => AtomicFolder::create(out, is_corpus)?,
    };
    let journal = Journal::text(&folder)?;
    let mut journaled = !journal.is_empty();
    let bytes_per_token = if tokenizer.vocab_size() <= 1 << 16 { 2 } else { 4 };
    let mut write = || -> Result<State, Error> {
        let known = Journal::new(job)?;
        let mut state = known.state(&journal, out)?;
        let mut output = Output::open(&folder, out, bytes_per_token, job.deduplicate, &state)?;
        let (mut since, mut cancelled) = (0, false);
        let begin = (state.source, state.file, state.rows);
        batch::read(job, known.files(), begin, |batch| {
            let bytes = batch.bytes_read;
            since += batch.text_bytes();
            take(job, tokenizer, &mut output, &mut state, batch)?;
            let total_bytes = known.total_bytes();
            cancelled = progress(&Progress { bytes, total_bytes, written: state.written() }).is_break();
            if since >= job.journal_bytes || cancelled {
                output.flush()?;
                known.write(&folder, &state)?;
                (since, journaled) = (0, true);
            }
            Ok(if cancelled { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        if cancelled {
            return Err(Error::Cancelled { path: out.display().to_string() });
        }
        if state.written().tokens == 0 {
            return Err(Error::NoText);
        }
        output.finish(&folder)?;
        Ok(state)
    };
    match write() {
        Ok(state) => finish(job, tokenizer, folder, bytes_per_token, state),
        Err(error) => {
            if journaled {
                folder.keep();
            }
            Err(error)
        }
    }
}

/// What can be told before anything is read.
fn check(job: &Job, tokenizer: &(dyn Tokenizer + Sync)) -> Result<(), Error> {
    let names: Vec<&str> = job.sources.iter().map(|source| source.name.as_str()).collect();
    if let Some(twice) = (1..names.len()).find(|at| names[..*at].contains(&names[*at])) {
        return Err(Error::SameName { name: names[twice].into() });
    }
    match job.end {
        Some(id) if id as usize >= tokenizer.vocab_size() => {
            Err(Error::EndToken { id, vocabulary: tokenizer.vocab_size() })
        }
        _ => Ok(()),
    }
}

/// Hashes, splits and tokenizes a batch, and writes it in its order.
fn take(
    job: &Job,
    tokenizer: &(dyn Tokenizer + Sync),
    output: &mut Output,
    state: &mut State,
    mut batch: Batch,
) -> Result<(), Error> {
    let mut documents = std::mem::take(&mut batch.documents);
    documents.retain(|document| {
        let has_text = !document.text.trim().is_empty();
        state.sources[document.source].empty += u64::from(!has_text);
        has_text
    });
    let hashes: Vec<[u8; 32]> = documents.par_iter().map(|document| document_hash(&document.text)).collect();
    let mut kept = Vec::with_capacity(documents.len());
    for (document, hash) in documents.into_iter().zip(hashes) {
        match output.is_new(&hash)? {
            true => kept.push((document, job.held_out.side(&hash))),
            false => state.sources[document.source].duplicates += 1,
        }
    }
    let encode = |(document, _): &(Tagged, Split)| -> Result<Vec<u32>, Error> {
        let tokens = tokenizer.encode(&document.text, true);
        let name = || job.sources[document.source].files[document.file].name.clone();
        let mut tokens = tokens.map_err(|source| Error::Tokenizer {
            file: name(),
            unit: document.unit,
            row: document.row,
            source,
        })?;
        if tokens.last() != job.end.as_ref() {
            tokens.extend(job.end);
        }
        Ok(tokens)
    };
    let encoded: Vec<Result<Vec<u32>, Error>> = kept.par_iter().map(encode).collect();
    for ((document, split), tokens) in kept.iter().zip(encoded) {
        let about = &mut state.sources[document.source];
        match tokens {
            Ok(tokens) if tokens.is_empty() => about.empty += 1,
            Ok(tokens) => {
                output.write(*split, &tokens)?;
                let amount = about.amount_mut(*split);
                *amount = amount.plus(Amount {
                    documents: 1,
                    tokens: tokens.len() as u64,
                    bytes: document.text.len() as u64,
                });
            }
            Err(_) if job.skip_bad_rows => about.refused += 1,
            Err(error) => return Err(error),
        }
    }
    state.hashes = output.known();
    batch.note(state);
    Ok(())
}

/// Hashes what was written, describes it, and gives the folder its name.
fn finish(
    job: &Job,
    tokenizer: &(dyn Tokenizer + Sync),
    folder: AtomicFolder,
    bytes_per_token: u8,
    state: State,
) -> Result<Manifest, Error> {
    Journal::remove(&folder)?;
    let mut files = output::hashes(&folder)?;
    let config = job.tokenizer_config_json.as_deref();
    for (name, text) in [("tokenizer.json", Some(&*job.tokenizer_json)), ("tokenizer_config.json", config)] {
        if let Some(text) = text {
            folder.write(name, text.as_bytes())?;
            let file = OutputFile { bytes: text.len() as u64, sha256: sha256_hex(text.as_bytes()) };
            files.insert(name.into(), file);
        }
    }
    let manifest = Manifest {
        maec_corpus: VERSION,
        tokenizer: TokenizerRecord {
            sha256: sha256_hex(job.tokenizer_json.as_bytes()),
            description: tokenizer.describe(),
            vocabulary: u32::try_from(tokenizer.vocab_size()).unwrap_or(u32::MAX),
            end: job.end,
        },
        bytes_per_token,
        held_out: job.held_out.share(),
        deduplicated: job.deduplicate,
        sources: state.sources,
        files,
    };
    let json = serde_json::to_string_pretty(&manifest).unwrap_or_default() + "\n";
    folder.write(MANIFEST, json.as_bytes())?;
    folder.finish()?;
    Ok(manifest)
}

/// SHA-256 of a file, 64 hex digits.
pub(crate) fn file_sha256(path: &Path) -> Result<String, Error> {
    let hash = || -> io::Result<String> { sha256_of(&mut File::open(path)?) };
    hash().map_err(|e| Error::read(&path.display().to_string(), e))
}

/// SHA-256 of everything that is left to read, 64 hex digits.
fn sha256_of(file: &mut impl Read) -> io::Result<String> {
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            read => hash.update(&buffer[..read]),
        }
    }
}
