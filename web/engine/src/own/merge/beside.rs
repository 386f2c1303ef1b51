//! What stands beside merged weights, and in their headers.

use std::collections::BTreeMap;

use maec_checkpoint::{TensorInfo, fingerprint};
use maec_merge::engine::{Shard, index};
use maec_merge::folder::{self, CARD, CONFIG, FILES_KEY, INDEX, Input, RECIPE, provenance};

use super::configured::Configured;
use super::opened::{Opened, What};
use super::writing::Writing;
use crate::job::Job;
use crate::{Failure, Host};

/// What is known of the inputs before they are merged.
pub(super) struct Known {
    /// The recipe or mergekit file, for the folder.
    recipe: String,
    /// Fingerprints of a recipe's models, 64 hex digits each.
    pub fingerprints: Vec<String>,
    /// Of a mergekit file's models.
    pub inputs: Vec<Input>,
    /// For the headers of the weights.
    pub metadata: BTreeMap<String, String>,
}

/// Takes the inputs' fingerprints.
pub(super) async fn known<H: Host>(job: &Job<'_, H>, opened: &Opened<'_>) -> Result<Known, Failure> {
    let (mut fingerprints, mut inputs) = (Vec::new(), Vec::new());
    let (recipe, mut metadata) = match &opened.what {
        What::Recipe(recipe, models) => {
            for (_, weights) in models.inputs().models(recipe) {
                job.checkpoint().await?;
                fingerprints.push(fingerprint(weights)?);
            }
            let inputs = serde_json::json!(fingerprints).to_string();
            // JSON is YAML, and the code that writes it is there already.
            (recipe.to_json(), provenance(recipe.to_json(), inputs))
        }
        What::Config(configured) => {
            let Configured { config, loaded, .. } = configured.as_ref();
            for model in loaded {
                job.checkpoint().await?;
                let fingerprint = fingerprint(model.weights.as_ref())?;
                inputs.push(Input { model: model.name.to_string(), fingerprint, hash: None });
            }
            let json = serde_json::to_string(&inputs).unwrap_or_default();
            (config.to_yaml(), provenance(config.to_yaml(), json))
        }
    };
    metadata.insert(FILES_KEY.into(), folder::list(opened.texts.keys().map(String::as_str)));
    Ok(Known { recipe, fingerprints, inputs, metadata })
}

/// The names of all files that a merge into these shards may write.
pub(super) fn names(opened: &Opened<'_>, shards: &[Shard]) -> Vec<String> {
    let texts = opened.texts.keys().cloned();
    let ours = [RECIPE, CARD, INDEX].map(str::to_owned);
    shards.iter().map(|shard| shard.file.clone()).chain(texts).chain(ours).collect()
}

/// Writes everything but the weights; `sizes` as [`folder::config`] takes them.
pub(super) async fn write(
    writing: &mut Writing,
    opened: &Opened<'_>,
    known: &Known,
    (outputs, shards): (&[TensorInfo], &[Shard]),
    sizes: &[(&str, usize)],
    card: &str,
) -> Result<(), Failure> {
    for (name, text) in &opened.texts {
        let changed = match name.as_str() {
            CONFIG => Some(folder::config(text, outputs, sizes).map_err(|error| {
                Failure::refused(format!("config.json is no JSON object: {error}."), "Correct the base's.")
            })?),
            _ => None,
        };
        writing.text(name, changed.as_deref().unwrap_or(text)).await?;
    }
    writing.text(RECIPE, &known.recipe).await?;
    writing.text(CARD, card).await?;
    if let Some(index) = index(outputs, shards) {
        writing.text(INDEX, &index).await?;
    }
    Ok(())
}
