//! What was looked at.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use maec_checkpoint::{
    ByteSource, Dtype, Error, FileSet, Manifest, ModelFolder, ModelSummary, SafetensorsReader, SparseDelta,
    Weights,
};
use maec_model::ModelConfig;
use maec_protocol::{DeltaCard, Item, ItemId, ItemKind, ModelCard};
use maec_recipe::Recipe;

use super::adapter::Adapter;
use super::place::Opened;
use crate::Failure;

/// Something that was looked at, with its files.
pub(crate) struct Looked {
    pub id: ItemId,
    pub place: Opened,
    pub thing: Thing,
}

/// What it is.
pub(crate) enum Thing {
    Model(Box<Model>),
    Delta(Delta),
    Adapter(Box<Adapter>),
    Pack(Box<OwnPack>),
    Recipe(Recipe),
    /// A mergekit file.
    Config {
        yaml: String,
        /// The models that it names.
        models: Vec<String>,
    },
}

/// A whole model, known from its headers.
pub(crate) struct Model {
    pub folder: Arc<ModelFolder>,
    pub summary: ModelSummary,
    /// Its configuration, or a sentence that says why the engine can't run it.
    pub config: Result<ModelConfig, String>,
    /// Tokens that end a text.
    pub stops: Vec<u32>,
    /// Tokens of its tokenizer; none where there is no tokenizer that can be read.
    pub tokens: Option<u64>,
    /// The files that hold its weights, as the place's set names them.
    pub files: Vec<String>,
    pub card: ModelCard,
    /// Its fingerprint, once it was read.
    pub fingerprint: RefCell<Option<String>>,
}

/// A sparse delta, known from its header.
pub(crate) struct Delta {
    /// The file, as the place's set names it.
    pub file: String,
    source: Arc<dyn ByteSource>,
    /// Fingerprint of its base, 64 hex digits.
    pub base: String,
    /// Changed tensors with their number of values and dtype, sorted by name.
    pub tensors: Vec<(String, u64, Dtype)>,
    pub card: DeltaCard,
}

/// A pack in its folder: its manifest is checked, its files are when they are loaded.
pub(crate) struct OwnPack {
    pub id: String,
    pub manifest: Manifest,
    pub recipe: Recipe,
    pub base: Model,
    pub deltas: Vec<Delta>,
}

impl Looked {
    /// What the page is told.
    pub async fn item(&self) -> Result<Item, Failure> {
        let kind = match &self.thing {
            Thing::Model(model) => ItemKind::Model(model.card.clone()),
            Thing::Delta(delta) => ItemKind::Delta(delta.card.clone()),
            Thing::Adapter(adapter) => ItemKind::Adapter(adapter.card.clone()),
            Thing::Pack(pack) => ItemKind::Pack {
                title: pack.manifest.title.clone(),
                id: pack.id.clone(),
                base: pack.base.card.clone(),
                deltas: pack.deltas.iter().map(|delta| delta.card.clone()).collect(),
                recipe: pack.recipe.clone(),
            },
            Thing::Recipe(recipe) => ItemKind::Recipe { recipe: recipe.clone() },
            Thing::Config { yaml, models } => ItemKind::Config { yaml: yaml.clone(), models: models.clone() },
        };
        let (cached, all) = self.remote_bytes(&self.weight_files()).await?;
        let bytes_to_fetch = all.saturating_sub(cached);
        Ok(Item { id: self.id, title: self.place.title.clone(), bytes_to_fetch, kind })
    }

    /// The model that can stand as a base: itself, or the pack's.
    pub fn base(&self) -> Option<&Model> {
        match &self.thing {
            Thing::Model(model) => Some(model),
            Thing::Pack(pack) => Some(&pack.base),
            _ => None,
        }
    }

    /// The adapter that it is.
    pub fn adapter(&self) -> Option<&Adapter> {
        match &self.thing {
            Thing::Adapter(adapter) => Some(adapter),
            _ => None,
        }
    }

    /// Its deltas: itself, or the pack's.
    pub fn deltas(&self) -> &[Delta] {
        match &self.thing {
            Thing::Delta(delta) => std::slice::from_ref(delta),
            Thing::Pack(pack) => &pack.deltas,
            _ => &[],
        }
    }

    /// The files with weights, as the place's set names them.
    pub fn weight_files(&self) -> Vec<String> {
        let base = self.base().into_iter().flat_map(|model| model.files.iter().cloned());
        let adapter = self.adapter().map(|_| Adapter::FILE.to_owned());
        base.chain(self.deltas().iter().map(|delta| delta.file.clone())).chain(adapter).collect()
    }

    /// Bytes of some of its files that are fetched already, and all of them; both 0 for local files.
    pub async fn remote_bytes(&self, of: &[String]) -> Result<(u64, u64), Failure> {
        let Some(remote) = &self.place.remote else { return Ok((0, 0)) };
        let lengths: BTreeMap<String, u64> = self.place.files.files().into_iter().collect();
        let all = of.iter().filter_map(|file| lengths.get(file)).sum();
        Ok((remote.cached(of).await?, all))
    }
}

impl Model {
    /// Why it cannot be spoken with, in one sentence, where it has no tokenizer.
    pub fn wordless(&self) -> Option<String> {
        let why = &self.card.tokenizer;
        self.tokens
            .is_none()
            .then(|| format!("It cannot be spoken with: {why}; add it to the model's folder."))
    }
}

impl Delta {
    /// Reads a delta's header; recipes will call it `name`.
    pub fn open(files: &dyn FileSet, file: &str, name: &str) -> Result<Self, Error> {
        let source = files.open(file)?;
        let delta = SparseDelta::open(source.clone())?;
        let reader = SafetensorsReader::open(source.clone())?;
        let values = |tensor: &String| {
            let info = reader.info(&format!("{tensor}.values"))?;
            Ok((tensor.clone(), info.elements() as u64, info.dtype))
        };
        let tensors = delta.tensors().iter().map(values).collect::<Result<Vec<_>, Error>>()?;
        let base = delta.base_fingerprint().to_lowercase();
        let card = DeltaCard {
            name: name.into(),
            tensors: tensors.len() as u32,
            changed: tensors.iter().map(|(_, values, _)| values).sum(),
            base: base[..16].into(),
        };
        Ok(Self { file: file.into(), source, base, tensors, card })
    }

    /// Base + delta. Fails where the fingerprints differ or an entry does not fit.
    pub fn apply(&self, base: Arc<dyn Weights>) -> Result<Arc<dyn Weights>, Error> {
        Ok(Arc::new(SparseDelta::open(self.source.clone())?.apply(base)?))
    }
}
