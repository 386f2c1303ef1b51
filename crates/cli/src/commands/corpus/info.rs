//! `maec corpus info`.

use std::path::PathBuf;

use anyhow::Result;
use maec_corpus::{Manifest, Split};

use super::{open, said};
use crate::{output, progress, size, table};

/// Arguments of `maec corpus info`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  maec corpus info corpus
  maec corpus info corpus --verify --json")]
pub struct Args {
    /// The prepared folder.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Read all files and compare their SHA-256.
    #[arg(long)]
    verify: bool,
    /// Print corpus.json instead of a table.
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub fn run(args: &Args) -> Result<()> {
    let corpus = open(&args.folder)?;
    if args.verify {
        let spinner = progress::spinner("comparing SHA-256");
        let verified = corpus.verify();
        spinner.finish_and_clear();
        verified.map_err(said)?;
    }
    match args.json {
        true => output::print_json(corpus.manifest()),
        false => output::print(report(corpus.manifest())),
    }
}

/// A table of the sources, and what they were tokenized by.
pub fn report(about: &Manifest) -> String {
    let all = about.amount(Split::Train);
    let mut drawn = table::new(
        &[
            "source",
            "documents",
            "tokens",
            "share %",
            "held-out documents",
            "held-out tokens",
            "bytes a token",
        ],
        1,
    );
    let density = |bytes: u64, tokens: u64| match tokens {
        0 => "–".to_owned(),
        _ => format!("{:.2}", bytes as f64 / tokens as f64),
    };
    for source in &about.sources {
        let both = source.train.plus(source.held_out);
        drawn.add_row([
            source.name.clone(),
            table::count(source.train.documents),
            table::count(source.train.tokens),
            table::share(source.train.tokens, all.tokens),
            table::count(source.held_out.documents),
            table::count(source.held_out.tokens),
            density(both.bytes, both.tokens),
        ]);
    }
    let held = about.amount(Split::HeldOut);
    let both = all.plus(held);
    if about.sources.len() > 1 {
        drawn.add_row([
            "all".into(),
            table::count(all.documents),
            table::count(all.tokens),
            table::share(all.tokens, all.tokens),
            table::count(held.documents),
            table::count(held.tokens),
            density(both.bytes, both.tokens),
        ]);
    }
    let stored: u64 = about.files.values().map(|file| file.bytes).sum();
    let end = about.tokenizer.end.map_or("none".into(), |id| id.to_string());
    let mut pairs = vec![
        (
            "tokenizer",
            format!(
                "{}, end token {end}, SHA-256 {}…",
                about.tokenizer.description,
                table::short(&about.tokenizer.sha256)
            ),
        ),
        ("held out", format!("{} % of documents, by their text's hash", table::percent(about.held_out))),
        ("stored", format!("{} bytes a token, {} in all", about.bytes_per_token, size::shown(stored))),
    ];
    let sum = |count: fn(&maec_corpus::SourceRecord) -> u64| about.sources.iter().map(count).sum::<u64>();
    for (name, count) in [
        ("empty", sum(|source| source.empty)),
        ("duplicates", sum(|source| source.duplicates)),
        ("bad rows", sum(|source| source.refused)),
    ] {
        if count > 0 {
            pairs.push((name, format!("{} left out", table::count(count))));
        }
    }
    format!("{drawn}\n{}", table::pairs(&pairs))
}
