//! What training commands share: where weights come from, the data, and the loop with its bar and checkpoints.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use burn::tensor::Device;
use indicatif::ProgressBar;
use maec_checkpoint::{fingerprint, sha256_hex};
use maec_model::{Decoder, ModelConfig, WordTokenizer};
use maec_train::{KeyNeurons, Mixture, Random, Source, Trainer, importance};

use crate::args::DataArgs;
use crate::failure::usage;
use crate::input::{self, Corpus};
use crate::interrupt;
use crate::models::{Model, Models};
use crate::{progress, table};

/// Stream of the seed that fresh weights are drawn from; the data's order uses the low ones.
const WEIGHTS_STREAM: u64 = u64::MAX;
/// Steps that the loss shown is the mean of.
const SHOWN_STEPS: usize = 20;

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
            Self::Model(model) => model.load(device),
            Self::Fresh { config, text, seed } => {
                let mut random = Random::new(*seed, WEIGHTS_STREAM);
                Ok(Decoder::init(config.clone(), device, deviation(text), &mut || random.normal()))
            }
        }
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

/// `initializer_range` of a `config.json`, 0.02 where it has none.
fn deviation(config: &str) -> f32 {
    let json: serde_json::Value = serde_json::from_str(config).unwrap_or_default();
    json["initializer_range"].as_f64().unwrap_or(0.02) as f32
}

/// What a run learns from.
pub struct Data {
    /// The tokenizer's files, by name.
    pub texts: BTreeMap<String, String>,
    /// The corpora.
    pub corpora: Vec<Corpus>,
    tokenizer: WordTokenizer,
    end: Option<u32>,
}

impl Data {
    /// Reads the corpora and the tokenizer.
    pub fn read(args: &DataArgs, origin: &Origin) -> Result<Self> {
        let texts = origin.tokenizer_files(args.tokenizer.as_ref())?;
        let tokenizer = WordTokenizer::from_json(&texts["tokenizer.json"])?;
        let end = origin.config()?.eos_token_ids.first().copied().or_else(|| tokenizer.id_of("</s>"));
        let corpora = args.corpora.iter().map(input::corpus).collect::<Result<_>>()?;
        Ok(Self { texts, corpora, tokenizer, end })
    }

    /// A configuration with the tokenizer's start and end tokens, where it has none.
    pub fn complete(&self, config: ModelConfig) -> ModelConfig {
        ModelConfig {
            bos_token_id: config.bos_token_id.or_else(|| self.tokenizer.id_of("<s>")),
            eos_token_ids: match config.eos_token_ids.as_slice() {
                [] => self.end.into_iter().collect(),
                known => known.to_vec(),
            },
            ..config
        }
    }

    /// The mixture of the corpora, in the order of a seed, for a model. Texts are tokenized anew.
    pub fn mixture(&self, seed: u64, model: &ModelConfig) -> Result<Mixture> {
        let sources = self.corpora.iter().map(|corpus| Source {
            name: corpus.name.clone(),
            sequences: input::tokenize(&self.tokenizer, self.end, &corpus.texts),
            weight: corpus.weight,
        });
        Ok(Mixture::new(sources.collect(), seed, model.vocab_size, model.max_position_embeddings)?)
    }
}

/// What a run came to.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    /// Mean loss of the last steps; none where none was done.
    pub loss: Option<f32>,
    /// Seconds it took.
    pub seconds: f64,
    /// Tokens trained on in them.
    pub tokens: u64,
}

/// Trains to the end, with a bar. `save` is called every `every` steps (0: never), and once more when interrupted,
/// which is an error.
pub fn run(
    trainer: &mut Trainer,
    bar: &ProgressBar,
    every: u32,
    save: &mut dyn FnMut(&Trainer) -> Result<()>,
) -> Result<Outcome> {
    let (start, begun_with) = (Instant::now(), trainer.tokens());
    let mut losses = VecDeque::with_capacity(SHOWN_STEPS);
    let mean = |losses: &VecDeque<f32>| match losses.len() {
        0 => None,
        n => Some(losses.iter().sum::<f32>() / n as f32),
    };
    bar.set_position(trainer.steps_done().into());
    bar.reset_eta();
    while !trainer.finished() {
        if interrupt::requested() {
            save(trainer)?;
            bar.abandon();
            bail!("interrupted after {} of {} steps", trainer.steps_done(), bar.length().unwrap_or_default());
        }
        let step = trainer.step()?;
        if losses.len() == SHOWN_STEPS {
            losses.pop_front();
        }
        losses.push_back(step.loss);
        let rate = (trainer.tokens() - begun_with) as f64 / start.elapsed().as_secs_f64();
        bar.set_message(format!(
            "loss {:.3} · {} tokens/s",
            mean(&losses).unwrap_or(step.loss),
            table::count(rate as u64)
        ));
        bar.set_position(step.step.into());
        if every > 0 && step.step % every == 0 && !trainer.finished() {
            save(trainer)?;
        }
    }
    bar.finish_and_clear();
    let tokens = trainer.tokens() - begun_with;
    Ok(Outcome { loss: mean(&losses), seconds: start.elapsed().as_secs_f64(), tokens })
}

/// A bar for a run of so many steps.
pub fn bar(label: &str, steps: u32) -> ProgressBar {
    progress::bar(label, steps.into())
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
