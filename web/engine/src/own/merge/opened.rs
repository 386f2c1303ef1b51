//! The models of a merge, found among the items and open as far as headers go.

use std::collections::BTreeMap;
use std::sync::Arc;

use maec_checkpoint::{ModelFolder, Weights, read_text};
use maec_merge::Inputs;
use maec_merge::config::{Loaded, method};
use maec_merge::folder::TEXTS;
use maec_protocol::Merging;
use maec_recipe::Recipe;
use maec_recipe::mergekit::{Config, ModelName};

use super::super::merging::Models;
use super::super::parts::{Part, Parts, by_name};
use super::super::remote::reading;
use super::super::thing::{Looked, Thing};
use super::super::weigh::mismatches;
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

/// A mergekit file with its models.
pub(crate) struct Configured {
    pub config: Config,
    pub loaded: Vec<Loaded>,
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

async fn of_config<'a>(items: &[&'a Looked], mut config: Config) -> Result<Found<'a>, Failure> {
    if let Err(problem) = method(&config) {
        return Ok(Err(vec![sentence(&problem.to_string())]));
    }
    let mut problems = Vec::new();
    let mut found: Vec<(&ModelName, Part<'a>)> = Vec::new();
    for name in config.models() {
        match model(items, name) {
            Ok(part) => found.push((name, part)),
            Err(problem) => problems.push(problem),
        }
    }
    if config.tokenizer.is_some() {
        // What reads and joins tokenizers is left out of the tab's code for its size.
        problems.push("tokenizer: the tab joins no vocabularies; merge with the companion (`maec merge`), or leave the key out where all models have one vocabulary.".into());
    }
    if let Some(template) =
        config.chat_template.as_ref().filter(|it| !it.contains("{%") && !it.contains("{{"))
    {
        let shown = maec_recipe::shown(template);
        problems.push(format!(
            "chat_template: `{shown}` is a template's name; give the template's text, or leave the key out to keep the base's."
        ));
    }
    if !problems.is_empty() {
        return Ok(Err(problems));
    }
    let count = Count::default();
    let (mut loaded, mut all_texts, mut files) = (Vec::new(), Vec::new(), Vec::new());
    for (name, part) in &found {
        let (item, weights) = match part {
            Part::Base => continue,
            Part::Model(item, model) => {
                files.push((*item, model.files.clone()));
                (*item, model.folder.clone() as Arc<dyn Weights>)
            }
            Part::Delta(item, delta) => {
                // Its base is the file's.
                let base = found.iter().find(|(name, _)| Some(*name) == config.base_model.as_ref());
                let Some((_, Part::Model(_, base))) = base else {
                    problems.push(format!(
                        "`{name}` is a sparse delta: name the model that it belongs to as `base_model`."
                    ));
                    continue;
                };
                files.push((*item, vec![delta.file.clone()]));
                match delta.apply(base.folder.clone()) {
                    Ok(weights) => (*item, weights),
                    Err(error) => {
                        problems.push(sentence(&error.to_string()));
                        continue;
                    }
                }
            }
        };
        let weights = count.of(weights);
        all_texts.push(texts(item).await?);
        loaded.push(Loaded { name: (*name).clone(), stored: weights.clone(), weights });
    }
    if !problems.is_empty() {
        return Ok(Err(problems));
    }
    // The output's files are the base's, or the first model's that has any.
    let has_texts = all_texts.iter().position(|texts| !texts.is_empty()).unwrap_or(0);
    let mut texts = all_texts.get(has_texts).cloned().unwrap_or_default();
    if let Some(template) = &config.chat_template {
        texts.insert("chat_template.jinja".into(), template.clone());
    }
    let pins: Vec<(ModelName, ModelName)> =
        found.iter().map(|(name, part)| ((*name).clone(), pinned(name, part))).collect();
    let pin = |name: &mut ModelName| {
        if let Some((_, pinned)) = pins.iter().find(|(known, _)| known == name) {
            *name = pinned.clone();
        }
    };
    config.rename(&mut { pin });
    loaded.iter_mut().for_each(|model| pin(&mut model.name));
    let what = What::Config(Box::new(Configured { config, loaded }));
    Ok(Ok(Opened { what, files: merged(files), texts, count }))
}

/// A name's model or delta among the items, or in a sentence why there is none.
fn model<'a>(items: &[&'a Looked], name: &ModelName) -> Result<Part<'a>, String> {
    if let Some(lora) = &name.lora {
        let adapter = &lora.model;
        return Err(format!(
            "`{name}`: the tab puts in no adapters such as `{adapter}`; merge with the companion (`maec merge`), or name a model that has it put in."
        ));
    }
    match by_name(items, &name.to_string()) {
        // The first of the items is not the file's base for that.
        Ok(Part::Base) => {
            let first = items.iter().find_map(|&item| Some((item, item.base()?)));
            first
                .map(|(item, model)| Part::Model(item, model))
                .ok_or_else(|| format!("`{name}` is no model."))
        }
        Ok(part) => Ok(part),
        Err(0) => Err(format!("`{name}` is not open: open a model of this name, or correct the name.")),
        Err(count) => Err(format!("{count} open models are called `{name}`: remove all but one of them.")),
    }
}

/// A name with the commit that was found for its revision.
fn pinned(name: &ModelName, part: &Part<'_>) -> ModelName {
    let item = match part {
        Part::Model(item, _) | Part::Delta(item, _) => item,
        Part::Base => return name.clone(),
    };
    let is_remote = item.place.remote.is_some();
    let commit = item.place.title.rsplit_once('@').filter(|_| is_remote).map(|(_, commit)| commit.to_owned());
    ModelName { revision: commit.or_else(|| name.revision.clone()), ..name.clone() }
}

/// One entry for each item, its files sorted.
fn merged(files: Vec<(&Looked, Vec<String>)>) -> Vec<(&Looked, Vec<String>)> {
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
async fn texts(item: &Looked) -> Result<BTreeMap<String, String>, Failure> {
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
