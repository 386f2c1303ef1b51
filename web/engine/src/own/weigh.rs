//! What does not fit together, from headers alone.

use maec_checkpoint::{Error, Weights, dtype, fingerprint};
use maec_protocol::Mismatch;
use maec_recipe::{Recipe, glob};

use super::thing::{Delta, Looked, Model};
use crate::Failure;
use crate::failure::sentence;

/// Everything that a merge of the items, or a use of the first, would stumble over.
pub(crate) fn mismatches(items: &[&Looked], recipe: Option<&Recipe>) -> Result<Vec<Mismatch>, Failure> {
    let Some((first, rest)) = items.split_first() else { return Ok(Vec::new()) };
    let Some(base) = first.base() else { return Ok(Vec::new()) };
    let mut found: Vec<Mismatch> = vocabulary(first, base).into_iter().collect();
    for item in rest {
        if let Some(model) = item.base() {
            let all = maec_checkpoint::mismatches(&base.summary, &model.summary);
            found.extend(all.into_iter().map(|mismatch| Mismatch {
                item: item.place.title.clone(),
                what: mismatch.what,
                fix: mismatch.fix,
                fatal: mismatch.fatal,
            }));
        }
    }
    for item in items {
        found.extend(
            item.adapter().map(|_| Mismatch {
                item: item.place.title.clone(),
                what: "An adapter is put in where models are merged into files, and not where one is loaded."
                    .into(),
                fix: format!(
                    "Merge `{}+{}` into files, and open the result.",
                    first.place.title, item.place.title
                ),
                fatal: false,
            }),
        );
        for delta in item.deltas() {
            found.extend(delta_mismatches(base, &first.place.title, delta)?);
        }
    }
    if let Some(recipe) = recipe {
        found.extend(invalid(recipe));
        found.extend(patterns(base, recipe));
    }
    Ok(found)
}

/// The tokenizer's tokens against the embedding's rows.
fn vocabulary(item: &Looked, model: &Model) -> Option<Mismatch> {
    let (tokens, rows) = (model.tokens?, model.card.vocabulary);
    (tokens > rows).then(|| Mismatch {
        item: item.place.title.clone(),
        what: format!("The tokenizer has {tokens} tokens, the embedding {rows} rows."),
        fix: "Use the tokenizer.json that belongs to these weights.".into(),
        fatal: true,
    })
}

/// What keeps a delta from being put onto the base.
fn delta_mismatches(base: &Model, title: &str, delta: &Delta) -> Result<Option<Mismatch>, Failure> {
    let fatal = |what: String, fix: &str| {
        Ok(Some(Mismatch { item: delta.card.name.clone(), what, fix: fix.into(), fatal: true }))
    };
    let other = "Open the base that the delta was made from.";
    let mut missing = Vec::new();
    for (tensor, values, stored) in &delta.tensors {
        match base.folder.info(tensor) {
            Err(_) => missing.push(tensor),
            Ok(info) if *values > info.elements() as u64 => {
                let elements = info.elements();
                let what = format!("It changes {values} values of `{tensor}`, which has {elements}.");
                return fatal(what, other);
            }
            Ok(info) if !dtype::holds(*stored, info.dtype) => {
                let what = format!("Its values of `{tensor}` are {stored}, the base's {}.", info.dtype);
                return fatal(what, "Make the delta again from checkpoints in the base's dtype.");
            }
            Ok(_) => (),
        }
    }
    if let Some(first) = missing.first() {
        let what = format!("`{title}` lacks {} of its tensors, first `{first}`.", missing.len());
        return fatal(what, other);
    }
    match known_fingerprint(base)? {
        Some(found) if found != delta.base => {
            let (found, expected) = (&found[..16], &delta.card.base);
            fatal(format!("It belongs to the base {expected}, and `{title}` is {found}."), other)
        }
        _ => Ok(None),
    }
}

/// The base's fingerprint; none where its bytes are not here yet, so that it is compared once they are.
fn known_fingerprint(base: &Model) -> Result<Option<String>, Failure> {
    if base.fingerprint.borrow().is_none() {
        match fingerprint(base.folder.as_ref()) {
            Err(Error::NotFetched { .. }) => return Ok(None),
            found => *base.fingerprint.borrow_mut() = Some(found?),
        }
    }
    Ok(base.fingerprint.borrow().clone())
}

/// Values that no recipe may have.
fn invalid(recipe: &Recipe) -> Option<Mismatch> {
    let error = recipe.validate().err()?;
    Some(Mismatch {
        item: "recipe".into(),
        what: sentence(&error.to_string()),
        fix: "Correct it in the recipe.".into(),
        fatal: true,
    })
}

/// Patterns that no tensor's name matches.
fn patterns(base: &Model, recipe: &Recipe) -> Option<Mismatch> {
    let mut patterns = recipe.select.include.iter().chain(&recipe.select.exclude);
    let unmatched = patterns
        .find(|pattern| !base.folder.tensors().iter().any(|info| glob::matches(pattern, &info.name)))?;
    Some(Mismatch {
        item: "recipe".into(),
        what: format!("The pattern `{unmatched}` matches no tensor of the base."),
        fix: "Correct it in the recipe, or remove it.".into(),
        fatal: true,
    })
}
