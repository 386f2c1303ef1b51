//! One seed's world, tokenized, and the training runs on it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use burn::tensor::Device;
use maec_checkpoint::{Dtype, MemoryWeights, Weights};
use maec_eval::Problem;
use maec_model::{Decoder, ModelConfig, WordTokenizer};
use maec_train::{KeyNeurons, Mixture, Random, Schedule, Source, TrainConfig, Trainer, importance};
use maec_world::{Document, END_ID, Language, World};

use super::LabSettings;

/// What a training run says of itself while it goes on.
pub struct TrainingNews<'a> {
    /// Which run.
    pub name: &'a str,
    /// Steps done.
    pub step: u32,
    /// Steps in all.
    pub steps: u32,
    /// The last loss.
    pub loss: f32,
    /// Tokens a second since the run began.
    pub tokens_per_second: f64,
}

/// Hears of every step, and may break the run off.
pub type News<'a> = dyn Fn(TrainingNews<'_>) -> ControlFlow<()> + 'a;

/// One seed's corpora and settings.
pub struct Workshop {
    /// The settings.
    pub settings: LabSettings,
    /// The seed.
    pub seed: u64,
    /// The world.
    pub world: World,
    /// Its tokenizer.
    pub tokenizer: WordTokenizer,
    /// The model's shape.
    pub model: ModelConfig,
    device: Device,
}

/// A run: what it starts from, learns and changes.
pub struct Run<'a> {
    /// Name, for progress.
    pub name: String,
    /// Weights to start from; `None` starts afresh.
    pub start: Option<&'a dyn Weights>,
    /// Corpora with their shares of the tokens.
    pub corpora: Vec<(&'a str, Vec<Document>, f64)>,
    /// Steps.
    pub steps: u32,
    /// Peak learning rate.
    pub rate: f64,
    /// Train these only.
    pub neurons: Option<KeyNeurons>,
}

impl Workshop {
    /// Draws the world.
    ///
    /// # Errors
    /// When the settings make no world.
    pub fn new(settings: LabSettings, seed: u64) -> Result<Self> {
        settings.check()?;
        let world = World::new(settings.world(seed))?;
        let tokenizer = WordTokenizer::from_json(&world.tokenizer_json())?;
        let model = settings.model(tokenizer.vocab_size());
        model.check()?;
        Ok(Self { settings, seed, world, tokenizer, model, device: Device::flex() })
    }

    /// Loads weights as a model on the workshop's device.
    ///
    /// # Errors
    /// When they do not fit the model.
    pub fn load(&self, weights: &dyn Weights) -> Result<Decoder> {
        Ok(Decoder::load(self.model.clone(), weights, &self.device)?)
    }

    /// Problems in the evaluation's type: the test problems, or the validation problems.
    pub fn problems(&self, language: Language, test: bool) -> Vec<Problem> {
        let problems = if test { self.world.test(language) } else { self.world.validation(language) };
        let convert = |p: maec_world::Problem| serde_json::from_value(serde_json::to_value(p)?);
        problems
            .into_iter()
            .map(convert)
            .collect::<Result<_, serde_json::Error>>()
            .expect("both read the same JSON")
    }

    /// Held-out general text of a language.
    pub fn heldout(&self, language: Language) -> Vec<String> {
        self.world.heldout(language).map(|document| document.text).collect()
    }

    fn tokens(&self, document: &Document) -> Vec<u32> {
        let mut ids = self.tokenizer.encode(&document.text);
        ids.push(END_ID);
        ids
    }

    fn trainer(&self, run: &Run<'_>) -> Result<Trainer> {
        let sources = run.corpora.iter().map(|(name, documents, weight)| Source {
            name: (*name).to_owned(),
            sequences: documents.iter().map(|document| self.tokens(document)).collect(),
            weight: *weight,
        });
        let positions = self.model.max_position_embeddings;
        let mixture = Mixture::new(sources.collect(), self.seed, self.model.vocab_size, positions)?;
        let fresh = TrainConfig::default();
        let (epsilon, beta2) = match run.start {
            Some(_) => (self.settings.epsilon, self.settings.beta2),
            None => (fresh.epsilon, fresh.beta2),
        };
        let config = TrainConfig {
            steps: run.steps,
            sequences_per_step: self.settings.batch,
            learning_rate: run.rate,
            warmup_steps: (run.steps / 20).max(5),
            schedule: Schedule::Cosine,
            seed: self.seed,
            epsilon,
            beta2,
            ..fresh
        };
        let device = self.device.clone().autodiff();
        let model = match run.start {
            Some(weights) => Decoder::load(self.model.clone(), weights, &device)?,
            None => {
                let mut random = Random::new(self.seed, 1 << 40);
                Decoder::init(self.model.clone(), &device, 0.02, &mut || random.normal())
            }
        };
        Ok(Trainer::new(model, config, mixture, run.neurons.clone())?)
    }

    /// Trains to the end and returns the weights rounded to `dtype`.
    ///
    /// # Errors
    /// When training diverges or the settings make no sense.
    pub fn train(&self, run: &Run<'_>, dtype: Dtype, news: &News<'_>) -> Result<MemoryWeights> {
        let mut trainer = self.trainer(run).with_context(|| format!("training {}", run.name))?;
        let start = Instant::now();
        while !trainer.finished() {
            let report = trainer.step().with_context(|| format!("training {}", run.name))?;
            let going_on = news(TrainingNews {
                name: &run.name,
                step: report.step,
                steps: run.steps,
                loss: report.loss,
                tokens_per_second: trainer.tokens() as f64 / start.elapsed().as_secs_f64(),
            });
            if going_on.is_break() {
                bail!("interrupted while training {}", run.name);
            }
        }
        Ok(trainer.weights(&run.name, dtype)?)
    }

    /// Eq. 1: the key neurons of a short run with all parameters.
    ///
    /// # Errors
    /// As [`Workshop::train`].
    pub fn key_neurons(&self, run: &Run<'_>, news: &News<'_>) -> Result<KeyNeurons> {
        let after = self.train(run, Dtype::F32, news)?;
        let before = run.start.context("Eq. 1 compares with the model that the run starts from")?;
        let mut scores = BTreeMap::new();
        for info in after.tensors() {
            let (before, after) = (before.read_f32(&info.name)?, after.read_f32(&info.name)?);
            scores.insert(info.name.clone(), importance(&before, &after, run.rate));
        }
        Ok(KeyNeurons::select(&scores, self.settings.k1)?)
    }
}
