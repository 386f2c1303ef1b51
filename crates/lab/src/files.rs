//! Models and prepared corpora from files as the ground of an experiment.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use burn::tensor::Device;
use maec_checkpoint::{Dtype, Weights, dtype};
use maec_corpus::{Blocks, Corpus as Prepared, Mixture, Part, Split};
use maec_model::kernels::computes_bf16;
use maec_model::{LoadError, ModelConfig, Precision, Storage};
use maec_train::{Sequences, TrainConfig};

use crate::catalog::{Catalog, LanguageCorpora};
use crate::corpus::{Corpus, Share};
use crate::error::LabError;
use crate::experiment::{AbilityCorpora, Experiment, ExperimentError, TargetLanguage, Training};
use crate::extraction::Extraction;
use crate::ground::{Base, Ground};
use crate::windows::Windows;

/// Tokens of a window where none are asked for and the model has as many positions.
const SEQ_LEN: usize = 1024;

/// Θo and what belongs to it.
#[derive(Clone)]
pub struct Backbone {
    /// Its weights.
    pub weights: Arc<dyn Weights>,
    /// Its shape.
    pub config: ModelConfig,
    /// SHA-256 of its `tokenizer.json`, 64 hex digits.
    pub tokenizer: Option<String>,
    /// Its fingerprint; none for a look at headers alone, whose keys find nothing in a store.
    pub fingerprint: Option<String>,
}

/// An experiment with its models and corpora opened.
pub struct FilesGround {
    experiment: Experiment,
    base: Backbone,
    /// By what they are in the experiment.
    corpora: BTreeMap<Corpus, Blocks>,
    seq_len: usize,
    identity: String,
    device: Device,
}

impl FilesGround {
    /// Opens the corpora that an experiment names, relative to `folder`, and checks them and the base against each other from
    /// headers and manifests.
    ///
    /// # Errors
    /// Everything that stands in the way.
    pub fn open(
        experiment: Experiment,
        folder: &Path,
        base: Backbone,
        device: Device,
    ) -> Result<Self, Vec<LabError>> {
        let mut problems = check_base(&experiment, &base);
        if experiment.training.bf16 && !computes_bf16(&device) {
            problems.push(ExperimentError::NoBf16.into());
        }
        let positions = base.config.max_position_embeddings;
        let seq_len = experiment.training.seq_len.unwrap_or(SEQ_LEN.min(positions));
        if seq_len > positions {
            let (key, value) =
                ("seq_len".to_owned(), format!("{seq_len}, the model has {positions} positions"));
            problems.push(ExperimentError::Value { key, value, expected: "give at most as many" }.into());
        }
        let corpora = open_corpora(&experiment, folder, seq_len, Some(&base), &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        let identity = identity(&experiment, &base, seq_len);
        Ok(Self { experiment, base, corpora, seq_len, identity, device })
    }

    /// What stands in the way of an experiment whose base can't be opened.
    pub fn problems_without_base(experiment: &Experiment, folder: &Path) -> Vec<LabError> {
        let mut problems = Vec::new();
        open_corpora(experiment, folder, experiment.training.seq_len.unwrap_or(1), None, &mut problems);
        problems
    }

    /// The experiment.
    pub fn experiment(&self) -> &Experiment {
        &self.experiment
    }

    /// Whether the base's fingerprint is known, and keys find what is in a store.
    pub fn has_fingerprint(&self) -> bool {
        self.base.fingerprint.is_some()
    }

    /// SHA-256 of the base's `tokenizer.json`, 64 hex digits.
    pub fn tokenizer(&self) -> Option<&str> {
        self.base.tokenizer.as_deref()
    }

    /// Tokens of a window.
    pub fn seq_len(&self) -> usize {
        self.seq_len
    }

    /// Tokens of a corpus.
    ///
    /// # Errors
    /// [`LabError::NoCorpus`].
    pub fn tokens(&self, corpus: &Corpus) -> Result<u64, LabError> {
        Ok(self.blocks(corpus)?.tokens())
    }

    /// General text of a language as runs name it: by its content, so that a run's key knows it.
    ///
    /// # Errors
    /// [`LabError::NoCorpus`].
    pub fn general(&self, language: &str) -> Result<Corpus, LabError> {
        self.by_content(&Corpus::general(language))
    }

    /// An ability's corpus in a language, as [`general`](Self::general).
    ///
    /// # Errors
    /// [`LabError::NoCorpus`].
    pub fn ability(&self, ability: &str, language: &str) -> Result<Corpus, LabError> {
        self.by_content(&Corpus::ability(ability, language))
    }

    /// The paper's runs for an ability, with the translations that there are.
    ///
    /// # Errors
    /// [`ExperimentError::NoAbility`].
    pub fn catalog(&self, ability: &str) -> Result<Catalog, LabError> {
        let e = &self.experiment;
        let of = e.ability(ability).ok_or_else(|| no_ability(e, ability))?;
        let texts = |code: &str, translated: bool| -> Result<LanguageCorpora, LabError> {
            let translated = translated.then(|| self.ability(ability, code)).transpose()?;
            Ok(LanguageCorpora { code: code.to_owned(), general: self.general(code)?, translated })
        };
        let target =
            |language: &TargetLanguage| texts(&language.name, of.translated.contains_key(&language.name));
        Ok(Catalog {
            settings: e.into(),
            ability: ability.to_owned(),
            corpus: self.ability(ability, &e.reference)?,
            reference: texts(&e.reference, false)?,
            targets: e.languages.iter().map(target).collect::<Result<_, _>>()?,
            language_vectors: e.language_vectors,
        })
    }

    /// The trainings of an ability's extraction.
    ///
    /// # Errors
    /// [`ExperimentError::NoAbility`].
    pub fn extraction(&self, ability: &str) -> Result<Extraction, LabError> {
        let e = &self.experiment;
        let of = e.ability(ability).ok_or_else(|| no_ability(e, ability))?;
        let weights: Vec<f64> = e.languages.iter().map(|language| language.weight).collect();
        Ok(Extraction::new(&self.catalog(ability)?, e.scalars(of), &weights))
    }

    /// The same with another seed of the data's order.
    pub fn with_seed(&self, seed: u64) -> Self {
        let training = Training { seed, ..self.experiment.training.clone() };
        let experiment = Experiment { training, ..self.experiment.clone() };
        let identity = identity(&experiment, &self.base, self.seq_len);
        let (base, corpora) = (self.base.clone(), self.corpora.clone());
        Self { experiment, base, corpora, seq_len: self.seq_len, identity, device: self.device.clone() }
    }

    fn by_content(&self, corpus: &Corpus) -> Result<Corpus, LabError> {
        let identity = self.blocks(corpus)?.identity().to_owned();
        Ok(Corpus::Prepared { name: corpus.to_string(), identity })
    }

    fn blocks(&self, corpus: &Corpus) -> Result<&Blocks, LabError> {
        let found = match corpus {
            Corpus::Prepared { identity, .. } => {
                self.corpora.values().find(|blocks| blocks.identity() == identity)
            }
            named => self.corpora.get(named),
        };
        found.ok_or_else(|| LabError::NoCorpus { corpus: corpus.to_string() })
    }
}

impl Experiment {
    /// The same with one ability, and without the translations that only baselines are trained on.
    ///
    /// # Errors
    /// [`ExperimentError::NoAbility`].
    pub fn only(&self, ability: &str) -> Result<Self, LabError> {
        let found = self.ability(ability).ok_or_else(|| no_ability(self, ability))?;
        let one = AbilityCorpora { translated: BTreeMap::new(), ..found.clone() };
        Ok(Self { abilities: vec![one], ..self.clone() })
    }
}

fn no_ability(experiment: &Experiment, name: &str) -> LabError {
    let known = experiment.abilities.iter().map(|ability| format!("`{}`", ability.name)).collect();
    ExperimentError::NoAbility { name: name.to_owned(), known }.into()
}

/// Everything beside runs' descriptions that decides their outcomes. Corpora stand in the runs.
fn identity(experiment: &Experiment, base: &Backbone, seq_len: usize) -> String {
    let training = &experiment.training;
    // What runs say themselves is left out: with no steps and no rate.
    let constants = training.config(0, 0.0);
    let model: serde_json::Value = serde_json::from_str(&base.config.to_json("float32")).unwrap_or_default();
    serde_json::json!({
        "base": base.fingerprint,
        "model": model,
        "seq_len": seq_len,
        "training": constants,
        "warmup": training.warmup,
        "bf16": training.bf16,
    })
    .to_string()
}

/// What is wrong with a base by its headers.
fn check_base(experiment: &Experiment, base: &Backbone) -> Vec<LabError> {
    let model = || base.weights.name().to_owned();
    let mut problems: Vec<LabError> = Vec::new();
    let expected: BTreeMap<String, Vec<usize>> = base.config.tensors().into_iter().collect();
    for (tensor, shape) in &expected {
        match base.weights.info(tensor) {
            Err(_) => problems.push(LoadError::Missing { model: model(), tensor: tensor.clone() }.into()),
            Ok(info) if info.shape != *shape => problems.push(
                LoadError::Shape {
                    model: model(),
                    tensor: tensor.clone(),
                    found: info.shape.clone(),
                    expected: shape.clone(),
                }
                .into(),
            ),
            Ok(info) if !dtype::is_float(info.dtype) => {
                let name = format!("tensor `{tensor}` of dtype {}", info.dtype);
                problems.push(maec_checkpoint::Error::NotFloat { name }.into());
            }
            Ok(_) => {}
        }
    }
    for info in base.weights.tensors().iter().filter(|info| !expected.contains_key(&info.name)) {
        problems.push(ExperimentError::ExtraTensor { base: model(), tensor: info.name.clone() }.into());
    }
    let rounded = |info: &&maec_checkpoint::TensorInfo| info.shape.len() > 1 && info.dtype != Dtype::BF16;
    if experiment.training.bf16
        && let Some(info) = base.weights.tensors().iter().find(rounded)
    {
        let dtype = dtype::name(info.dtype);
        problems.push(ExperimentError::Rounds { tensor: info.name.clone(), dtype }.into());
    }
    if base.tokenizer.is_none() {
        problems.push(ExperimentError::NoTokenizer { base: model() }.into());
    }
    problems
}

/// Opens what an experiment names, and notes what is wrong with it.
fn open_corpora(
    experiment: &Experiment,
    folder: &Path,
    seq_len: usize,
    base: Option<&Backbone>,
    problems: &mut Vec<LabError>,
) -> BTreeMap<Corpus, Blocks> {
    let general = experiment.general.iter().map(|(language, path)| (Corpus::general(language), path));
    let abilities = experiment.abilities.iter().flat_map(|ability| {
        let own = [(Corpus::ability(&ability.name, &experiment.reference), &ability.corpus)];
        let others = ability.translated.iter();
        own.into_iter().chain(others.map(|(language, path)| (Corpus::ability(&ability.name, language), path)))
    });
    let mut corpora = BTreeMap::new();
    for (corpus, path) in general.chain(abilities) {
        match open_corpus(&folder.join(path), seq_len, base) {
            Ok(blocks) => drop(corpora.insert(corpus, blocks)),
            Err(problem) => problems.push(problem),
        }
    }
    corpora
}

fn open_corpus(path: &Path, seq_len: usize, base: Option<&Backbone>) -> Result<Blocks, LabError> {
    let prepared = Prepared::open(path)?;
    let tokenizer = &prepared.manifest().tokenizer;
    if let Some(base) = base {
        if base.tokenizer.as_ref().is_some_and(|sha256| *sha256 != tokenizer.sha256) {
            return Err(ExperimentError::OtherTokenizer { path: path.to_owned() }.into());
        }
        let (corpus, base) = (tokenizer.vocabulary, base.config.vocab_size);
        if corpus as usize > base {
            return Err(ExperimentError::Vocabulary { path: path.to_owned(), corpus, base }.into());
        }
    }
    let blocks = prepared.blocks(Split::Train)?;
    blocks.windows(seq_len)?;
    Ok(blocks)
}

impl Ground for FilesGround {
    fn identity(&self) -> &str {
        &self.identity
    }

    fn model(&self) -> &ModelConfig {
        &self.base.config
    }

    fn base(&self) -> Base {
        Base::Given(self.base.weights.clone())
    }

    fn sequences(&self, corpora: &[Share]) -> Result<Box<dyn Sequences>, LabError> {
        let part = |share: &Share| -> Result<Part, LabError> {
            Ok(Part { blocks: self.blocks(&share.corpus)?.clone(), weight: share.weight })
        };
        let parts = corpora.iter().map(part).collect::<Result<_, _>>()?;
        Ok(Box::new(Windows(Mixture::new(parts, self.experiment.training.seed, self.seq_len)?)))
    }

    fn config(&self, steps: u32, rate: f64, _: bool) -> TrainConfig {
        self.experiment.training.config(steps, rate)
    }

    fn device(&self) -> Device {
        self.device.clone()
    }

    /// BF16 where the base is; else F32, which holds every dtype that a base is stored in.
    fn dtype(&self) -> Dtype {
        let narrow = self.base.weights.tensors().iter().all(|info| info.dtype == Dtype::BF16);
        if narrow { Dtype::BF16 } else { Dtype::F32 }
    }

    fn checkpoint_every(&self) -> u32 {
        self.experiment.training.checkpoint_every
    }

    fn storage(&self) -> Storage {
        let matrices = if self.experiment.training.bf16 { Precision::Bf16 } else { Precision::F32 };
        Storage { matrices, ..Storage::default() }
    }

    fn tokens_per_sequence(&self, _: &[Share]) -> Result<f64, LabError> {
        Ok(self.seq_len as f64)
    }
}
