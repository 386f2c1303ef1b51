//! `maec pack`: a base, its deltas and its problems as one verified folder for the studio.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result};
use maec_checkpoint::{DeltaRole, PackLanguage};
use maec_eval::{HeldOut, Problem};
use maec_protocol::RecordedRow;
use maec_world::Language;

use crate::commands::merge::recipe::read as read_recipe;
use crate::failure::usage;
use crate::models::Models;
use crate::pack::{self, Contents, Delta};
use crate::{input, output, table};

/// Arguments of `maec pack`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  maec pack --base base --delta a-l0=ability=a-l0 --delta l0=reference=l0 --delta es=language:es=es.safetensors \\
      --problems world/test --heldout world/heldout --recipe recipe.yaml --lambda 0.5 --title Workshop --seed 1 --out pack

The recipe's base_model is `base`; its other models are the deltas' ids.")]
pub struct Args {
    /// The base, stored as bfloat16: a folder.
    #[arg(long, value_name = "DIR")]
    base: PathBuf,
    /// A trained model, as a folder or a sparse delta; the roles are ability, reference and language:CODE.
    #[arg(long = "delta", value_name = "ID=ROLE=FILE", required = true)]
    deltas: Vec<DeltaArg>,
    /// Test problems: JSONL files, or folders of them.
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    problems: Vec<PathBuf>,
    /// Validation problems, for searches in the studio: JSONL files, or folders of them.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    validation: Vec<PathBuf>,
    /// Held-out text: JSONL files with "language" and "text", or folders of them.
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    heldout: Vec<PathBuf>,
    /// The first so many problems of either kind of every language.
    #[arg(long, value_name = "N")]
    limit: Option<NonZeroUsize>,
    /// The first so many held-out texts of every language.
    #[arg(long, value_name = "N")]
    heldout_limit: Option<NonZeroUsize>,
    /// The default recipe.
    #[arg(long, value_name = "FILE")]
    recipe: PathBuf,
    /// Results that were measured and are not recomputed, with their source: a JSON list.
    #[arg(long, value_name = "FILE")]
    recorded: Option<PathBuf>,
    /// What people call the pack.
    #[arg(long)]
    title: String,
    /// Seed from which everything in the pack was made.
    #[arg(long)]
    seed: u64,
    /// λ of the task vector, tuned on validation problems.
    #[arg(long)]
    lambda: f64,
    /// The reference language; it is listed first.
    #[arg(long, value_name = "CODE", default_value = "en")]
    reference: String,
    /// Name of a language that this program does not know, such as fr=French.
    #[arg(long, value_name = "CODE=NAME")]
    language: Vec<LanguageArg>,
    /// Folder for the pack.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// `ID=ROLE=FILE`.
#[derive(Debug, Clone)]
struct DeltaArg {
    id: String,
    role: DeltaRole,
    language: Option<String>,
    file: String,
}

impl FromStr for DeltaArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.splitn(3, '=');
        let (Some(id), Some(role), Some(file)) = (parts.next(), parts.next(), parts.next()) else {
            return Err("give an id, a role and a file, for example a-l0=ability=a-l0.safetensors".into());
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if id.is_empty() || id == "base" || id.starts_with('.') || !id.chars().all(plain) {
            return Err(format!("`{id}` is no id; use letters, digits, `-` and `_`"));
        }
        let (role, language) = match (role, role.split_once(':')) {
            ("ability", _) => (DeltaRole::Ability, None),
            ("reference", _) => (DeltaRole::Reference, None),
            (_, Some(("language", code))) if !code.is_empty() => (DeltaRole::Language, Some(code.to_owned())),
            _ => return Err(format!("`{role}` is no role; use ability, reference or language:CODE")),
        };
        Ok(Self { id: id.into(), role, language, file: file.into() })
    }
}

/// `CODE=NAME`.
#[derive(Debug, Clone)]
struct LanguageArg(String, String);

impl FromStr for LanguageArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((code, name)) if !code.is_empty() && !name.is_empty() => Ok(Self(code.into(), name.into())),
            _ => Err("give a code and a name, for example fr=French".into()),
        }
    }
}

/// Runs it.
pub fn run(args: &Args) -> Result<()> {
    let mut models = Models::in_folder(Path::new("."));
    let mut base = models.open(&args.base.display().to_string()).context("--base")?;
    base.texts.retain(|name, _| {
        matches!(name.as_str(), "config.json" | "tokenizer.json" | "tokenizer_config.json")
    });
    base.config()?;
    base.full_tokenizer()?;
    let mut deltas = Vec::new();
    if !args.lambda.is_finite() {
        return Err(usage(format!("--lambda is {}; give a finite number, for example 0.5", args.lambda)));
    }
    for DeltaArg { id, role, language, file } in args.deltas.clone() {
        let weights = models.open_onto(&base, &file).with_context(|| format!("delta `{id}`"))?.weights;
        deltas.push(Delta { id, role, language, weights });
    }
    output::spares(&args.out, models.opened().into_iter().chain([args.recipe.clone()]))?;
    let (problems, _) = input::problems(&args.problems)?;
    let limit = args.limit.map(NonZeroUsize::get);
    let problems = first_of_each(problems, |problem: &Problem| &problem.language, limit);
    let validation = match args.validation.as_slice() {
        [] => Vec::new(),
        paths => first_of_each(input::problems(paths)?.0, |problem: &Problem| &problem.language, limit),
    };
    let (heldout, _) = input::held_out(&args.heldout)?;
    let heldout =
        first_of_each(heldout, |text: &HeldOut| &text.language, args.heldout_limit.map(NonZeroUsize::get));
    let contents = Contents {
        title: args.title.clone(),
        seed: args.seed,
        command: pack::command_line(),
        lambda: args.lambda,
        languages: languages(args, &problems),
        base,
        deltas,
        problems,
        validation,
        heldout,
        recipe: read_recipe(&args.recipe)?,
        recorded: args.recorded.as_deref().map(read_recorded).transpose()?.unwrap_or_default(),
    };
    let id = pack::write(&args.out, &contents)?;
    let bytes = size(&args.out)?;
    output::print(format!("{}: pack {id}, {} bytes", args.out.display(), table::count(bytes)))
}

/// Sorts by language; of each at most so many.
fn first_of_each<T>(items: Vec<T>, language: impl Fn(&T) -> &String, limit: Option<usize>) -> Vec<T> {
    let mut found: BTreeMap<(usize, String), Vec<T>> = BTreeMap::new();
    for item in items {
        let code = language(&item).clone();
        let place = Language::from_code(&code).map_or(usize::MAX, |language| language as usize);
        let items = found.entry((place, code)).or_default();
        if limit.is_none_or(|limit| items.len() < limit) {
            items.push(item);
        }
    }
    found.into_values().flatten().collect()
}

/// The languages of the problems, the reference language first.
fn languages(args: &Args, problems: &[Problem]) -> Vec<PackLanguage> {
    let mut codes: Vec<&String> = Vec::new();
    for problem in problems {
        if !codes.contains(&&problem.language) {
            codes.push(&problem.language);
        }
    }
    codes.sort_by_key(|code| **code != args.reference);
    let name = |code: &str| {
        let given = args.language.iter().find(|given| given.0 == code).map(|given| given.1.clone());
        let known = || Language::from_code(code).map(|language| language.name().to_owned());
        given.or_else(known).unwrap_or_else(|| code.to_owned())
    };
    codes.into_iter().map(|code| PackLanguage { code: code.clone(), name: name(code) }).collect()
}

fn read_recorded(path: &Path) -> Result<Vec<RecordedRow>> {
    serde_json::from_str(&input::text(path)?)
        .with_context(|| format!("{} is not a list of recorded rows", path.display()))
}

/// Bytes of all the files in a folder.
fn size(folder: &Path) -> Result<u64> {
    let mut total = 0;
    for entry in folder.read_dir()? {
        let entry = entry?;
        total += if entry.file_type()?.is_dir() { size(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(total)
}
