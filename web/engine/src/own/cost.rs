//! What running something costs, before anything large moves.

use std::ops::ControlFlow;
use std::sync::Arc;

use maec_checkpoint::{Error, MemoryWeights, TensorInfo, Weights, dtype};
use maec_merge::{Inputs, MergeError, merge_tensor, tensor_stats};
use maec_model::ModelConfig;
use maec_protocol::Cost;
use maec_recipe::Recipe;

use super::parts::Parts;
use super::slice::Slice;
use crate::job::Job;
use crate::{Failure, Host, Started};

/// Elements of the tensor that time is taken with, at most.
const TRIAL_ELEMENTS: usize = 1 << 20;

/// The cost of loading `parts`.
pub(crate) async fn cost<H: Host>(
    job: &Job<'_, H>,
    parts: &Parts<'_>,
    recipe: Option<&Recipe>,
    started: &Started,
) -> Result<Cost, Failure> {
    let (mut cached, mut all) = (0_u64, 0_u64);
    for (item, files) in parts.files() {
        let (of_cached, of_all) = item.remote_bytes(&files).await?;
        cached += of_cached;
        all += of_all;
    }
    let card = &parts.base.card;
    let config = parts.base.config.as_ref().ok();
    let storage_free = job.host().storage_free().await;
    let to_fetch = all.saturating_sub(cached);
    let obstacle = card.obstacle.clone().or_else(|| parts.base.wordless()).or_else(|| {
        storage_free.filter(|&free| to_fetch > free).map(|free| {
            format!(
                "{} MB are to be fetched, and this browser keeps at most {} MB more for the page: free some storage.",
                to_fetch.div_ceil(1_000_000),
                free / 1_000_000
            )
        })
    });
    Ok(Cost {
        fetch_bytes: to_fetch,
        cached_bytes: cached,
        device_bytes: config.map_or(0, |config| started.storage_of(parts.base.folder.as_ref()).bytes(config)),
        cache_bytes: config.map_or(0, cache_bytes),
        seconds: seconds(job, parts, recipe)?,
        storage_free,
        obstacle,
    })
}

/// Bytes of keys and values (f32) of one sequence of full length.
fn cache_bytes(config: &ModelConfig) -> u64 {
    let width = config.num_key_value_heads as u64 * config.head_dim as u64;
    let tokens = 2 * config.num_hidden_layers as u64 * config.max_position_embeddings as u64;
    tokens * width * size_of::<f32>() as u64
}

/// Seconds to read the weights and merge them, from the time that one tensor of middling size takes.
fn seconds<H: Host>(job: &Job<'_, H>, parts: &Parts<'_>, recipe: Option<&Recipe>) -> Result<f64, Failure> {
    let folder = &parts.base.folder;
    let fit =
        |info: &&TensorInfo| dtype::is_float(info.dtype) && (1..=TRIAL_ELEMENTS).contains(&info.elements());
    let small = folder.tensors().iter().filter(fit);
    let Some(info) = small.max_by_key(|info| info.elements()) else { return Ok(0.0) };
    let base: Arc<dyn Weights> = folder.clone();
    let took = match trial(job, &base, info, recipe) {
        // What is not here yet is taken to be as fast as memory, once it is.
        Err(Error::NotFetched { .. }) => trial(job, &stand_in(info)?, info, recipe)?,
        took => took?,
    };
    Ok(took * parts.base.card.parameters as f64 / info.elements() as f64)
}

/// Seconds that one tensor takes; the base stands for every model of the recipe.
fn trial<H: Host>(
    job: &Job<'_, H>,
    base: &Arc<dyn Weights>,
    info: &TensorInfo,
    recipe: Option<&Recipe>,
) -> Result<f64, Error> {
    let before = job.host().now();
    base.read_f32(&info.name)?;
    if let Some(recipe) = recipe {
        let base = Slice::new(base, &info.name, None)?;
        let languages = recipe.languages.iter().map(|_| &base as &dyn Weights).collect();
        let inputs = Inputs { base: &base, ability: &base, reference: &base, languages };
        let merged = tensor_stats(&inputs, recipe, &mut |_| ControlFlow::Continue(()))
            .and_then(|_| merge_tensor(&inputs, recipe, &info.name, true));
        // What else is wrong with the recipe or the weights is said where they are merged.
        if let Err(MergeError::Checkpoint(error @ Error::NotFetched { .. })) = merged {
            return Err(error);
        }
    }
    Ok((job.host().now() - before) / 1000.0)
}

/// Zeros of the same dtype and shape.
fn stand_in(info: &TensorInfo) -> Result<Arc<dyn Weights>, Error> {
    let bytes = vec![0; info.bytes()];
    Ok(Arc::new(MemoryWeights::new("trial", vec![(info.clone(), bytes)])?))
}
