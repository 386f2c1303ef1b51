//! The models of a merge, found among the items and open as far as headers go.

use std::collections::BTreeMap;
use std::sync::Arc;

use maec_checkpoint::{ModelFolder, Weights, read_text};
use maec_merge::Inputs;
use maec_merge::folder::TEXTS;
use maec_protocol::Merging;
use maec_recipe::Recipe;
use maec_recipe::mergekit::Config;

use super::super::merging::Models;
use super::super::parts::Parts;
use super::super::remote::reading;
use super::super::thing::{Looked, Thing};
use super::super::weigh::mismatches;
use super::configured::{Configured, of_config};
use super::counted::Count;
use crate::Failure;
use crate::failure::sentence;

/// A merge whose models are open.
pub(crate) struct Opened<'a> {
    pub what: What,
    /// Everything that is read: items with the weight files used.
    pub files: Vec<(&'a Looked, Vec<String>)>,
    /// The text files that go along with the output, by name.
    pub texts: BTreeMap<String, String>,
    /// Counts what is read of the weights.
    pub count: Count,
}

/// What is merged.
pub(crate) enum What {
    /// By a recipe.
    Recipe(Box<Recipe>, Models),
    /// By a mergekit file, its names pinned to commits.
    Config(Box<Configured>),
}

/// A merge, or everything that stands in its way, in sentences.
pub(crate) type Found<'a> = Result<Opened<'a>, Vec<String>>;

impl Models {
    /// As a merge takes them.
    pub fn inputs(&self) -> Inputs<'_> {
        Inputs {
            base: self.base.as_ref(),
            ability: self.ability.as_ref(),
            reference: self.reference.as_ref(),
            languages: self.languages.iter().map(AsRef::as_ref).collect(),
        }
    }

    /// The same models in another guise.
    fn map(self, run: impl Fn(Arc<dyn Weights>) -> Arc<dyn Weights>) -> Self {
        Self {
            base: run(self.base),
            ability: run(self.ability),
            reference: run(self.reference),
            languages: self.languages.into_iter().map(run).collect(),
        }
    }
}

/// Opens a merge's models.
///
/// # Errors
///
/// What keeps it from being looked at at all, such as a file that can't be read.
pub(crate) async fn open<'a>(items: &[&'a Looked], merging: &Merging) -> Result<Found<'a>, Failure> {
    match merging {
        Merging::Recipe { recipe, .. } => of_recipe(items, recipe).await,
        Merging::Config { yaml, .. } => match Config::from_yaml(yaml) {
            Ok(config) => of_config(items, config).await,
            Err(error) => Ok(Err(vec![sentence(&error.to_string())])),
        },
    }
}

async fn of_recipe<'a>(items: &[&'a Looked], recipe: &Recipe) -> Result<Found<'a>, Failure> {
    let fatal = mismatches(items, Some(recipe))?.into_iter().filter(|it| it.fatal);
    let mut problems: Vec<String> =
        fatal.map(|it| sentence(&format!("{}: {} {}", it.item, it.what, it.fix))).collect();
    let parts = match Parts::find(items, Some(recipe)) {
        Ok(parts) => parts,
        Err(missing) => {
            problems.extend(missing.into_iter().map(|it| format!("{} {}", it.what, it.fix)));
            return Ok(Err(problems));
        }
    };
    let Some(merge) = parts.merge.as_ref().filter(|_| problems.is_empty()) else { return Ok(Err(problems)) };
    // A delta's header is read once more, where it may be in a part that is not here yet.
    let models = reading(parts.item.place.remote.as_ref(), || merge.open(parts.base)).await?;
    let count = Count::default();
    let models = models.map(|weights| count.of(weights));
    let texts = texts(parts.item).await?;
    let what = What::Recipe(Box::new(recipe.clone()), models);
    Ok(Ok(Opened { what, files: parts.files(), texts, count }))
}

/// One entry for each item, its files sorted.
pub(super) fn merged(files: Vec<(&Looked, Vec<String>)>) -> Vec<(&Looked, Vec<String>)> {
    let mut used: Vec<(&Looked, Vec<String>)> = Vec::new();
    for (item, files) in files {
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

/// The texts of an item's model that go along with its weights, by name.
pub(super) async fn texts(item: &Looked) -> Result<BTreeMap<String, String>, Failure> {
    let mut texts = BTreeMap::new();
    let Some(model) = item.base() else { return Ok(texts) };
    for name in TEXTS {
        let read = || match &item.thing {
            Thing::Model(_) => read_text(item.place.files.as_ref(), name),
            // A pack's files have names of their own.
            _ if ModelFolder::TEXTS.contains(&name) => model.folder.text(name),
            _ => Ok(None),
        };
        let text = reading(item.place.remote.as_ref(), read).await?;
        texts.extend(text.map(|text| (name.to_owned(), text)));
    }
    Ok(texts)
}
