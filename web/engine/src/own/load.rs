//! Loading: what is fetched, checked, merged and put on the device, one tensor at a time.

use std::collections::BTreeMap;
use std::ops::Range;

use maec_checkpoint::{Error, Weights, convert, dtype, fingerprint, sha256_hex};
use maec_hub::{Phase, Progress};
use maec_model::{Assembly, Decoder, ModelConfig, Storage};
use maec_protocol::Reply;
use maec_recipe::Recipe;
use maec_tasks::{MemoryJournal, Subject};

use super::merging::MergingWeights;
use super::parts::Parts;
use super::remote::reading;
use super::thing::{Looked, Thing};
use super::verify::verify;
use super::words::{Words, WordsTexts};
use crate::failure::sentence;
use crate::job::Job;
use crate::{Failure, Host, Started};

/// Elements read at a time.
const TILE: usize = 1 << 20;

/// A model that can generate.
pub(crate) struct Loaded {
    pub model: Decoder,
    pub words: Words,
    /// Tokens that end a text.
    pub stops: Vec<u32>,
    /// What it is, for reports.
    pub subject: Subject,
    /// What benchmarks have answered.
    pub journal: MemoryJournal,
}

/// Loads the base, merged with the recipe's models where there is a recipe. No merged tensor is kept beside the
/// device's. What was loaded before goes once all that is needed is here.
pub(crate) async fn load<H: Host>(
    job: &Job<'_, H>,
    parts: &Parts<'_>,
    recipe: Option<&Recipe>,
    started: &Started,
    loaded: &mut Option<Loaded>,
) -> Result<Reply, Failure> {
    let base = parts.base;
    let obstacle = base.card.obstacle.clone().or_else(|| base.wordless());
    let config = base.config.clone().map_err(refused)?;
    if let Some(obstacle) = obstacle {
        return Err(refused(obstacle));
    }
    fetch(job, &parts.files()).await?;
    for (item, files) in parts.files() {
        if let Thing::Pack(pack) = &item.thing {
            verify(job, item, pack, &files).await?;
        }
    }
    let remote = parts.item.place.remote.as_ref();
    let texts = reading(remote, || WordsTexts::of(&base.folder)).await?;
    let words = job.host().words(texts).await.map_err(|why| refused(sentence(&why)))?;
    *loaded = None;
    let (model, merged_tensors, storage) = match (&parts.merge, recipe) {
        (Some(merge), Some(recipe)) => {
            let weights = MergingWeights::prepare(job, merge.open(base)?, recipe).await?;
            let model = decoder(job, "Merging", config, &weights, started).await;
            let model = model.map_err(|error| weights.failure().map_or(error, Failure::from))?;
            (model, weights.changed(), started.storage_of(&weights))
        }
        _ => {
            let weights = base.folder.as_ref();
            (decoder(job, "Loading", config, weights, started).await?, 0, started.storage_of(weights))
        }
    };
    let device_bytes = storage.bytes(model.config());
    let reply = Reply::OwnLoaded { seconds: job.seconds(), device_bytes, merged_tensors };
    let subject = subject(parts, recipe, started, storage)?;
    let (stops, journal) = (base.stops.clone(), MemoryJournal::default());
    *loaded = Some(Loaded { model, words, stops, subject, journal });
    Ok(reply)
}

/// The model in words that tell it from others.
fn subject(
    parts: &Parts<'_>,
    recipe: Option<&Recipe>,
    started: &Started,
    storage: Storage,
) -> Result<Subject, Failure> {
    let used = parts.files().into_iter().map(|(item, _)| item.place.title.clone());
    let mut conditions = BTreeMap::from([
        ("base fingerprint".to_owned(), fingerprint(parts.base.folder.as_ref())?),
        ("device".to_owned(), started.backend.device.clone()),
        ("weights".to_owned(), format!("{:?}", storage.matrices).to_lowercase()),
    ]);
    if let Some(recipe) = recipe {
        conditions.insert("recipe".to_owned(), sha256_hex(recipe.to_json().as_bytes()));
    }
    Ok(Subject { model: used.collect::<Vec<_>>().join(" + "), conditions })
}

/// Fetches what is elsewhere and will be read: items with their files.
pub(crate) async fn fetch<H: Host>(job: &Job<'_, H>, used: &[(&Looked, Vec<String>)]) -> Result<(), Failure> {
    let mut total = 0;
    for (item, files) in used {
        total += item.remote_bytes(files).await?.1;
    }
    let mut before = 0;
    for (item, files) in used {
        let Some(remote) = &item.place.remote else { continue };
        job.checkpoint().await?;
        let mut progress = |now: &Progress<'_>| {
            job.progress(|| doing(now), before + now.done, total);
            job.flow()
        };
        remote.fetch(files, &mut progress).await?;
        before += item.remote_bytes(files).await?.1;
    }
    job.checkpoint().await
}

/// What a fetch is doing, for people.
fn doing(progress: &Progress<'_>) -> String {
    match progress.phase {
        Phase::Fetching => format!("Fetching {}", progress.file),
        Phase::Waiting { reason, wait } => format!("Waiting {} s ({reason})", wait.as_secs().max(1)),
        Phase::Checking => format!("Checking {}", progress.file),
    }
}

/// Builds the decoder tensor by tensor, each part of one read when it goes to the device.
async fn decoder<H: Host>(
    job: &Job<'_, H>,
    label: &str,
    config: ModelConfig,
    weights: &dyn Weights,
    started: &Started,
) -> Result<Decoder, Failure> {
    let tensors = config.tensors();
    let mut assembly = Assembly::new(config, &started.device, started.storage_of(weights));
    let (mut done, total) = (0, weights.tensors().iter().map(|info| info.bytes() as u64).sum());
    for (name, shape) in tensors {
        job.checkpoint().await?;
        job.progress(|| label.to_owned(), done, total);
        assembly.put(&name, &shape, |elements| read(weights, &name, elements))?;
        done += weights.info(&name)?.bytes() as u64;
    }
    Ok(assembly.finish())
}

/// Some elements of a tensor as f32; only the result is held whole.
fn read(weights: &dyn Weights, name: &str, elements: Range<usize>) -> Result<Vec<f32>, Error> {
    let dtype = weights.info(name)?.dtype;
    let size = dtype::bytes_per_element(dtype);
    let mut values = Vec::with_capacity(elements.len());
    let mut bytes = vec![0; elements.len().min(TILE) * size];
    for start in elements.clone().step_by(TILE) {
        let end = elements.end.min(start + TILE);
        let bytes = &mut bytes[..(end - start) * size];
        weights.read_stored(name, start..end, bytes)?;
        values.extend(convert::decode_f32(dtype, bytes)?);
    }
    Ok(values)
}

fn refused(message: String) -> Failure {
    Failure::Refused { message, hint: None }
}
