//! What is at a place, from its headers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use maec_checkpoint::lora::{CONFIG_FILE, WEIGHTS_FILE};
use maec_checkpoint::{ByteSource, Error, FileSet, Manifest, ModelFolder, SafetensorsReader};
use maec_protocol::ItemId;
use maec_recipe::Recipe;
use maec_recipe::mergekit::{Config, looks_like_mergekit};
use serde::Deserialize;

use super::adapter::Adapter;
use super::place::{Opened, View};
use super::remote::reading;
use super::thing::{Delta, Looked, Model, OwnPack, Thing};
use super::words::WordsTexts;
use crate::failure::sentence;
use crate::{Failure, Started};

const CONFIG: &str = "config.json";
const MANIFEST: &str = "manifest.json";
const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
const TOKENIZER: &str = "tokenizer.json";
/// What is larger is no recipe, no manifest, no index.
const MAX_RECIPE_BYTES: u64 = 1 << 20;
const MAX_MANIFEST_BYTES: u64 = 1 << 20;
const MAX_INDEX_BYTES: u64 = 100_000_000;

/// Looks at a place. Nothing but headers and small texts is read.
pub(crate) async fn look(id: ItemId, place: Opened, started: &Started) -> Result<Looked, Failure> {
    let names = place.names();
    let has = |name: &str| names.iter().any(|other| other == name);
    let top = |end: &str| -> Vec<&String> {
        names.iter().filter(|name| !name.contains('/') && name.ends_with(end)).collect()
    };
    let weights = top(".safetensors");
    let main = if has(SINGLE) { Some(SINGLE) } else { only(&weights) };
    let thing = if has(MANIFEST) && is_pack(&place).await? {
        Thing::Pack(Box::new(pack(&place, started).await?))
    } else if (has(CONFIG_FILE) || has(WEIGHTS_FILE)) && !has(SINGLE) && !has(INDEX) {
        let adapter = reading(place.remote.as_ref(), || Adapter::open(place.files.as_ref())).await?;
        Thing::Adapter(Box::new(adapter))
    } else if let Some(main) = main {
        match (is_delta(&place, main).await?, has(CONFIG)) {
            (true, _) => Thing::Delta(delta(&place, main, stem(main)).await?),
            (false, true) => Thing::Model(Box::new(single(&place, main, started).await?)),
            (false, false) => return Err(without_config(main, place.remote.is_some())),
        }
    } else if has(INDEX) && has(CONFIG) {
        let shards = shards(&place).await?;
        Thing::Model(Box::new(model(&place, place.files.clone(), shards, started).await?))
    } else if let Some(recipe) = only(&names.iter().collect::<Vec<_>>()).filter(|name| is_recipe(name)) {
        recipe_or_config(&place, recipe).await?
    } else {
        return Err(unknown(&place, &names, &weights));
    };
    Ok(Looked { id, place, thing })
}

fn only<'a>(names: &[&'a String]) -> Option<&'a str> {
    match names {
        [only] => Some(only),
        _ => None,
    }
}

/// Whether the manifest is a pack's; some other program's says nothing.
async fn is_pack(place: &Opened) -> Result<bool, Failure> {
    #[derive(Deserialize)]
    struct Format {
        format: String,
    }
    let bytes = small(place, MANIFEST, MAX_MANIFEST_BYTES).await?;
    Ok(serde_json::from_slice::<Format>(&bytes).is_ok_and(|manifest| manifest.format == Manifest::FORMAT))
}

async fn is_delta(place: &Opened, file: &str) -> Result<bool, Failure> {
    let open = || SafetensorsReader::open(place.files.open(file)?);
    Ok(reading(place.remote.as_ref(), open).await?.metadata().contains_key("maec_delta"))
}

/// The weights files that the index names.
async fn shards(place: &Opened) -> Result<Vec<String>, Failure> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let bytes = small(place, INDEX, MAX_INDEX_BYTES).await?;
    // What else may be wrong with it, the folder says when it is opened.
    let index = serde_json::from_slice::<Index>(&bytes);
    let files: BTreeSet<String> =
        index.map(|index| index.weight_map.into_values().collect()).unwrap_or_default();
    Ok(files.into_iter().collect())
}

/// A folder with one weights file of any name.
async fn single(place: &Opened, file: &str, started: &Started) -> Result<Model, Failure> {
    let files = match file {
        SINGLE => place.files.clone(),
        other => View::renamed(place.files.clone(), &[(SINGLE, other)]),
    };
    model(place, files, vec![file.to_owned()], started).await
}

async fn model(
    place: &Opened,
    files: Arc<dyn FileSet>,
    weight_files: Vec<String>,
    started: &Started,
) -> Result<Model, Failure> {
    let remote = place.remote.as_ref();
    let folder = Arc::new(reading(remote, || ModelFolder::from_files(files.as_ref())).await?);
    let words = reading(remote, || WordsTexts::of(&folder)).await?;
    let generation = reading(remote, || folder.text("generation_config.json")).await?.unwrap_or_default();
    Ok(Model::new(folder, &words, &generation, weight_files, started)?)
}

async fn delta(place: &Opened, file: &str, name: &str) -> Result<Delta, Failure> {
    reading(place.remote.as_ref(), || Delta::open(place.files.as_ref(), file, name)).await
}

async fn pack(place: &Opened, started: &Started) -> Result<OwnPack, Failure> {
    let manifest_bytes = small(place, MANIFEST, MAX_MANIFEST_BYTES).await?;
    let manifest = Manifest::parse(&manifest_bytes)?;
    let files = View::renamed(
        place.files.clone(),
        &[(CONFIG, &manifest.config), (TOKENIZER, &manifest.tokenizer), (SINGLE, &manifest.base)],
    );
    let lengths = place.files.files();
    for (path, expected) in &manifest.files {
        match lengths.iter().find(|(name, _)| name == path) {
            None => return Err(Error::MissingPackFile { path: path.clone() }.into()),
            Some((_, length)) if *length != expected.bytes => {
                return Err(Error::ChangedPackFile { path: path.clone(), what: "length" }.into());
            }
            Some(_) => (),
        }
    }
    let base = model(place, files, vec![manifest.base.clone()], started).await?;
    let mut deltas = Vec::with_capacity(manifest.deltas.len());
    for known in &manifest.deltas {
        deltas.push(delta(place, &known.file, &known.id).await?);
    }
    let recipe = read_recipe(place, &manifest.recipe).await?;
    Ok(OwnPack { id: Manifest::id(&manifest_bytes), manifest, recipe, base, deltas })
}

/// A recipe of the studio's, or mergekit's.
async fn recipe_or_config(place: &Opened, file: &str) -> Result<Thing, Failure> {
    let yaml = text(place, file).await?;
    if file.ends_with(".json") || !looks_like_mergekit(&yaml) {
        return Ok(Thing::Recipe(parse_recipe(file, &yaml)?));
    }
    let config = Config::from_yaml(&yaml)
        .map_err(|error| Failure::Refused { message: sentence(&format!("`{file}`: {error}")), hint: None })?;
    let models = config.models().into_iter().map(ToString::to_string).collect();
    Ok(Thing::Config { yaml, models })
}

async fn read_recipe(place: &Opened, file: &str) -> Result<Recipe, Failure> {
    parse_recipe(file, &text(place, file).await?)
}

async fn text(place: &Opened, file: &str) -> Result<String, Failure> {
    let bytes = small(place, file, MAX_RECIPE_BYTES).await?;
    String::from_utf8(bytes)
        .map_err(|_| Failure::refused(format!("`{file}` is not UTF-8 text."), "Save it as UTF-8."))
}

fn parse_recipe(file: &str, text: &str) -> Result<Recipe, Failure> {
    let read = if file.ends_with(".json") { Recipe::from_json(text) } else { Recipe::from_yaml(text) };
    read.map_err(|error| Failure::Refused {
        message: sentence(&format!("`{file}` is not a recipe: {error}")),
        hint: None,
    })
}

/// A whole file that must not be large.
async fn small(place: &Opened, file: &str, most: u64) -> Result<Vec<u8>, Failure> {
    let source: Arc<dyn ByteSource> = place.files.open(file)?;
    if source.len() > most {
        let message = format!("`{file}` has {} bytes, more than {most}.", source.len());
        return Err(Failure::refused(message, "Check that it is the right file."));
    }
    reading(place.remote.as_ref(), || {
        let mut bytes = vec![0; source.len() as usize];
        source.read_at(0, &mut bytes)?;
        Ok(bytes)
    })
    .await
}

fn is_recipe(name: &str) -> bool {
    [".json", ".yaml", ".yml"].iter().any(|end| name.ends_with(end))
}

/// A file's name without folder and ending.
pub(crate) fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    [".safetensors", ".json", ".yaml", ".yml"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
}

fn without_config(file: &str, remote: bool) -> Failure {
    let hint = match remote {
        true => "Give the address of its folder, ending in a slash, or its name on the hub.",
        false => "Drop the model's whole folder, or config.json and tokenizer.json together with this file.",
    };
    Failure::refused(format!("`{file}` holds weights, but no config.json says of what model."), hint)
}

/// What to do about a place that holds nothing known.
fn unknown(place: &Opened, names: &[String], weights: &[&String]) -> Failure {
    let title = &place.title;
    let any = |end: &str| names.iter().any(|name| name.ends_with(end));
    let (message, hint) = if names.is_empty() {
        (format!("`{title}` has no files."), "Choose a model's folder, a delta, a pack or a recipe.")
    } else if any(".gguf") {
        (
            format!("`{title}` is a GGUF file, whose weights are rounded."),
            "Open the safetensors that it was made from.",
        )
    } else if weights.is_empty() && (any(".bin") || any(".pt") || any(".pth")) {
        (
            format!("`{title}` has PyTorch's own files, which are programs and are never run here."),
            "Save the model with `save_pretrained(..., safe_serialization=True)` and open that.",
        )
    } else if weights.len() > 1 && names.iter().any(|name| name == CONFIG) {
        (
            format!("`{title}` has {} safetensors files and no {INDEX}.", weights.len()),
            "Add the index that lies beside them in the model's repository.",
        )
    } else if weights.len() > 1 {
        (
            format!("`{title}` has {} safetensors files that are no model's.", weights.len()),
            "Open deltas one at a time, and a model with its config.json.",
        )
    } else if names.iter().any(|name| name == CONFIG) {
        (
            format!("`{title}` has a config.json, but no weights."),
            "Open it together with its .safetensors files.",
        )
    } else if names.iter().any(|name| name.ends_with("/config.json") || name.ends_with("/manifest.json")) {
        (format!("`{title}` holds several folders."), "Open one model's or pack's folder at a time.")
    } else {
        (
            format!("`{title}` is no model, delta, adapter, pack or recipe."),
            "Choose a folder with config.json and .safetensors files, a delta, an adapter's or a pack's folder, or a recipe.",
        )
    };
    Failure::refused(message, hint)
}
