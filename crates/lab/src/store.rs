//! Outcomes by content: whatever was trained once from the same beginnings is found again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use maec_checkpoint::{
    AtomicFolder, ByteSink, DeltaPositions, FileSource, MemoryWeights, SparseDelta, Weights, fingerprint,
    model_hash, open_weights, read_file, write_delta, write_safetensors,
};
use maec_train::{KeyNeurons, StateMemory};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::error::LabError;

const DESCRIPTION: &str = "artefact.json";
const WEIGHTS: &str = "weights.safetensors";
const DELTA: &str = "delta.safetensors";
const NEURONS: &str = "neurons.safetensors";

/// What stands beside an outcome: what it is, from what it was made, and what that took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// 64 hex digits: see [`crate::Run::key`].
    pub key: String,
    /// What people call it.
    pub name: String,
    /// The experiment's identity.
    pub identity: String,
    /// The [`crate::Run`] or [`crate::Ranking`].
    pub made: Value,
    /// The version that made it.
    pub maec: String,
    /// SHA-256 of the outcome: the model hash, or that of the key neurons' file contents.
    pub hash: String,
    /// Fingerprint of the model that it began with; none where that was random.
    pub start: Option<String>,
    /// Tokens trained on.
    pub tokens: u64,
    /// Seconds that it took.
    pub seconds: f64,
    /// Trained parameters and their optimizer's state.
    pub memory: Option<StateMemory>,
    /// The loss of every step.
    pub losses: Vec<f32>,
}

/// A folder of outcomes, or memory alone.
#[derive(Default)]
pub struct Store {
    folder: Option<PathBuf>,
    kept: Mutex<BTreeMap<String, (Arc<dyn Weights>, Arc<Provenance>)>>,
    neurons: Mutex<BTreeMap<String, (Arc<KeyNeurons>, Arc<Provenance>)>>,
}

impl Store {
    /// Nothing outlives the program.
    pub fn memory() -> Self {
        Self::default()
    }

    /// In a folder, which is made when something is put there.
    pub fn folder(path: impl Into<PathBuf>) -> Self {
        Self { folder: Some(path.into()), ..Self::default() }
    }

    /// Where an outcome lies.
    fn path(&self, key: &str) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(&key[..16.min(key.len())]))
    }

    /// Where an unfinished run keeps its checkpoint.
    pub(crate) fn checkpoint(&self, key: &str) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(format!("{}.checkpoint.safetensors", &key[..16.min(key.len())])))
    }

    /// What is kept of a model under a key; `base` is what deltas were taken from.
    pub(crate) fn weights(
        &self,
        key: &str,
        base: Option<&Arc<dyn Weights>>,
    ) -> Result<Option<(Arc<dyn Weights>, Arc<Provenance>)>, LabError> {
        if let Some(found) = self.kept.lock().expect("no thread panicked here").get(key) {
            return Ok(Some(found.clone()));
        }
        let Some(path) = self.path(key) else { return Ok(None) };
        let Some(provenance) = described(&path, key)? else { return Ok(None) };
        let weights: Arc<dyn Weights> = match base {
            Some(base) if path.join(DELTA).exists() => {
                let delta = SparseDelta::open(Arc::new(FileSource::open(&path.join(DELTA))?))?;
                Arc::new(delta.apply(base.clone())?)
            }
            _ => open_weights(&path.join(WEIGHTS))?,
        };
        let found = (weights, Arc::new(provenance));
        self.kept.lock().expect("no thread panicked here").insert(key.to_owned(), found.clone());
        Ok(Some(found))
    }

    /// Keeps a model: as what changed from `base` where key neurons were trained, whole otherwise.
    pub(crate) fn put_weights(
        &self,
        weights: MemoryWeights,
        base: Option<&Arc<dyn Weights>>,
        provenance: Provenance,
    ) -> Result<(Arc<dyn Weights>, Arc<Provenance>), LabError> {
        if let Some(path) = self.path(&provenance.key) {
            let folder = begin(&path)?;
            let metadata = metadata(&provenance);
            match base {
                Some(base) => {
                    let mut sink = folder.sink(DELTA)?;
                    write_delta(
                        &mut sink,
                        base.as_ref(),
                        &weights,
                        DeltaPositions::Changed,
                        None,
                        &metadata,
                    )?;
                    Box::new(sink).finish()?;
                }
                None => {
                    let mut sink = folder.sink(WEIGHTS)?;
                    write_safetensors(&mut sink, weights.tensors(), &metadata, &mut |info, write| {
                        write(&weights.read_bytes(&info.name)?)
                    })?;
                    Box::new(sink).finish()?;
                }
            }
            finish(folder, &provenance)?;
        }
        let key = provenance.key.clone();
        let kept: (Arc<dyn Weights>, Arc<Provenance>) = (Arc::new(weights), Arc::new(provenance));
        self.kept.lock().expect("no thread panicked here").insert(key, kept.clone());
        Ok(kept)
    }

    /// The key neurons kept under a key.
    pub(crate) fn neurons(&self, key: &str) -> Result<Option<(Arc<KeyNeurons>, Arc<Provenance>)>, LabError> {
        if let Some(found) = self.neurons.lock().expect("no thread panicked here").get(key) {
            return Ok(Some(found.clone()));
        }
        let Some(path) = self.path(key) else { return Ok(None) };
        let Some(provenance) = described(&path, key)? else { return Ok(None) };
        let file = path.join(NEURONS);
        let (neurons, _) = KeyNeurons::load(&file)
            .map_err(|error| LabError::Damaged { path: file.clone(), problem: error.to_string() })?;
        let found = (Arc::new(neurons), Arc::new(provenance));
        self.neurons.lock().expect("no thread panicked here").insert(key.to_owned(), found.clone());
        Ok(Some(found))
    }

    /// Keeps key neurons.
    pub(crate) fn put_neurons(
        &self,
        neurons: KeyNeurons,
        provenance: Provenance,
    ) -> Result<(Arc<KeyNeurons>, Arc<Provenance>), LabError> {
        if let Some(path) = self.path(&provenance.key) {
            let folder = begin(&path)?;
            let mut sink = folder.sink(NEURONS)?;
            let training = |source| LabError::Training { name: provenance.name.clone(), source };
            neurons.write(&mut sink, &metadata(&provenance)).map_err(training)?;
            Box::new(sink).finish()?;
            finish(folder, &provenance)?;
        }
        let key = provenance.key.clone();
        let kept = (Arc::new(neurons), Arc::new(provenance));
        self.neurons.lock().expect("no thread panicked here").insert(key, kept.clone());
        Ok(kept)
    }

    /// A value that was computed once from the same things, such as a report; `key` is 64 hex digits.
    ///
    /// # Errors
    /// When it must be computed and can't be, or can't be kept.
    pub fn value<T: Serialize + DeserializeOwned>(
        &self,
        key: &str,
        compute: impl FnOnce() -> Result<T, LabError>,
    ) -> Result<T, LabError> {
        let Some(folder) = &self.folder else { return compute() };
        let path = folder.join("values").join(format!("{}.json", &key[..32.min(key.len())]));
        if path.exists()
            && let Ok(value) = serde_json::from_slice(&read_file(&path)?)
        {
            return Ok(value);
        }
        let value = compute()?;
        let bytes = serde_json::to_vec(&value).expect("values serialise");
        std::fs::create_dir_all(folder.join("values"))
            .map_err(|e| maec_checkpoint::Error::write(&path, e))?;
        maec_checkpoint::write_file(&path, &bytes)?;
        Ok(value)
    }
}

/// What a model's provenance calls it.
pub(crate) fn hash_of(weights: &dyn Weights) -> Result<String, LabError> {
    Ok(model_hash(weights)?)
}

/// What a model's provenance calls the model that it began with.
pub(crate) fn start_of(weights: &dyn Weights) -> Result<String, LabError> {
    Ok(fingerprint(weights)?)
}

fn begin(path: &Path) -> Result<AtomicFolder, LabError> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(|e| maec_checkpoint::Error::write(path, e))?;
    }
    Ok(AtomicFolder::create(path, |folder| folder.join(DESCRIPTION).exists())?)
}

fn finish(folder: AtomicFolder, provenance: &Provenance) -> Result<(), LabError> {
    let description = serde_json::to_vec_pretty(provenance).expect("provenance serialises");
    folder.write(DESCRIPTION, &description)?;
    Ok(folder.finish()?)
}

fn metadata(provenance: &Provenance) -> BTreeMap<String, String> {
    let text = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    BTreeMap::from([
        text("maec", &provenance.maec),
        text("artefact", &provenance.key),
        text("name", &provenance.name),
        text("made", &provenance.made.to_string()),
    ])
}

/// The description in a folder, if it is that of the whole key.
fn described(path: &Path, key: &str) -> Result<Option<Provenance>, LabError> {
    let file = path.join(DESCRIPTION);
    if !file.exists() {
        return Ok(None);
    }
    let damaged = |problem: String| LabError::Damaged { path: file.clone(), problem };
    let provenance: Provenance =
        serde_json::from_slice(&read_file(&file)?).map_err(|error| damaged(error.to_string()))?;
    if provenance.key != key {
        return Err(damaged("it describes another outcome".into()));
    }
    Ok(Some(provenance))
}
