//! Why a corpus can't be prepared or read.

use std::io;
use std::path::Path;

use maec_tokenizer::TokenizerError;
use thiserror::Error as ThisError;

/// Why a corpus can't be prepared or read.
#[derive(Debug, ThisError)]
pub enum Error {
    /// A pattern with an unclosed bracket or the like.
    #[error("`{pattern}` is no file pattern: {reason}; write for example data/*.jsonl.gz")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A pattern that no file has.
    #[error(
        "no file is named `{pattern}`; check the path, and quote the pattern so that the shell leaves it alone"
    )]
    NoFiles {
        /// The pattern.
        pattern: String,
    },
    /// A name that tells no format.
    #[error("the name of `{file}` tells no format; give --format text, jsonl or parquet")]
    UnknownFormat {
        /// The file.
        file: String,
    },
    /// The system can't read a file.
    #[error("cannot read `{file}`: {source}; check the path and its permissions")]
    Read {
        /// The file.
        file: String,
        /// What the system says.
        source: io::Error,
    },
    /// A gzip or zstd stream that is cut, damaged or none at all.
    #[error("`{file}` can't be unpacked: {reason}; fetch or pack it again")]
    Packed {
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A packed parquet file that unpacks to more than fits beside the output.
    #[error("`{file}` unpacks to more than {limit} bytes; unpack it first, parquet needs no packing")]
    Unpacked {
        /// The file.
        file: String,
        /// The most that is unpacked.
        limit: u64,
    },
    /// A row that is no document.
    #[error("{file}: {unit} {row}: {problem}")]
    Row {
        /// The file.
        file: String,
        /// `line` or `row`.
        unit: &'static str,
        /// Its number, from 1.
        row: u64,
        /// What is wrong with it.
        problem: RowProblem,
    },
    /// A parquet file that can't be read.
    #[error("`{file}` is no readable parquet file: {reason}; fetch or write it again")]
    Parquet {
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A parquet file without the column, or with another type of values in it.
    #[error("`{file}` has no text column `{column}`; give --field, one of: {found}")]
    Column {
        /// The file.
        file: String,
        /// The column that was asked for.
        column: String,
        /// Its text columns.
        found: String,
    },
    /// A file that was written to while it was read.
    #[error("`{file}` changed while it was read; begin again when nothing writes to it")]
    Changed {
        /// The file.
        file: String,
    },
    /// Two sources of one name.
    #[error("two sources are called `{name}`; name them, NAME=PATTERN")]
    SameName {
        /// The name.
        name: String,
    },
    /// A share that is none.
    #[error("the held-out share is {share}; give a number from 0 to below 1, for example 0.01")]
    Share {
        /// The share.
        share: f64,
    },
    /// The end token's id is not in the vocabulary.
    #[error("the end token {id} is outside the tokenizer's {vocabulary} tokens; give another --end-token")]
    EndToken {
        /// The id.
        id: u32,
        /// Number of ids.
        vocabulary: usize,
    },
    /// The sources hold no text at all.
    #[error("the sources hold no document with text in it; check --field and the files")]
    NoText,
    /// An unfinished preparation of something else.
    #[error("the unfinished corpus `{path}` is another: {difference}; run without --resume to begin again")]
    OtherJob {
        /// The output.
        path: String,
        /// The first difference.
        difference: String,
    },
    /// The caller asked to stop.
    #[error("stopped before `{path}` was complete; what is done is kept, go on with --resume")]
    Cancelled {
        /// The output.
        path: String,
    },
    /// A folder without a readable `corpus.json`.
    #[error("`{path}` is no prepared corpus: {reason}; make one with `maec corpus prepare`")]
    NotACorpus {
        /// The folder.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A prepared folder whose files don't fit each other.
    #[error("`{path}` is damaged: {reason}; prepare the corpus again")]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A source that the corpus does not have.
    #[error("`{path}` has no source `{name}`; it has {found}")]
    NoSource {
        /// The corpus.
        path: String,
        /// The source that was asked for.
        name: String,
        /// Those that there are.
        found: String,
    },
    /// Fewer tokens than one window needs.
    #[error(
        "`{name}` has {tokens} tokens, fewer than a window of {window}; lower the sequence length or add text"
    )]
    TooFewTokens {
        /// The blocks.
        name: String,
        /// How many there are.
        tokens: u64,
        /// How many a window has: the sequence length and one.
        window: u64,
    },
    /// A sequence length of 0, or beyond what a window can number.
    #[error("the sequence length is {length}; give one from 1 to {limit}")]
    Length {
        /// The length.
        length: usize,
        /// The longest.
        limit: usize,
    },
    /// A mixture of nothing, or with a weight that is no positive number.
    #[error("the weight of `{name}` is {weight}; give a positive number")]
    Weight {
        /// The part.
        name: String,
        /// Its weight.
        weight: f64,
    },
    /// A mixture without a part.
    #[error("a mixture needs at least one corpus; name one")]
    NoParts,
    /// A position of another mixture.
    #[error(
        "the position to resume at is of another mixture ({reason}); resume with the same corpora, weights, seed and length"
    )]
    Position {
        /// What differs.
        reason: String,
    },
    /// The tokenizer refuses a document.
    #[error("{file}: {unit} {row}: {source}")]
    Tokenizer {
        /// The file.
        file: String,
        /// `line` or `row`.
        unit: &'static str,
        /// Its number, from 1.
        row: u64,
        /// What the tokenizer says.
        source: TokenizerError,
    },
    /// The output, as the disk has it.
    #[error(transparent)]
    Output(#[from] maec_checkpoint::Error),
}

/// Why a row is no document.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub enum RowProblem {
    /// Bytes that are no UTF-8.
    #[error("byte {at} is not UTF-8; convert the file, or leave such rows out with --skip-bad-rows")]
    Utf8 {
        /// Place of the first bad byte in the row, from 1.
        at: usize,
    },
    /// A line that is no JSON object.
    #[error(
        "column {column}: not a JSON object: {reason}; mend it, or leave such rows out with --skip-bad-rows"
    )]
    Json {
        /// Place in the line, from 1.
        column: usize,
        /// What the parser says.
        reason: String,
    },
    /// An object without the field.
    #[error("there is no field `{field}`; give --field, one of: {found}")]
    NoField {
        /// The field.
        field: String,
        /// The fields that there are.
        found: String,
    },
    /// A field that is no string.
    #[error(
        "the field `{field}` is not text but {found}; give another --field, or leave such rows out with --skip-bad-rows"
    )]
    NotText {
        /// The field.
        field: String,
        /// What it is.
        found: &'static str,
    },
    /// More text than one document may have.
    #[error(
        "more than {limit} bytes in one document; split it (plain text: --unit paragraphs or lines), or leave such rows out with --skip-bad-rows"
    )]
    TooLong {
        /// The most.
        limit: usize,
    },
}

impl Error {
    pub(crate) fn read(file: &str, source: io::Error) -> Self {
        Self::Read { file: file.into(), source }
    }

    pub(crate) fn damaged(path: &Path, reason: impl Into<String>) -> Self {
        Self::Damaged { path: path.display().to_string(), reason: reason.into() }
    }

    /// Whether only one row is bad, so that the next can be read.
    pub fn is_row(&self) -> bool {
        matches!(self, Self::Row { .. } | Self::Tokenizer { .. })
    }
}

/// At most so many names, for messages.
pub(crate) fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 12;
    let all: Vec<String> = names
        .into_iter()
        .map(|name| name.chars().take(60).collect::<String>().escape_debug().to_string())
        .collect();
    match all.len() {
        0 => "none".into(),
        n if n > SHOWN => format!("{} and {} more", all[..SHOWN].join(", "), n - SHOWN),
        _ => all.join(", "),
    }
}
