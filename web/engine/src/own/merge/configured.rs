//! A mergekit file's models: found among the items, with adapters put in and vocabularies joined.

use std::sync::Arc;

use maec_checkpoint::Weights;
use maec_merge::config::{Joined, Loaded, chat_template, join_vocabularies, method};
use maec_merge::folder::{TOKENIZER, take_tokenizer};
use maec_merge::vocabulary::Union;
use maec_recipe::mergekit::{Config, ModelName};

use super::super::adapter::Adapter;
use super::super::parts::Part;
use super::super::thing::{Looked, Model};
use super::counted::Count;
use super::named::{Named, find, pinned};
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
    let (mut ready, mut all_texts, mut files) = (Vec::new(), Vec::new(), Vec::new());
    for named in &found {
        match open(named, base, &mut files) {
            Ok((worded, model)) => {
                all_texts.push(texts(worded).await?);
                ready.push(model);
            }
            Err(problem) => problems.push(said(&named.name, &problem)),
        }
    }
    if !problems.is_empty() {
        return Ok(Err(problems));
    }
    let mut memory_bytes = ready.iter().map(|model| model.memory_bytes).sum();
    let mut notes: Vec<String> = ready.iter_mut().filter_map(|model| model.note.take()).collect();
    let count = Count::default();
    let counted = |model: Ready| Loaded { weights: count.of(model.loaded.weights), ..model.loaded };
    let loaded = ready.into_iter().map(counted).collect();
    let tokenizers: Vec<Option<&String>> = all_texts.iter().map(|texts| texts.get(TOKENIZER)).collect();
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

/// A model that is open.
struct Ready {
    loaded: Loaded,
    /// Most bytes of an adapter's factors.
    memory_bytes: u64,
    /// What an adapter changes.
    note: Option<String>,
}

/// Opens a model and puts its adapter in; with it comes the item whose texts it has. What will be read is added to `files`.
fn open<'a>(
    named: &Named<'a>,
    base: Option<(&'a Looked, &'a Model)>,
    files: &mut Vec<(&'a Looked, Vec<String>)>,
) -> Result<(&'a Looked, Ready), String> {
    let name = &named.name;
    let (worded, stored): (_, Arc<dyn Weights>) = match (named.part, base) {
        (Part::Model(item, model), _) => {
            files.push((item, model.files.clone()));
            (item, model.folder.clone())
        }
        (Part::Delta(item, delta), Some((base_item, base))) => {
            files.push((item, vec![delta.file.clone()]));
            (base_item, delta.apply(base.folder.clone()).map_err(|error| error.to_string())?)
        }
        (Part::Delta(..) | Part::Base, _) => {
            return Err(format!(
                "`{name}` is a sparse delta: name the model that it belongs to as `base_model`."
            ));
        }
    };
    let mut weights = stored.clone();
    let (mut memory_bytes, mut note) = (0, None);
    if let Some((item, adapter)) = named.adapter {
        files.push((item, vec![Adapter::FILE.to_owned()]));
        let adapted = adapter.lora.onto_f32(weights).map_err(|error| error.to_string())?;
        memory_bytes = adapted.memory_bytes();
        note = Some(format!(
            "`{name}`: the adapter changes {} of the model's tensors.",
            adapted.changed().count()
        ));
        weights = Arc::new(adapted);
    }
    Ok((worded, Ready { loaded: Loaded { name: name.clone(), weights, stored }, memory_bytes, note }))
}

/// Where the tokens come from that not all models have, in sentences.
fn origins(union: &Union) -> Vec<String> {
    let mut notes = vec![sentence(&union.summary())];
    notes.extend(union.report.iter().take(MOST_TOKENS).map(|origin| sentence(&union.describe(origin))));
    let more = union.report.len().saturating_sub(MOST_TOKENS);
    notes.extend((more > 0).then(|| format!("{more} more tokens are not in all models.")));
    notes
}
