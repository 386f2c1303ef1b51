//! `maec corpus prepare`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use clap::ValueEnum;
use maec_corpus::{Format, HeldOut, Job, Progress, ReadOptions, Source, TextUnit};
use maec_tokenizer::Tokenizer;
use serde_json::Value;

use super::info;
use super::said;
use super::sources::SourceArg;
use crate::failure::usage;
use crate::models::Models;
use crate::{input, interrupt, output, progress, table};

/// Tokens that end a text, of tokenizers that don't say which is theirs.
const ENDS: [&str; 5] = ["</s>", "<|endoftext|>", "<|end_of_text|>", "<eos>", "[SEP]"];

/// Arguments of `maec corpus prepare`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  maec corpus prepare --tokenizer world/tokenizer.json --source world/corpora --out corpus
  maec corpus prepare --tokenizer Qwen/Qwen2.5-0.5B --source 'en=text/en/*.txt.gz' --source 'maths=data/**/*.jsonl.zst' --out corpus
  maec corpus prepare --tokenizer model --source 'hf://datasets/open-web-math/open-web-math/data/train-0000*.parquet' --out corpus --resume

A source is a file, a folder, a pattern (* ? [abc], ** for folders), a dataset's files on the hub, or a file's URL; files may be
packed by gzip or zstd. Every document is followed by the end token. A killed run goes on with --resume; docs/corpus.md has more.")]
pub struct Args {
    /// tokenizer.json, a folder with one, or a model.
    #[arg(long, value_name = "NAME")]
    tokenizer: String,
    /// Files of one source; a name before them is what reports call it.
    #[arg(long = "source", value_name = "[NAME=]PATTERN", required = true)]
    sources: Vec<SourceArg>,
    /// The files' format; auto goes by their names.
    #[arg(long, value_enum, default_value = "auto")]
    format: FormatArg,
    /// The field of JSON lines or the column of parquet that holds the text.
    #[arg(long, value_name = "NAME", default_value = "text")]
    field: String,
    /// What is one document in plain text.
    #[arg(long, value_enum, default_value = "file")]
    unit: UnitArg,
    /// Share of documents that is held out, by the hash of their text.
    #[arg(long, value_name = "SHARE", default_value_t = 0.01)]
    held_out: f64,
    /// Leave out documents whose text was there before, in any source.
    #[arg(long)]
    dedup: bool,
    /// Count bad rows and leave them out, instead of stopping at the first.
    #[arg(long)]
    skip_bad_rows: bool,
    /// The token after every document; the tokenizer's own by default.
    #[arg(long, value_name = "TOKEN")]
    end_token: Option<String>,
    /// Go on with what a stopped or killed run left.
    #[arg(long)]
    resume: bool,
    /// Folder to write.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print corpus.json instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FormatArg {
    /// By the file's name.
    Auto,
    /// Plain text.
    Text,
    /// A JSON object in every line.
    Jsonl,
    /// Apache Parquet.
    Parquet,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum UnitArg {
    /// The whole file.
    File,
    /// What stands between blank lines.
    Paragraphs,
    /// Every line.
    Lines,
}

/// Runs it.
pub fn run(args: &Args) -> Result<()> {
    let held_out = HeldOut::new(args.held_out).map_err(said)?;
    let texts = tokenizer_texts(&args.tokenizer)?;
    let config = texts.get("tokenizer_config.json");
    let tokenizer = maec_tokenizer::open_shared(&texts["tokenizer.json"], config.map(String::as_str))
        .with_context(|| args.tokenizer.clone())?;
    let end = end_token(args, tokenizer.as_ref(), &texts)?;
    let read = ReadOptions {
        format: match args.format {
            FormatArg::Auto => None,
            FormatArg::Text => Some(Format::Text),
            FormatArg::Jsonl => Some(Format::Jsonl),
            FormatArg::Parquet => Some(Format::Parquet),
        },
        field: args.field.clone(),
        unit: match args.unit {
            UnitArg::File => TextUnit::File,
            UnitArg::Paragraphs => TextUnit::Paragraphs,
            UnitArg::Lines => TextUnit::Lines,
        },
    };
    let sources = args.sources.iter().map(|source| source.source(&read)).collect::<Result<Vec<Source>>>()?;
    let inputs = sources.iter().flat_map(|source| source.files.iter().map(|file| file.path.clone()));
    let tokenizer_file = Some(PathBuf::from(&args.tokenizer)).filter(|path| path.is_file());
    output::spares(&args.out, inputs.chain(tokenizer_file))?;
    let job = Job {
        sources,
        tokenizer_json: texts["tokenizer.json"].clone(),
        tokenizer_config_json: config.cloned(),
        end: Some(end),
        held_out,
        deduplicate: args.dedup,
        skip_bad_rows: args.skip_bad_rows,
        journal_bytes: Job::JOURNAL_BYTES,
    };
    let (bar, start) = (progress::bytes("tokenizing"), Instant::now());
    let mut before = None;
    let manifest =
        maec_corpus::prepare(&job, tokenizer.as_ref(), &args.out, args.resume, &mut |at: &Progress| {
            // A resumed run's rate is that of its own tokens.
            let begun = *before.get_or_insert(if args.resume { at.written.tokens } else { 0 });
            let rate = (at.written.tokens - begun) as f64 / start.elapsed().as_secs_f64().max(0.001);
            bar.set_length(at.total_bytes);
            bar.set_position(at.bytes);
            bar.set_message(format!(
                "{} tokens · {} a second",
                table::count(at.written.tokens),
                table::count(rate as u64)
            ));
            interrupt::flow()
        });
    bar.finish_and_clear();
    let manifest = manifest.map_err(said)?;
    let secs = start.elapsed().as_secs_f64();
    if args.json {
        return output::print_json(&manifest);
    }
    output::print(info::report(&manifest))?;
    output::print(format!("prepared in {secs:.1} s; the whole is in {}", args.out.display()))
}

/// The tokenizer's files by name: those at a path, or a model's.
fn tokenizer_texts(name: &str) -> Result<BTreeMap<String, String>> {
    let path = Path::new(name);
    let mut texts = match path.is_file() || path.join("tokenizer.json").is_file() {
        true => input::tokenizer_files(path)?,
        false => Models::to_plan(Path::new(".")).open(name)?.texts,
    };
    if !texts.contains_key("tokenizer.json") {
        return Err(usage(format!(
            "`{name}` has no tokenizer.json; give --tokenizer a file or a model with one"
        )));
    }
    // A folder's config.json may tell which token ends a text.
    let folder = if path.is_file() { path.parent() } else { Some(path) };
    if let Some(file) = folder.map(|folder| folder.join("config.json")).filter(|file| file.is_file()) {
        texts.insert("config.json".into(), input::text(&file)?);
    }
    Ok(texts)
}

/// The id of the token after every document: the one asked for, the tokenizer's, the model's, or one of a usual name.
fn end_token(args: &Args, tokenizer: &dyn Tokenizer, texts: &BTreeMap<String, String>) -> Result<u32> {
    if let Some(token) = &args.end_token {
        return tokenizer.id_of(token).ok_or_else(|| {
            usage(format!("--end-token `{token}` is not in the vocabulary; write one that is"))
        });
    }
    let json = |name: &str| -> Value {
        texts.get(name).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    };
    let config = json("tokenizer_config.json");
    // A token is its text, or an object with it.
    let eos = config["eos_token"].as_str().or_else(|| config["eos_token"]["content"].as_str());
    let by_text = eos.and_then(|token| tokenizer.id_of(token));
    let of_model = &json("config.json")["eos_token_id"];
    let of_model = of_model.as_u64().or_else(|| of_model[0].as_u64()).and_then(|id| u32::try_from(id).ok());
    let usual = || ENDS.iter().find_map(|token| tokenizer.id_of(token));
    by_text.or(of_model).or_else(usual).ok_or_else(|| {
        usage(format!("`{}` does not say which token ends a text; give --end-token", args.tokenizer))
    })
}
