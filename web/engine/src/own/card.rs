//! What a model's headers say of it, and whether the engine can run it.

use std::cell::RefCell;
use std::sync::Arc;

use maec_checkpoint::{Error, ModelFolder, ModelSummary, Weights, dtype};
use maec_model::ModelConfig;
use maec_protocol::ModelCard;

use super::stops::stop_tokens;
use super::thing::Model;
use super::words::WordsTexts;
use crate::Started;
use crate::failure::sentence;

impl Model {
    /// A model of which only headers and texts were read; `generation` is its `generation_config.json` or empty. Fails
    /// where `config.json` is none.
    pub fn new(
        folder: Arc<ModelFolder>,
        words: &WordsTexts,
        generation: &str,
        files: Vec<String>,
        started: &Started,
    ) -> Result<Self, Error> {
        let summary = ModelSummary::of(&folder)?;
        let config = ModelConfig::from_json(folder.config()).map_err(|error| sentence(&error.to_string()));
        let outline = words.outline();
        let obstacle = match &config {
            Ok(config) => misfit(&folder, config).or_else(|| too_large(config, folder.as_ref(), started)),
            Err(sentence) => Some(sentence.clone()),
        };
        let known = config.as_ref().map(|config| config.family.name().to_owned());
        let card = ModelCard {
            architecture: known.unwrap_or_else(|_| summary.architecture.clone()),
            parameters: summary.parameters,
            dtypes: summary.dtypes.iter().map(|(dtype, count)| (dtype.to_string(), *count as u32)).collect(),
            tensors: summary.tensors.len() as u32,
            shards: summary.shards as u32,
            bytes: summary.bytes,
            vocabulary: summary.vocabulary,
            tied: summary.tied,
            positions: summary.positions,
            tokenizer: outline.as_ref().map_or_else(Clone::clone, ToString::to_string),
            chat: words.has_chat(),
            obstacle,
        };
        let stops = config.as_ref().map_or_else(|_| Vec::new(), |config| stop_tokens(generation, config));
        let tokens = outline.ok().map(|outline| outline.tokens() as u64);
        Ok(Self { folder, summary, config, stops, tokens, files, card, fingerprint: RefCell::default() })
    }
}

/// What the configuration asks for and the weights have not, in one sentence.
fn misfit(folder: &ModelFolder, config: &ModelConfig) -> Option<String> {
    config.tensors().into_iter().find_map(|(name, shape)| match folder.info(&name) {
        Err(_) => Some(format!(
            "The weights have no tensor `{name}`: config.json and the weights do not belong together."
        )),
        Ok(info) if info.shape != shape => Some(format!(
            "The tensor `{name}` has the shape {:?} and config.json asks for {shape:?}: they do not belong together.",
            info.shape
        )),
        Ok(info) if !dtype::is_float(info.dtype) => Some(format!(
            "The tensor `{name}` is stored as {}, and only F64, F32, F16 and BF16 can be computed with: use weights that are not quantized.",
            info.dtype
        )),
        Ok(_) => None,
    })
}

/// Why it does not fit the memory, in one sentence. Matrices above what a device can bind are split.
fn too_large(config: &ModelConfig, weights: &dyn Weights, started: &Started) -> Option<String> {
    let (needed, most) = (started.storage_of(weights).bytes(config), started.memory_bytes?);
    (needed > most).then(|| {
        format!(
            "Its weights need {} of memory and the tab has {}: use the companion (`maec generate`), or a smaller model.",
            gigabytes(needed),
            gigabytes(most)
        )
    })
}

/// `1.35 GB`.
fn gigabytes(bytes: u64) -> String {
    format!("{:.2} GB", bytes as f64 / 1e9)
}
