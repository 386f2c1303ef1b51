//! Which of the open items play which part of a recipe.

use std::sync::Arc;

use maec_checkpoint::{Error, Weights};
use maec_protocol::Mismatch;
use maec_recipe::Recipe;

use super::adapter::Adapter;
use super::look::stem;
use super::merging::Models;
use super::thing::{Delta, Looked, Model, Thing};

/// The model that runs, and what is merged into it.
pub(crate) struct Parts<'a> {
    /// The item that the base is, or is in.
    pub item: &'a Looked,
    /// Θo.
    pub base: &'a Model,
    /// The recipe's models, where there is a recipe.
    pub merge: Option<Merged<'a>>,
}

/// A recipe's models.
pub(crate) struct Merged<'a> {
    pub ability: Part<'a>,
    pub reference: Part<'a>,
    /// In the recipe's order.
    pub languages: Vec<Part<'a>>,
}

/// One model of a recipe.
#[derive(Clone, Copy)]
pub(crate) enum Part<'a> {
    /// The base itself.
    Base,
    /// Another whole model.
    Model(&'a Looked, &'a Model),
    /// A delta onto the base.
    Delta(&'a Looked, &'a Delta),
}

impl<'a> Parts<'a> {
    /// Finds the recipe's models among the items, the first of which is or has the base. Fails with what is missing.
    pub fn find(items: &[&'a Looked], recipe: Option<&Recipe>) -> Result<Self, Vec<Mismatch>> {
        let first = items.first().and_then(|&item| Some((item, item.base()?)));
        let (item, base) = first.ok_or_else(|| vec![no_base(items.first().copied())])?;
        let mut problems = Vec::new();
        let merge = recipe.and_then(|recipe| {
            let mut part = |role: &str, model: &str| {
                let found =
                    find(items, recipe, model).map_err(|count| unfound(items, recipe, role, model, count));
                found.map_err(|problem| problems.push(problem)).ok()
            };
            let ability = part("ability", &recipe.ability.model);
            let reference = part("reference", &recipe.reference.model);
            let languages: Vec<_> = recipe.languages.iter().map(|of| part(&of.name, &of.model)).collect();
            let languages = languages.into_iter().collect::<Option<_>>()?;
            Some(Merged { ability: ability?, reference: reference?, languages })
        });
        if problems.is_empty() { Ok(Self { item, base, merge }) } else { Err(problems) }
    }

    /// Everything that is read: items with the weight files used, as the items' sets name them.
    pub fn files(&self) -> Vec<(&'a Looked, Vec<String>)> {
        let mut used = vec![(self.item, self.base.files.clone())];
        let parts = self.merge.iter().flat_map(Merged::parts);
        for part in parts {
            let (item, files) = match part {
                Part::Base => continue,
                Part::Model(item, model) => (item, model.files.clone()),
                Part::Delta(item, delta) => (item, vec![delta.file.clone()]),
            };
            match used.iter_mut().find(|(known, _)| known.id == item.id) {
                Some((_, known)) => known.extend(files),
                None => used.push((item, files)),
            }
        }
        for (_, files) in &mut used {
            files.sort();
            files.dedup();
        }
        used
    }
}

impl<'a> Merged<'a> {
    /// All of them.
    pub fn parts(&self) -> impl Iterator<Item = Part<'a>> {
        [self.ability, self.reference].into_iter().chain(self.languages.iter().copied())
    }

    /// Opens all of them. Fails where a delta does not fit the base.
    pub fn open(&self, base: &Model) -> Result<Models, Error> {
        let base: Arc<dyn Weights> = base.folder.clone();
        let open = |part: Part<'a>| -> Result<Arc<dyn Weights>, Error> {
            match part {
                Part::Base => Ok(base.clone()),
                Part::Model(_, model) => Ok(model.folder.clone()),
                Part::Delta(_, delta) => delta.apply(base.clone()),
            }
        };
        Ok(Models {
            ability: open(self.ability)?,
            reference: open(self.reference)?,
            languages: self.languages.iter().map(|&part| open(part)).collect::<Result<_, _>>()?,
            base: base.clone(),
        })
    }
}

/// The one item of a name; otherwise how many there are. A name is first taken as it stands, then without a branch or
/// tag, then without its folder and ending, since recipes name files where they were made. A commit is never left out.
fn find<'a>(items: &[&'a Looked], recipe: &Recipe, name: &str) -> Result<Part<'a>, usize> {
    if name == recipe.base_model {
        return Ok(Part::Base);
    }
    by_name(items, name)
}

/// The same without the recipe's own name for its base.
pub(crate) fn by_name<'a>(items: &[&'a Looked], name: &str) -> Result<Part<'a>, usize> {
    let (parts, names): (Vec<_>, Vec<_>) = named(items).into_iter().unzip();
    one_of(&names, name).map(|place| parts[place])
}

/// The adapter of a name, found as [`by_name`] finds models; otherwise how many there are.
pub(crate) fn adapter_by_name<'a>(
    items: &[&'a Looked],
    name: &str,
) -> Result<(&'a Looked, &'a Adapter), usize> {
    let adapters: Vec<_> = items.iter().filter_map(|&item| Some((item, item.adapter()?))).collect();
    let names: Vec<_> = adapters.iter().map(|(item, _)| titles(item).to_vec()).collect();
    one_of(&names, name).map(|place| adapters[place])
}

/// The place of the one thing of a name, given the names of each; otherwise how many there are.
fn one_of(names: &[Vec<&str>], name: &str) -> Result<usize, usize> {
    let plain = match name.split_once('@') {
        Some((id, revision)) if !is_commit(revision) => id,
        _ => name,
    };
    for wanted in [name, plain, stem(plain)] {
        let mut found = (0..names.len()).filter(|&place| names[place].contains(&wanted));
        match (found.next(), found.count()) {
            (Some(place), 0) => return Ok(place),
            (Some(_), more) => return Err(1 + more),
            (None, _) => (),
        }
    }
    Err(0)
}

/// What an item's title is in recipes.
fn titles(item: &Looked) -> [&str; 3] {
    let title = item.place.title.as_str();
    let plain = title.split('@').next().unwrap_or(title);
    [title, plain, stem(plain)]
}

/// Everything that a recipe can name, with its names.
fn named<'a>(items: &[&'a Looked]) -> Vec<(Part<'a>, Vec<&'a str>)> {
    let mut named = Vec::new();
    for (index, &item) in items.iter().enumerate() {
        let titles = titles(item);
        for delta in item.deltas() {
            let mut names = vec![delta.card.name.as_str(), delta.file.as_str()];
            if matches!(item.thing, Thing::Delta(_)) {
                names.extend(titles);
            }
            named.push((Part::Delta(item, delta), names));
        }
        if let Thing::Model(model) = &item.thing {
            let part = if index == 0 { Part::Base } else { Part::Model(item, model) };
            named.push((part, titles.to_vec()));
        }
        if let Thing::Pack(pack) = &item.thing {
            named.push((Part::Model(item, &pack.base), titles.to_vec()));
        }
    }
    named
}

/// Whether a revision is a whole commit.
fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.bytes().all(|b| b.is_ascii_hexdigit())
}

fn no_base(first: Option<&Looked>) -> Mismatch {
    Mismatch {
        item: first.map_or_else(|| "recipe".into(), |item| item.place.title.clone()),
        what: "There is no model to begin with.".into(),
        fix: "Open the base model or a pack, and put it first.".into(),
        fatal: true,
    }
}

fn unfound(items: &[&Looked], recipe: &Recipe, role: &str, model: &str, count: usize) -> Mismatch {
    let (what, fix) = match count {
        0 if adapter_by_name(items, model).is_ok() => (
            format!(
                "The recipe's {role} is `{model}`, an adapter, which recipes of this kind do not put in."
            ),
            format!("Merge by a mergekit file, where it is `{}+{model}`.", recipe.base_model),
        ),
        0 => (
            format!("The recipe's {role} is `{model}`, and nothing of this name is open."),
            format!("Open it, or name the open delta or model `{}`.", stem(model)),
        ),
        _ => (
            format!("The recipe's {role} is `{model}`, and {count} open items have this name."),
            "Remove all but one of them.".into(),
        ),
    };
    Mismatch { item: "recipe".into(), what, fix, fatal: true }
}
