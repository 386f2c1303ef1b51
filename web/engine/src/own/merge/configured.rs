//! A mergekit file's models: found among the items, with adapters put in and vocabularies joined.

use std::sync::Arc;

use maec_checkpoint::Weights;
use maec_merge::config::{Joined, Loaded, chat_template, join_vocabularies, method};
use maec_merge::folder::{TOKENIZER, take_tokenizer};
use maec_merge::vocabulary::Union;
use maec_recipe::mergekit::{Config, Lora, ModelName};

use super::super::adapter::Adapter;
use super::super::parts::{Part, adapter_by_name, by_name};
use super::super::thing::{Looked, Model};
use super::counted::Count;
use super::opened::{Found, Opened, What, merged, texts};
use crate::Failure;
use crate::failure::sentence;

/// Tokens whose origin the plan tells.
const MOST_TOKENS: usize = 20;

/// A mergekit file with its models.
pub(crate) struct Configured {
    pub config: Config,
    pub loaded: Vec<Loaded>,
    /// The joined vocabulary, where the file asks for one.
    pub union: Option<Arc<Union>>,
    /// Bytes that factors and vocabularies take beside the merge's buffers.
    pub memory_bytes: u64,
    /// What was put in where, in sentences.
    pub notes: Vec<String>,
}

/// One of the file's models among the items.
struct Named<'a> {
    name: ModelName,
    part: Part<'a>,
    adapter: Option<(&'a Looked, &'a Adapter)>,
}

/// Opens the models, headers and texts alone.
pub(super) async fn of_config<'a>(items: &[&'a Looked], mut config: Config) -> Result<Found<'a>, Failure> {
    if let Err(problem) = method(&config) {
        return Ok(Err(vec![sentence(&problem.to_string())]));
    }
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    for name in config.models() {
        match find(items, name) {
            Ok(named) => found.push(named),
            Err(problem) => problems.push(said(name, &problem)),
        }
    }
    if !problems.is_empty() {
        return Ok(Err(problems));
    }
    // Sparse deltas belong to the file's base.
    let base = found.iter().find(|named| Some(&named.name) == config.base_model.as_ref());
    let base = base.and_then(|named| match named.part {
        Part::Model(item, model) => Some((item, model)),
        _ => None,
    });
    let count = Count::default();
    let (mut loaded, mut all_texts, mut files) = (Vec::new(), Vec::new(), Vec::new());
    let (mut memory_bytes, mut notes) = (0, Vec::new());
    for named in &found {
        let name = &named.name;
        let (worded, stored) = match open(named, base, &mut files) {
            Ok(opened) => opened,
            Err(problem) => {
                problems.push(said(name, &problem));
                continue;
            }
        };
        let mut weights = stored.clone();
        if let Some((item, adapter)) = named.adapter {
            files.push((item, vec![Adapter::FILE.to_owned()]));
            match adapter.lora.onto_f32(weights) {
                Ok(adapted) => {
                    memory_bytes += adapted.memory_bytes();
                    let changed = adapted.changed().count();
                    notes.push(format!("`{name}`: the adapter changes {changed} of the model's tensors."));
                    weights = Arc::new(adapted);
                }
                Err(error) => {
                    problems.push(said(name, &error.to_string()));
                    continue;
                }
            }
        }
        all_texts.push(texts(worded).await?);
        loaded.push(Loaded { name: name.clone(), stored, weights: count.of(weights) });
    }
    if !problems.is_empty() {
        return Ok(Err(problems));
    }
    let tokenizers: Vec<Option<String>> =
        all_texts.iter().map(|texts| texts.get(TOKENIZER).cloned()).collect();
    let joined = join_vocabularies(&config, loaded, &tokenizers);
    let template = joined.and_then(|joined| Ok((joined, chat_template(&config, &all_texts)?)));
    let (Joined { models: mut loaded, union }, template) = match template {
        Ok(joined) => joined,
        Err(problem) => return Ok(Err(vec![sentence(&problem.to_string())])),
    };
    // The output's files are the base's, or the first model's that has any.
    let has_texts = all_texts.iter().position(|texts| !texts.is_empty()).unwrap_or(0);
    let mut texts = all_texts.get(has_texts).cloned().unwrap_or_default();
    if let Some(union) = &union {
        take_tokenizer(&mut texts, &all_texts[union.foundation]);
        memory_bytes += union.memory_bytes();
        notes.extend(origins(union));
    }
    texts.extend(template.map(|text| ("chat_template.jinja".to_owned(), text)));
    let pin = |name: &mut ModelName| {
        if let Some(named) = found.iter().find(|named| named.name == *name) {
            *name = pinned(named);
        }
    };
    config.rename(&mut { pin });
    loaded.iter_mut().for_each(|model| pin(&mut model.name));
    let what = What::Config(Box::new(Configured { config, loaded, union, memory_bytes, notes }));
    Ok(Ok(Opened { what, files: merged(files), texts, count }))
}

/// A problem with one model, in a sentence with its line.
fn said(name: &ModelName, problem: &str) -> String {
    let line = name.line.map(|line| format!("line {line}: ")).unwrap_or_default();
    sentence(&format!("{line}{problem}"))
}

/// A name's model or delta among the items, and its adapter; or why there is none.
fn find<'a>(items: &[&'a Looked], name: &ModelName) -> Result<Named<'a>, String> {
    let model = name_of(&name.model, name.revision.as_deref());
    let part = match by_name(items, &model) {
        // The first of the items is not the file's base for that.
        Ok(Part::Base) => {
            let first = items.iter().find_map(|&item| Some((item, item.base()?)));
            let (item, model) = first.ok_or_else(|| format!("`{model}` is no model."))?;
            Part::Model(item, model)
        }
        Ok(part) => part,
        Err(0) if adapter_by_name(items, &model).is_ok() => {
            return Err(format!(
                "`{model}` is an adapter: write the model that it is put onto before it, `model+{model}`."
            ));
        }
        Err(count) => return Err(unfound(count, "model", &model)),
    };
    let adapter = name.lora.as_ref().map(|Lora { model, revision }| {
        let adapter = name_of(model, revision.as_deref());
        adapter_by_name(items, &adapter).map_err(|count| match by_name(items, &adapter) {
            Ok(_) => format!("`{adapter}` is no adapter: name one after the `+`."),
            Err(_) => unfound(count, "adapter", &adapter),
        })
    });
    Ok(Named { name: name.clone(), part, adapter: adapter.transpose()? })
}

fn name_of(model: &str, revision: Option<&str>) -> String {
    revision.map_or(model.to_owned(), |revision| format!("{model}@{revision}"))
}

fn unfound(count: usize, thing: &str, name: &str) -> String {
    match count {
        0 => format!("`{name}` is not open: open the {thing} of this name, or correct the name."),
        count => format!("{count} open {thing}s are called `{name}`: remove all but one of them."),
    }
}

/// A model as it is stored, and the item whose texts go with it; the files that it is read from are added to `files`.
fn open<'a>(
    named: &Named<'a>,
    base: Option<(&'a Looked, &'a Model)>,
    files: &mut Vec<(&'a Looked, Vec<String>)>,
) -> Result<(&'a Looked, Arc<dyn Weights>), String> {
    match (named.part, base) {
        (Part::Model(item, model), _) => {
            files.push((item, model.files.clone()));
            Ok((item, model.folder.clone()))
        }
        (Part::Delta(item, delta), Some((base_item, base))) => {
            files.push((item, vec![delta.file.clone()]));
            let weights = delta.apply(base.folder.clone()).map_err(|error| error.to_string())?;
            Ok((base_item, weights))
        }
        (Part::Delta(..) | Part::Base, _) => Err(format!(
            "`{}` is a sparse delta: name the model that it belongs to as `base_model`.",
            named.name
        )),
    }
}

/// A name with the commits that were found for its revisions.
fn pinned(named: &Named<'_>) -> ModelName {
    let mut name = named.name.clone();
    if let Part::Model(item, _) | Part::Delta(item, _) = named.part {
        name.revision = commit(item).or(name.revision);
    }
    if let (Some(lora), Some((item, _))) = (&mut name.lora, named.adapter) {
        lora.revision = commit(item).or(lora.revision.take());
    }
    name
}

/// The commit of a remote item.
fn commit(item: &Looked) -> Option<String> {
    let is_remote = item.place.remote.is_some();
    item.place.title.rsplit_once('@').filter(|_| is_remote).map(|(_, commit)| commit.to_owned())
}

/// Where the tokens come from that not all models have, in sentences.
fn origins(union: &Union) -> Vec<String> {
    let mut notes = vec![sentence(&union.summary())];
    notes.extend(union.report.iter().take(MOST_TOKENS).map(|origin| sentence(&union.describe(origin))));
    let more = union.report.len().saturating_sub(MOST_TOKENS);
    notes.extend((more > 0).then(|| format!("{more} more tokens are not in all models.")));
    notes
}
