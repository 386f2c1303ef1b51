//! `maec corpus`: text tokenized once into packed blocks, what is in them, and samples.

mod info;
mod prepare;
mod show;
mod sources;

use std::path::Path;

use anyhow::Result;
use clap::{Subcommand, ValueEnum};
use maec_corpus::{Corpus, Error, Split};

use crate::failure::usage;

/// Arguments of `maec corpus`.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Tokenize text, JSON lines and parquet into a folder of packed blocks.
    Prepare(prepare::Args),
    /// What a prepared folder holds: documents and tokens by source, vocabulary, split.
    Info(info::Args),
    /// Documents, or windows as training sees them, as text.
    Show(show::Args),
}

/// A side of the held-out split.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum SplitArg {
    /// What is trained on.
    Train,
    /// What is kept back.
    HeldOut,
}

impl From<SplitArg> for Split {
    fn from(split: SplitArg) -> Self {
        match split {
            SplitArg::Train => Self::Train,
            SplitArg::HeldOut => Self::HeldOut,
        }
    }
}

/// Runs it.
pub fn run(args: &Args) -> Result<()> {
    match &args.command {
        Command::Prepare(args) => prepare::run(args),
        Command::Info(args) => info::run(args),
        Command::Show(args) => show::run(args),
    }
}

/// What the library says, with the exit code for usage where the arguments are at fault.
fn said(error: Error) -> anyhow::Error {
    match error {
        Error::Pattern { .. }
        | Error::UnknownFormat { .. }
        | Error::SameName { .. }
        | Error::Share { .. }
        | Error::EndToken { .. }
        | Error::NoSource { .. }
        | Error::Length { .. } => usage(error.to_string()),
        error => error.into(),
    }
}

fn open(folder: &Path) -> Result<Corpus> {
    Corpus::open(folder).map_err(said)
}
