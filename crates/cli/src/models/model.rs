//! A model that was found: its tensors and the text files beside them.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use burn::tensor::Device;
use maec_checkpoint::{Error, FileSet, ModelFolder, Pack, Weights, convert, read_text};
use maec_merge::folder::TEXTS;
use maec_model::{Decoder, ModelConfig, Storage, WordTokenizer};
use maec_tokenizer::Tokenizer;

/// What recipes and command lines call a pack's base.
pub(super) const BASE: &str = "base";

/// A model: its tensors, and the text files that belong to them.
#[derive(Clone)]
pub struct Model {
    /// The tensors.
    pub weights: Arc<dyn Weights>,
    /// `config.json`, `tokenizer.json` and others, by name; none where the model is one file.
    pub texts: BTreeMap<String, String>,
}

impl Model {
    /// A model in the Hugging Face layout: its headers and its texts.
    pub(super) fn in_files(files: &dyn FileSet) -> Result<Self> {
        let weights = ModelFolder::from_files(files)?;
        let mut texts = BTreeMap::new();
        for name in TEXTS {
            if let Some(text) = read_text(files, name)? {
                texts.insert(name.to_owned(), text);
            }
        }
        Ok(Self { weights: Arc::new(weights), texts })
    }

    /// The configuration. Fails where there is none, or it is of another architecture.
    pub fn config(&self) -> Result<ModelConfig> {
        ModelConfig::from_json(self.text("config.json")?).with_context(|| self.weights.name().to_owned())
    }

    /// The tokenizer. Fails where there is none, or it is of another kind.
    pub fn tokenizer(&self) -> Result<WordTokenizer> {
        WordTokenizer::from_json(self.text("tokenizer.json")?).with_context(|| self.weights.name().to_owned())
    }

    /// The tokenizer, of any kind.
    pub fn full_tokenizer(&self) -> Result<Box<dyn Tokenizer>> {
        let config = self.texts.get("tokenizer_config.json").map(String::as_str);
        maec_tokenizer::open(self.text("tokenizer.json")?, config)
            .with_context(|| self.weights.name().to_owned())
    }

    /// The tokens that end a text: those of generation_config.json and of config.json, else `</s>`.
    pub fn stop_tokens(&self, tokenizer: &dyn Tokenizer) -> Result<Vec<u32>> {
        let mut stop = self.config()?.eos_token_ids;
        if let Some(text) = self.texts.get("generation_config.json")
            && let Ok(json) = serde_json::from_str::<serde_json::Value>(text)
        {
            let ids = match &json["eos_token_id"] {
                serde_json::Value::Array(ids) => ids.clone(),
                one => vec![one.clone()],
            };
            stop.extend(ids.iter().filter_map(|id| u32::try_from(id.as_u64()?).ok()));
        }
        if stop.is_empty() {
            stop.extend(tokenizer.id_of("</s>"));
        }
        stop.sort_unstable();
        stop.dedup();
        Ok(stop)
    }

    /// The decoder on a device. Fails where the weights do not fit the configuration or hold a NaN or infinity.
    pub fn load(&self, device: &Device) -> Result<Decoder> {
        let config = self.config()?;
        check_finite(self.weights.as_ref())?;
        Ok(Decoder::load(config, self.weights.as_ref(), device)?)
    }

    /// The decoder for inference: on the CPU, bf16 weights stay bf16. Fails as [`load`](Self::load).
    pub fn load_to_run(&self, device: &Device) -> Result<Decoder> {
        let config = self.config()?;
        check_finite(self.weights.as_ref())?;
        let storage = match maec_model::kernels::runs_on_flex(device) {
            true => Storage::on_cpu(self.weights.as_ref()),
            false => Storage::default(),
        };
        Ok(Decoder::load_as(config, self.weights.as_ref(), device, storage)?)
    }

    fn text(&self, name: &str) -> Result<&str> {
        let found = self.texts.get(name).map(String::as_str);
        found.with_context(|| {
            format!("`{}` has no {name}; give a model folder that has one", self.weights.name())
        })
    }
}

/// [`Error::NonFinite`] at the first NaN or infinity.
pub fn check_finite(weights: &dyn Weights) -> Result<(), Error> {
    for info in weights.tensors() {
        if let Some(index) = convert::first_non_finite(info.dtype, &weights.read_bytes(&info.name)?) {
            return Err(Error::NonFinite { name: weights.name().into(), tensor: info.name.clone(), index });
        }
    }
    Ok(())
}

/// A pack's base, or its base with a delta put in.
pub fn entry(pack: &Pack, id: &str) -> Result<Model> {
    let weights: Arc<dyn Weights> = if id == BASE { pack.base() } else { Arc::new(pack.weights(id)?) };
    let about = pack.manifest();
    let mut texts = BTreeMap::new();
    for path in [&about.config, &about.tokenizer] {
        texts.insert(path.rsplit('/').next().unwrap_or(path).to_owned(), pack.text(path)?.to_owned());
    }
    let beside = about.tokenizer.replace("tokenizer.json", "tokenizer_config.json");
    if let Ok(text) = pack.text(&beside) {
        texts.insert("tokenizer_config.json".into(), text.to_owned());
    }
    Ok(Model { weights, texts })
}
