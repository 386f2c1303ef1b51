//! Corpora to packed blocks of tokens.
//!
//! [`prepare`] reads plain text, JSON lines and parquet, each as it is or packed by gzip or zstd, tokenizes every document once, and writes a
//! folder: token ids of all documents one after the other, where each begins, and what they came from. [`Corpus`] opens such a folder;
//! [`Blocks`] are the documents of one side of its split, read as windows of equal length by positioned reads, so that nothing but a
//! window is ever in memory; [`Mixture`] draws windows from several by weight, in an order that a seed fixes and a [`Position`] resumes.
//!
//! The folder is described in `docs/corpus.md`. Nothing here knows of models or of the network.

mod blocks;
mod error;
mod manifest;
mod mixture;
mod pattern;
mod permutation;
mod prepare;
mod read;
mod source;
mod split;

pub use blocks::{Blocks, Corpus, Window};
pub use error::{Error, RowProblem};
pub use manifest::{Amount, FileRecord, Manifest, OutputFile, SourceRecord, TokenizerRecord};
pub use mixture::{Mixture, Part, Position};
pub use pattern::files;
pub use permutation::Permutation;
pub use prepare::{Job, Progress, is_corpus, prepare};
pub use read::{Document, Documents, documents};
pub use source::{Format, InputFile, ReadOptions, Source, TextUnit};
pub use split::{HeldOut, Split};
