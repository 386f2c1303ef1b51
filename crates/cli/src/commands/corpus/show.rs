//! `maec corpus show`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use maec_corpus::{Blocks, Mixture, Part, Permutation, Window};
use maec_tokenizer::Tokenizer;
use serde::Serialize;

use super::{SplitArg, open, said};
use crate::{output, table};

/// Characters of a text that are shown unless all are asked for.
const SHOWN: usize = 400;

/// Arguments of `maec corpus show`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  maec corpus show corpus
  maec corpus show corpus --documents 3 --source maths --split held-out --whole
  maec corpus show corpus --windows 4 --seq-len 256 --seed 1")]
pub struct Args {
    /// The prepared folder.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// How many documents, drawn by the seed.
    #[arg(long, value_name = "N", default_value_t = 5)]
    documents: u64,
    /// Instead of documents, so many windows in the order in which training with this seed sees them.
    #[arg(long, value_name = "N")]
    windows: Option<u64>,
    /// Tokens in a window.
    #[arg(long, value_name = "N", default_value_t = 256)]
    seq_len: usize,
    /// Windows passed over first.
    #[arg(long, value_name = "N", default_value_t = 0)]
    skip: u64,
    /// Seed of the order.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Side of the held-out split.
    #[arg(long, value_enum, default_value = "train")]
    split: SplitArg,
    /// One source only.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Show texts to their end.
    #[arg(long)]
    whole: bool,
    /// Print JSON, with token ids and whole texts.
    #[arg(long)]
    json: bool,
}

/// What is shown.
#[derive(Serialize)]
struct Shown {
    /// `document` or `window`.
    kind: &'static str,
    /// Its number in stored order, or for a window in the seed's order.
    number: u64,
    tokens: Vec<u32>,
    /// Where documents begin in a window.
    starts: Vec<u32>,
    text: String,
}

/// Runs it.
pub fn run(args: &Args) -> Result<()> {
    let corpus = open(&args.folder)?;
    let split = args.split.into();
    let blocks = match &args.source {
        Some(name) => corpus.source(name, split),
        None => corpus.blocks(split),
    };
    let blocks = blocks.map_err(said)?;
    let config = corpus.manifest().files.contains_key("tokenizer_config.json");
    let config = config.then(|| corpus.text("tokenizer_config.json")).transpose()?;
    let tokenizer = maec_tokenizer::open(&corpus.text("tokenizer.json")?, config.as_deref())
        .with_context(|| args.folder.display().to_string())?;
    let shown = match args.windows {
        Some(windows) => some_windows(args, blocks, windows, tokenizer.as_ref())?,
        None => some_documents(args, &blocks, tokenizer.as_ref())?,
    };
    if args.json {
        return output::print_json(&shown);
    }
    let texts: Vec<String> = shown.iter().map(|one| text(one, args.whole)).collect();
    output::print(texts.join("\n\n"))
}

fn some_documents(args: &Args, blocks: &Blocks, tokenizer: &dyn Tokenizer) -> Result<Vec<Shown>> {
    let order = Permutation::new(blocks.documents(), args.seed, 0, 0);
    let numbers = (0..args.documents).map_while(|place| order.at(place));
    let show = |number: u64| -> Result<Shown> {
        let tokens = blocks.document(number).map_err(said)?;
        let text = tokenizer.decode(&tokens)?;
        Ok(Shown { kind: "document", number, starts: vec![0], tokens, text })
    };
    numbers.map(show).collect()
}

fn some_windows(args: &Args, blocks: Blocks, windows: u64, tokenizer: &dyn Tokenizer) -> Result<Vec<Shown>> {
    let mut mixture =
        Mixture::new(vec![Part { blocks, weight: 1.0 }], args.seed, args.seq_len).map_err(said)?;
    mixture.skip(args.skip);
    let show = |number: u64| -> Result<Shown> {
        let (_, window) = mixture.next_window().map_err(said)?;
        let text = pieces(&window, tokenizer)?;
        Ok(Shown { kind: "window", number, tokens: window.tokens, starts: window.starts, text })
    };
    (args.skip..args.skip.saturating_add(windows)).map(show).collect()
}

/// A window's documents, a line between them.
fn pieces(window: &Window, tokenizer: &dyn Tokenizer) -> Result<String> {
    let starts = window.starts.iter().map(|start| *start as usize).filter(|start| *start > 0);
    let bounds: Vec<usize> = [0].into_iter().chain(starts).chain([window.tokens.len()]).collect();
    let texts = bounds.windows(2).map(|bounds| Ok(tokenizer.decode(&window.tokens[bounds[0]..bounds[1]])?));
    Ok(texts.collect::<Result<Vec<String>>>()?.join("\n┄\n"))
}

fn text(shown: &Shown, whole: bool) -> String {
    let mut chars = shown.text.chars();
    let limit = if whole { usize::MAX } else { SHOWN };
    // Texts are other people's: what would move the cursor is written out.
    let safe = |c: char| -> String {
        if c.is_control() && c != '\n' { c.escape_default().collect() } else { c.into() }
    };
    let text: String = chars.by_ref().take(limit).map(safe).collect();
    let more = if chars.next().is_some() { " …" } else { "" };
    let documents = match shown.kind {
        "window" => format!(", {} beginnings of documents", shown.starts.len()),
        _ => String::new(),
    };
    let tokens = table::count(shown.tokens.len() as u64);
    format!("── {} {}: {tokens} tokens{documents}\n{text}{more}", shown.kind, table::count(shown.number))
}
