//! The workshop world as the ground of an experiment.

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::tensor::Device;
use maec_checkpoint::Weights;
use maec_eval::{Problem, Question};
use maec_model::{Decoder, ModelConfig, WordTokenizer};
use maec_train::{Mixture, Schedule, Sequences, Source, TrainConfig};
use maec_world::{Document, END_ID, Language, World, WorldConfig};

use crate::corpus::{Corpus, Share};
use crate::error::LabError;
use crate::exam::ProblemSet;
use crate::ground::{Base, Ground};
use crate::memo::Memo;
use crate::run::{Run, Start, Trains};
use crate::settings::LabSettings;

/// L0.
pub const REFERENCE: Language = Language::En;
/// L1…Ln, in the recipe's order.
pub const TARGETS: [Language; 4] = [Language::Es, Language::Zh, Language::Bn, Language::Te];

/// One seed's world, its tokenizer and its model's shape.
pub struct WorldGround {
    /// The settings.
    pub settings: LabSettings,
    /// The seed of the world, of fresh weights and of the data's order.
    pub seed: u64,
    /// The world.
    pub world: World,
    /// Its tokenizer.
    pub tokenizer: WordTokenizer,
    model: ModelConfig,
    identity: String,
    device: Device,
    /// By language, and whether they are the test's.
    problems: Memo<(Language, bool), Problem>,
    questions: Memo<(Language, bool), Question>,
    heldout: Memo<Language, String>,
}

impl WorldGround {
    /// Draws the world.
    ///
    /// # Errors
    /// When the settings make no world.
    pub fn new(settings: LabSettings, seed: u64) -> Result<Self, LabError> {
        settings.check()?;
        let world = World::new(settings.world(seed))?;
        let tokenizer = WordTokenizer::from_json(&world.tokenizer_json())
            .map_err(|error| LabError::Tokenizer(error.to_string()))?;
        let model = settings.model(tokenizer.vocab_size());
        model.check()?;
        // Problems and held-out text decide nothing about a training.
        let corpora = WorldConfig {
            heldout_documents: 1,
            validation_problems: 1,
            test_problems: 1,
            ..world.config().clone()
        };
        let identity = serde_json::json!({
            "world": corpora,
            "model": serde_json::from_str::<serde_json::Value>(&model.to_json("bfloat16")).unwrap_or_default(),
            "batch": [settings.batch, settings.continual_batch],
            "epsilon": settings.epsilon,
            "beta2": settings.beta2,
        });
        let identity = identity.to_string();
        Ok(Self {
            settings,
            seed,
            world,
            tokenizer,
            model,
            identity,
            device: Device::flex(),
            problems: Memo::default(),
            questions: Memo::default(),
            heldout: Memo::default(),
        })
    }

    /// The abilities that the world teaches, by name.
    pub fn abilities(&self) -> Vec<&'static str> {
        let abilities = self.settings.abilities;
        let named = [("arithmetic", abilities.arithmetic()), ("science", abilities.science())];
        named.into_iter().filter_map(|(name, taught)| taught.then_some(name)).collect()
    }

    /// The run that makes Θo.
    pub fn base_run(&self) -> Run {
        Run {
            name: "base".to_owned(),
            start: Start::Fresh,
            corpora: Share::whole(Corpus::Base),
            steps: self.settings.base_steps,
            rate: self.settings.base_rate,
            trains: Trains::All,
        }
    }

    /// The base's text files, by name.
    pub fn texts(&self) -> BTreeMap<String, String> {
        let text = |name: &str, text: String| (name.to_owned(), text);
        BTreeMap::from([
            text("config.json", self.model.to_json("bfloat16")),
            text("tokenizer.json", self.world.tokenizer_json()),
            text("tokenizer_config.json", self.world.tokenizer_config_json()),
        ])
    }

    /// Loads weights as a model.
    ///
    /// # Errors
    /// When they do not fit it.
    pub fn load(&self, weights: &dyn Weights) -> Result<Decoder, LabError> {
        Ok(Decoder::load(self.model.clone(), weights, &self.device)?)
    }

    /// Story problems of a language.
    pub fn problems(&self, language: Language, set: ProblemSet) -> Arc<[Problem]> {
        if !self.settings.abilities.arithmetic() {
            return Arc::default();
        }
        self.problems.get((language, set == ProblemSet::Test), || {
            again(match set {
                ProblemSet::Test => self.world.test(language),
                ProblemSet::Validation => self.world.validation(language),
            })
        })
    }

    /// Four-choice questions of a language.
    pub fn questions(&self, language: Language, set: ProblemSet) -> Arc<[Question]> {
        if !self.settings.abilities.science() {
            return Arc::default();
        }
        self.questions.get((language, set == ProblemSet::Test), || {
            again(match set {
                ProblemSet::Test => self.world.science_test(language),
                ProblemSet::Validation => self.world.science_validation(language),
            })
        })
    }

    /// Held-out general text of a language.
    pub fn heldout(&self, language: Language) -> Arc<[String]> {
        self.heldout.get(language, || self.world.heldout(language).map(|document| document.text).collect())
    }

    fn documents(&self, corpus: &Corpus) -> Result<Vec<Document>, LabError> {
        let missing = || LabError::NoCorpus { corpus: corpus.to_string() };
        let language = |code: &str| Language::from_code(code).ok_or_else(missing);
        Ok(match corpus {
            Corpus::Base => self.world.base().collect(),
            Corpus::General { language: code } => self.world.general(language(code)?).collect(),
            Corpus::Ability { ability, language: code } => match ability.as_str() {
                "arithmetic" if self.settings.abilities.arithmetic() => {
                    self.world.ability_in(language(code)?).collect()
                }
                "science" if self.settings.abilities.science() => {
                    self.world.science_in(language(code)?).collect()
                }
                _ => return Err(missing()),
            },
            Corpus::Prepared { .. } => return Err(missing()),
        })
    }

    fn tokens(&self, document: &Document) -> Vec<u32> {
        let mut ids = self.tokenizer.encode(&document.text);
        ids.push(END_ID);
        ids
    }
}

/// The world's problems in the evaluation's types, which read the same JSON.
fn again<T: serde::Serialize, U: serde::de::DeserializeOwned>(problems: Vec<T>) -> Vec<U> {
    serde_json::to_value(problems).and_then(serde_json::from_value).expect("both are the same JSON")
}

impl Ground for WorldGround {
    fn identity(&self) -> &str {
        &self.identity
    }

    fn model(&self) -> &ModelConfig {
        &self.model
    }

    fn base(&self) -> Base {
        Base::Trained(self.base_run())
    }

    fn sequences(&self, corpora: &[Share]) -> Result<Box<dyn Sequences>, LabError> {
        let mut sources = Vec::new();
        for share in corpora {
            sources.push(Source {
                name: share.corpus.to_string(),
                sequences: self
                    .documents(&share.corpus)?
                    .iter()
                    .map(|document| self.tokens(document))
                    .collect(),
                weight: share.weight,
            });
        }
        let positions = self.model.max_position_embeddings;
        let mixture = Mixture::new(sources, self.seed, self.model.vocab_size, positions)
            .map_err(|source| LabError::training("the mixture", source))?;
        Ok(Box::new(mixture))
    }

    fn config(&self, steps: u32, rate: f64, fresh: bool) -> TrainConfig {
        let default = TrainConfig::default();
        let s = &self.settings;
        let (batch, epsilon, beta2) = match fresh {
            true => (s.batch, default.epsilon, default.beta2),
            false => (s.continual_batch, s.epsilon, s.beta2),
        };
        TrainConfig {
            steps,
            sequences_per_step: batch,
            learning_rate: rate,
            warmup_steps: (steps / 20).max(5),
            schedule: Schedule::Cosine,
            seed: self.seed,
            epsilon,
            beta2,
            ..default
        }
    }

    fn device(&self) -> Device {
        self.device.clone()
    }
}
