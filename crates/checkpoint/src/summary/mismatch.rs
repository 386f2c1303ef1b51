//! How a model differs from the base that it is to be merged with.

use std::collections::BTreeMap;

use super::{ModelSummary, OUTPUT};
use crate::error::shown;
use crate::{TensorInfo, dtype};

/// Names that a message lists before it counts the rest.
const LISTED: usize = 3;

/// A difference between a model and the base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// What differs, in one sentence with the numbers; `it` is the model, not the base.
    pub what: String,
    /// What to do about it, in one sentence.
    pub fix: String,
    /// The two cannot be merged; otherwise it is worth knowing.
    pub fatal: bool,
}

impl Mismatch {
    fn fatal(what: String, fix: impl Into<String>) -> Self {
        Self { what, fix: fix.into(), fatal: true }
    }

    fn notable(what: String, fix: impl Into<String>) -> Self {
        Self { what, fix: fix.into(), fatal: false }
    }
}

/// Everything in which `other` differs from the base, from headers alone: one entry for each kind of difference
/// however many tensors have it, the fatal ones first. What explains itself by another entry (the embedding's shape by
/// the vocabulary, a missing `lm_head.weight` by tying) is not told twice.
pub fn mismatches(base: &ModelSummary, other: &ModelSummary) -> Vec<Mismatch> {
    let kinds = [architecture, vocabulary, tying, missing, extra, shapes, narrower, wider, positions];
    let mut found: Vec<Mismatch> = kinds.iter().filter_map(|kind| kind(base, other)).collect();
    found.sort_by_key(|mismatch| !mismatch.fatal);
    found
}

/// Tensors decide whether two architectures fit; their names are worth knowing.
fn architecture(base: &ModelSummary, other: &ModelSummary) -> Option<Mismatch> {
    let (ours, theirs) = (&base.architecture, &other.architecture);
    (ours != theirs && !ours.is_empty() && !theirs.is_empty()).then(|| {
        let what = format!("It is a {theirs}, the base a {ours}.");
        Mismatch::notable(what, "Choose models that were trained from the same base.")
    })
}

fn vocabulary(base: &ModelSummary, other: &ModelSummary) -> Option<Mismatch> {
    differing_rows(base, other).map(|(ours, theirs)| {
        let what = format!("Its vocabulary has {theirs} rows, the base's {ours}.");
        let fix =
            format!("Choose a model with the base's tokenizer, or resize its embedding to {ours} rows.");
        Mismatch::fatal(what, fix)
    })
}

/// The two numbers of rows, where both are known and differ.
fn differing_rows(base: &ModelSummary, other: &ModelSummary) -> Option<(u64, u64)> {
    let (ours, theirs) = (base.vocabulary, other.vocabulary);
    (ours != theirs && ours > 0 && theirs > 0).then_some((ours, theirs))
}

fn tying(base: &ModelSummary, other: &ModelSummary) -> Option<Mismatch> {
    let word = |tied| if tied { "tied to its embedding" } else { "a matrix of its own" };
    let what = format!("Its output is {}, the base's is {}.", word(other.tied), word(base.tied));
    match (base.tensor(OUTPUT).is_some(), other.tensor(OUTPUT).is_some()) {
        _ if base.tied == other.tied => None,
        (true, false) => {
            let fix = format!(
                "Save it untied, with a copy of its embedding as `{OUTPUT}`, or choose an untied model."
            );
            Some(Mismatch::fatal(what, fix))
        }
        (false, true) => {
            let fix = format!("Choose a tied model, or a base that stores `{OUTPUT}`.");
            Some(Mismatch::fatal(what, fix))
        }
        _ => Some(Mismatch::notable(
            what,
            "The merged model follows the base's config; check that you mean that.",
        )),
    }
}

fn missing(base: &ModelSummary, other: &ModelSummary) -> Option<Mismatch> {
    let lacking = lacking(base, other);
    (!lacking.is_empty()).then(|| {
        let (count, of) = (lacking.len(), base.tensors.len());
        let what = format!("It lacks {count} of the base's {of} tensors: {}.", list(&lacking));
        Mismatch::fatal(
            what,
            "Choose a model of the base's architecture and size, or download it again whole.",
        )
    })
}

fn extra(base: &ModelSummary, other: &ModelSummary) -> Option<Mismatch> {
    let extra = lacking(other, base);
    (!extra.is_empty()).then(|| {
        let what = format!("It has {} that the base lacks: {}.", tensors(extra.len()), list(&extra));
        Mismatch::fatal(what, "Choose a model of the base's architecture and size, or save it without them.")
    })
}

/// What `there` lacks of `here`'s tensors, unless [`tying`] tells of it.
fn lacking<'a>(here: &'a ModelSummary, there: &ModelSummary) -> Vec<&'a str> {
    let told = |info: &TensorInfo| info.name == OUTPUT && here.tied != there.tied;
    let absent = here.tensors.iter().filter(|info| there.tensor(&info.name).is_none() && !told(info));
    absent.map(|info| info.name.as_str()).collect()
}

fn shapes(base: &ModelSummary, other: &ModelSummary) -> Option<Mismatch> {
    let rows = differing_rows(base, other);
    let told = |ours: &TensorInfo, theirs: &TensorInfo| {
        let split = |info: &TensorInfo| info.shape.split_first().map(|(&n, rest)| (n as u64, rest.to_vec()));
        match (split(ours), split(theirs)) {
            (Some((n, a)), Some((m, b))) => rows == Some((n, m)) && a == b,
            _ => false,
        }
    };
    let differ =
        |(ours, theirs): &(&TensorInfo, &TensorInfo)| ours.shape != theirs.shape && !told(ours, theirs);
    let differing: Vec<_> = shared(base, other).filter(differ).collect();
    let (ours, theirs) = differing.first()?;
    let example =
        format!("`{}` is {:?} where the base's is {:?}", shown(&ours.name), theirs.shape, ours.shape);
    let what = match differing.len() {
        1 => format!("One tensor has another shape: {example}."),
        count => format!("{count} tensors have another shape, e.g. {example}."),
    };
    Some(Mismatch::fatal(what, "Choose a model of the base's size."))
}

/// A model must be able to hold the base's values, or the untouched ones would look changed.
fn narrower(base: &ModelSummary, other: &ModelSummary) -> Option<Mismatch> {
    let what = dtypes(base, other, |ours, theirs| !dtype::holds(theirs, ours))?;
    Some(Mismatch::fatal(
        what,
        "Convert it to the base's dtype or a wider one, or convert the base to its dtype.",
    ))
}

fn wider(base: &ModelSummary, other: &ModelSummary) -> Option<Mismatch> {
    let what = dtypes(base, other, |ours, theirs| ours != theirs && dtype::holds(theirs, ours))?;
    Some(Mismatch::notable(
        what,
        "Nothing to do: its values are read exactly, and the merge is rounded to the output's dtype.",
    ))
}

/// One sentence for all tensors whose dtypes differ in this way, the commonest pair first.
fn dtypes(
    base: &ModelSummary,
    other: &ModelSummary,
    differ: impl Fn(crate::Dtype, crate::Dtype) -> bool,
) -> Option<String> {
    let mut pairs: BTreeMap<(String, String), usize> = BTreeMap::new();
    for (ours, theirs) in shared(base, other).filter(|(ours, theirs)| differ(ours.dtype, theirs.dtype)) {
        *pairs.entry((dtype::name(theirs.dtype), dtype::name(ours.dtype))).or_default() += 1;
    }
    let mut pairs: Vec<_> = pairs.into_iter().collect();
    pairs.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    let part = |((theirs, ours), count): &((String, String), usize)| {
        format!("{} stored as {theirs} where the base has {ours}", tensors(*count))
    };
    let parts: Vec<String> = pairs.iter().map(part).collect();
    (!parts.is_empty()).then(|| format!("It has {}.", parts.join(", and ")))
}

fn positions(base: &ModelSummary, other: &ModelSummary) -> Option<Mismatch> {
    let (ours, theirs) = (base.positions, other.positions);
    (ours != theirs && ours > 0 && theirs > 0).then(|| {
        let what = format!("Its sequences have up to {theirs} positions, the base's {ours}.");
        Mismatch::notable(what, "The merged model follows the base's config; check that you mean that.")
    })
}

/// The tensors that both have, the base's first.
fn shared<'a>(
    base: &'a ModelSummary,
    other: &'a ModelSummary,
) -> impl Iterator<Item = (&'a TensorInfo, &'a TensorInfo)> {
    base.tensors.iter().filter_map(|ours| Some((ours, other.tensor(&ours.name)?)))
}

fn tensors(count: usize) -> String {
    if count == 1 { "1 tensor".into() } else { format!("{count} tensors") }
}

/// The first few names, and how many more there are.
fn list(names: &[&str]) -> String {
    let listed: Vec<String> = names.iter().take(LISTED).map(|name| format!("`{}`", shown(name))).collect();
    match names.len().saturating_sub(LISTED) {
        0 => listed.join(", "),
        more => format!("{} and {more} more", listed.join(", ")),
    }
}
