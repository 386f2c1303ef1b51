//! What training commands share: where weights come from, the data, and the loop with its bar and checkpoints.

mod data;
mod held_out;
mod watch;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use burn::tensor::Device;
use maec_checkpoint::{Dtype, TensorInfo, dtype, fingerprint, sha256_hex};
use maec_lab::{Advice, check_weights, free_memory};
use maec_model::kernels::computes_bf16;
use maec_model::{Decoder, ModelConfig, Precision, Storage};
use maec_train::{KeyNeurons, Random, Trainer, importance};

use crate::failure::usage;
use crate::input;
use crate::models::{Model, Models, check_finite};

pub use data::Data;
pub use held_out::Measured;
pub use watch::{Alone, Keeper, bar, run};

/// Stream of the seed that fresh weights are drawn from; the data's order uses the low ones.
const WEIGHTS_STREAM: u64 = u64::MAX;

/// Where a run's weights come from.
#[allow(clippy::large_enum_variant, reason = "there is one in a run")]
pub enum Origin {
    /// A model.
    Model(Model),
    /// Fresh random ones, after a configuration.
    Fresh {
        /// The configuration.
        config: ModelConfig,
        /// The text it was read from.
        text: String,
        /// The seed they are drawn from.
        seed: u64,
    },
}

impl Origin {
    /// A model by its name.
    pub fn model(name: &Path) -> Result<Self> {
        Ok(Self::Model(Models::in_folder(Path::new(".")).open(&name.display().to_string())?))
    }

    /// Fresh weights for a `config.json`.
    pub fn fresh(config: &Path, seed: u64) -> Result<Self> {
        let text = input::text(config)?;
        let parsed = ModelConfig::from_json(&text).with_context(|| config.display().to_string())?;
        Ok(Self::Fresh { config: parsed, text, seed })
    }

    /// The configuration.
    pub fn config(&self) -> Result<ModelConfig> {
        match self {
            Self::Model(model) => model.config(),
            Self::Fresh { config, .. } => Ok(config.clone()),
        }
    }

    /// The weights on a device.
    pub fn build(&self, device: &Device) -> Result<Decoder> {
        match self {
            Self::Model(model) => {
                let elements: usize = model.weights.tensors().iter().map(TensorInfo::elements).sum();
                room_for(device, 4 * elements as u64)?;
                model.load(device)
            }
            Self::Fresh { config, text, seed } => {
                let elements: usize =
                    config.tensors().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum();
                room_for(device, 4 * elements as u64)?;
                let mut random = Random::new(*seed, WEIGHTS_STREAM);
                Ok(Decoder::init(config.clone(), device, deviation(text), &mut || random.normal()))
            }
        }
    }

    /// The weights on a device for a run: with `bf16`, matrices stay in the 16 bits that they are stored in, and what is trained
    /// of them gets f32 masters. Fails where a matrix is stored in more, and on a GPU that lacks bfloat16, as WebGPU's shaders do.
    pub fn build_stored(&self, device: &Device, bf16: bool) -> Result<Decoder> {
        let (Self::Model(model), true) = (self, bf16) else { return self.build(device) };
        if !computes_bf16(device) {
            return Err(usage("--bf16: this device does not compute in bfloat16; leave it out"));
        }
        let rounded = |info: &&TensorInfo| info.shape.len() > 1 && info.dtype != Dtype::BF16;
        if let Some(info) = model.weights.tensors().iter().find(rounded) {
            let dtype = dtype::name(info.dtype);
            return Err(usage(format!("--bf16 would round `{}`, which is {dtype}; leave it out", info.name)));
        }
        let bytes: usize = model.weights.tensors().iter().map(TensorInfo::bytes).sum();
        room_for(device, bytes as u64)?;
        check_finite(model.weights.as_ref())?;
        let storage = Storage { matrices: Precision::Bf16, ..Storage::default() };
        Ok(Decoder::load_as(model.config()?, model.weights.as_ref(), device, storage)?)
    }

    /// What tells it from any other.
    pub fn identity(&self) -> Result<String> {
        Ok(match self {
            Self::Model(model) => format!("base {}", fingerprint(model.weights.as_ref())?),
            Self::Fresh { text, seed, .. } => format!("config {}, seed {seed}", sha256_hex(text.as_bytes())),
        })
    }

    /// The tokenizer's files: those asked for, else the model's own.
    pub fn tokenizer_files(&self, asked: Option<&PathBuf>) -> Result<BTreeMap<String, String>> {
        match (asked, self) {
            (Some(path), _) => input::tokenizer_files(path),
            (None, Self::Model(model)) => {
                let of_tokenizer = |name: &String| name != "config.json" && name != "generation_config.json";
                let own = model.texts.iter().filter(|(name, _)| of_tokenizer(name));
                let own: BTreeMap<String, String> =
                    own.map(|(name, text)| (name.clone(), text.clone())).collect();
                match own.contains_key("tokenizer.json") {
                    true => Ok(own),
                    false => Err(usage(format!(
                        "`{}` has no tokenizer.json; give --tokenizer",
                        model.weights.name()
                    ))),
                }
            }
            (None, Self::Fresh { .. }) => Err(usage("fresh weights have no tokenizer; give --tokenizer")),
        }
    }
}

/// Whether weights fit: a GPU's memory is not this machine's.
fn room_for(device: &Device, bytes: u64) -> Result<()> {
    match free_memory().filter(|_| is_cpu(device)) {
        Some(free) => Ok(check_weights(bytes, free, &Advice::FLAGS)?),
        None => Ok(()),
    }
}

/// Whether a device computes in this machine's memory.
fn is_cpu(device: &Device) -> bool {
    *device == Device::flex()
}

/// `initializer_range` of a `config.json`, 0.02 where it has none.
fn deviation(config: &str) -> f32 {
    let json: serde_json::Value = serde_json::from_str(config).unwrap_or_default();
    json["initializer_range"].as_f64().unwrap_or(0.02) as f32
}

/// Refuses a k₁ that is no share.
pub fn check_k1(k1: f64) -> Result<()> {
    if (0.0..=1.0).contains(&k1) {
        return Ok(());
    }
    Err(usage(format!("k1 is {k1}: give a fraction between 0 and 1, for example 0.05")))
}

/// The union of some masks; `None` of none.
pub fn mask(paths: &[PathBuf]) -> Result<Option<KeyNeurons>> {
    let mut union: Option<KeyNeurons> = None;
    for path in paths {
        let (neurons, _) = KeyNeurons::load(path)?;
        union = Some(match union {
            Some(others) => others.union(&neurons),
            None => neurons,
        });
    }
    Ok(union)
}

/// Eq. 1: the `fraction` (k₁) of all parameters that training moved most, ranked globally.
///
/// I(θⱼ) = |Θ̃ⱼ − Θⱼ| / learning rate, Θ from `origin` and Θ̃ as the trainer has it now.
pub fn key_neurons(
    origin: &Origin,
    trainer: &Trainer,
    learning_rate: f64,
    fraction: f64,
) -> Result<KeyNeurons> {
    let before = pollster::block_on(origin.build(&Device::flex())?.values())?;
    let after = pollster::block_on(trainer.model().values())?;
    let mut importances = BTreeMap::new();
    for (name, (_, after)) in after {
        let before = before.get(&name).map_or(&[][..], |(_, values)| values);
        importances.insert(name, importance(before, &after, learning_rate));
    }
    Ok(KeyNeurons::select(&importances, fraction)?)
}
