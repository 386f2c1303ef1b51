//! Outcomes by content: whatever was trained once from the same beginnings is found again.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};

use maec_checkpoint::{
    AtomicFolder, ByteSink, DeltaPositions, FileSource, SparseDelta, Weights, fingerprint, model_hash,
    open_weights, read_file, sha256_hex, write_delta, write_safetensors,
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

impl Provenance {
    /// What a file of it says of itself.
    pub(crate) fn metadata(&self) -> BTreeMap<String, String> {
        let text = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        BTreeMap::from([
            text("maec", &self.maec),
            text("artefact", &self.key),
            text("name", &self.name),
            text("made", &self.made.to_string()),
        ])
    }
}

/// What a store has of an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// All of it.
    Finished,
    /// A checkpoint of an unfinished training.
    Begun,
    /// Nothing.
    Nothing,
}

/// An outcome with its provenance.
type Outcome<T> = (Arc<T>, Arc<Provenance>);
/// One that others hold.
type OutcomeOfOthers<T> = (Weak<T>, Weak<Provenance>);

/// A folder of outcomes, or memory alone.
///
/// What lies in a folder is read from there: it is held for as long as someone uses it, opened again after that, and compared with
/// its hash once in the life of the store.
#[derive(Default)]
pub struct Store {
    folder: Option<PathBuf>,
    weights: Held<dyn Weights>,
    neurons: Held<KeyNeurons>,
    /// Keys of what had the hash that its provenance says.
    verified: Mutex<BTreeSet<String>>,
    /// Keys of the values that a thread is computing, and who waits for one.
    computed: (Mutex<BTreeSet<String>>, Condvar),
}

/// Outcomes of one kind by key.
struct Held<T: ?Sized> {
    /// Those that are nowhere else.
    whole: Mutex<BTreeMap<String, Outcome<T>>>,
    /// Those of a folder that someone uses.
    used: Mutex<BTreeMap<String, OutcomeOfOthers<T>>>,
}

impl<T: ?Sized> Default for Held<T> {
    fn default() -> Self {
        Self { whole: Mutex::default(), used: Mutex::default() }
    }
}

impl<T: ?Sized> Held<T> {
    fn get(&self, key: &str) -> Option<Outcome<T>> {
        if let Some(found) = locked(&self.whole).get(key) {
            return Some(found.clone());
        }
        let (outcome, provenance) = locked(&self.used).get(key)?.clone();
        outcome.upgrade().zip(provenance.upgrade())
    }

    fn hold(&self, found: &Outcome<T>) {
        locked(&self.whole).insert(found.1.key.clone(), found.clone());
    }

    fn remember(&self, (outcome, provenance): &Outcome<T>) {
        let mut used = locked(&self.used);
        used.retain(|_, (outcome, _)| outcome.strong_count() > 0);
        used.insert(provenance.key.clone(), (Arc::downgrade(outcome), Arc::downgrade(provenance)));
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().expect("no thread panicked here")
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

    /// Makes the folder where there is one to make.
    pub(crate) fn make_folder(&self) -> Result<(), LabError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        Ok(std::fs::create_dir_all(folder).map_err(|e| maec_checkpoint::Error::write(folder, e))?)
    }

    /// Where an unfinished run keeps its checkpoint.
    pub(crate) fn checkpoint(&self, key: &str) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(format!("{}.checkpoint.safetensors", &key[..16.min(key.len())])))
    }

    /// What there is under a key, without a look inside.
    pub fn kept(&self, key: &str) -> Kept {
        let in_memory = self.weights.get(key).is_some() || self.neurons.get(key).is_some();
        let is_file = |path: Option<PathBuf>| path.is_some_and(|path| path.exists());
        if in_memory || is_file(self.path(key).map(|path| path.join(DESCRIPTION))) {
            Kept::Finished
        } else if is_file(self.checkpoint(key)) {
            Kept::Begun
        } else {
            Kept::Nothing
        }
    }

    /// Removes the checkpoint of a run whose outcome is there.
    fn forget_checkpoint(&self, key: &str) -> Result<(), LabError> {
        match self.checkpoint(key).filter(|path| path.exists()) {
            Some(path) => {
                Ok(std::fs::remove_file(&path).map_err(|e| maec_checkpoint::Error::write(&path, e))?)
            }
            None => Ok(()),
        }
    }

    /// What is kept of a model under a key; `base` is what deltas were taken from.
    pub(crate) fn weights(
        &self,
        key: &str,
        base: Option<&Arc<dyn Weights>>,
    ) -> Result<Option<Outcome<dyn Weights>>, LabError> {
        if let Some(found) = self.weights.get(key) {
            return Ok(Some(found));
        }
        let Some(path) = self.path(key) else { return Ok(None) };
        let Some(provenance) = described(&path, key)? else { return Ok(None) };
        let base = base.filter(|_| path.join(DELTA).exists());
        let file = path.join(if base.is_some() { DELTA } else { WEIGHTS });
        let open = || -> Result<Arc<dyn Weights>, maec_checkpoint::Error> {
            Ok(match base {
                Some(base) => {
                    Arc::new(SparseDelta::open(Arc::new(FileSource::open(&file)?))?.apply(base.clone())?)
                }
                None => open_weights(&file)?,
            })
        };
        let damaged = |problem: String| LabError::Damaged { path: file.clone(), problem };
        let weights = open().map_err(|error| damaged(error.to_string()))?;
        self.verify(key, || match model_hash(weights.as_ref()) {
            Ok(hash) if hash == provenance.hash => Ok(()),
            Ok(_) => Err(damaged("its values are not those that were trained".into())),
            Err(error) => Err(damaged(error.to_string())),
        })?;
        let found = (weights, Arc::new(provenance));
        self.weights.remember(&found);
        Ok(Some(found))
    }

    /// Compares what was opened with its hash, once.
    fn verify(&self, key: &str, compare: impl FnOnce() -> Result<(), LabError>) -> Result<(), LabError> {
        if !locked(&self.verified).contains(key) {
            compare()?;
            locked(&self.verified).insert(key.to_owned());
        }
        Ok(())
    }

    /// Keeps a model: as what changed from `base` where key neurons were trained, whole otherwise. Where there is a folder what
    /// comes back reads from it.
    pub(crate) fn put_weights(
        &self,
        weights: impl Weights + 'static,
        base: Option<&Arc<dyn Weights>>,
        provenance: Provenance,
    ) -> Result<Outcome<dyn Weights>, LabError> {
        if let Some(path) = self.path(&provenance.key) {
            let folder = begin(&path)?;
            let metadata = provenance.metadata();
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
            self.forget_checkpoint(&provenance.key)?;
            drop(weights);
            let gone = || LabError::Damaged { path, problem: "it is gone".into() };
            return self.weights(&provenance.key, base)?.ok_or_else(gone);
        }
        let kept: Outcome<dyn Weights> = (Arc::new(weights), Arc::new(provenance));
        self.weights.hold(&kept);
        Ok(kept)
    }

    /// The key neurons kept under a key.
    pub(crate) fn neurons(&self, key: &str) -> Result<Option<Outcome<KeyNeurons>>, LabError> {
        if let Some(found) = self.neurons.get(key) {
            return Ok(Some(found));
        }
        let Some(path) = self.path(key) else { return Ok(None) };
        let Some(provenance) = described(&path, key)? else { return Ok(None) };
        let file = path.join(NEURONS);
        let (neurons, _) = KeyNeurons::load(&file)
            .map_err(|error| LabError::Damaged { path: file.clone(), problem: error.to_string() })?;
        self.verify(key, || match neurons_hash(&neurons) == provenance.hash {
            true => Ok(()),
            false => {
                let problem = "its key neurons are not those that were found".into();
                Err(LabError::Damaged { path: file.clone(), problem })
            }
        })?;
        let found = (Arc::new(neurons), Arc::new(provenance));
        self.neurons.remember(&found);
        Ok(Some(found))
    }

    /// Keeps key neurons.
    pub(crate) fn put_neurons(
        &self,
        neurons: KeyNeurons,
        provenance: Provenance,
    ) -> Result<Outcome<KeyNeurons>, LabError> {
        if let Some(path) = self.path(&provenance.key) {
            let folder = begin(&path)?;
            let mut sink = folder.sink(NEURONS)?;
            let training = |source| LabError::training(&provenance.name, source);
            neurons.write(&mut sink, &provenance.metadata()).map_err(training)?;
            Box::new(sink).finish()?;
            finish(folder, &provenance)?;
            self.forget_checkpoint(&provenance.key)?;
        }
        let kept = (Arc::new(neurons), Arc::new(provenance));
        match self.folder {
            Some(_) => self.neurons.remember(&kept),
            None => self.neurons.hold(&kept),
        }
        Ok(kept)
    }

    /// Where the computing of a value keeps what it has of its part of this number, until the value is there.
    pub(crate) fn journal(&self, key: &str, number: usize) -> Result<Option<PathBuf>, LabError> {
        let Some(folder) = self.values_folder()? else { return Ok(None) };
        Ok(Some(folder.join(format!("{}.{number}.jsonl", &key[..32.min(key.len())]))))
    }

    /// Removes the journals of a value that is there.
    pub(crate) fn forget_journals(&self, key: &str, count: usize) -> Result<(), LabError> {
        for number in 0..count {
            let Some(path) = self.journal(key, number)? else { return Ok(()) };
            match std::fs::remove_file(&path) {
                Ok(()) => (),
                Err(error) if error.kind() == ErrorKind::NotFound => (),
                Err(error) => return Err(maec_checkpoint::Error::write(&path, error).into()),
            }
        }
        Ok(())
    }

    /// The folder of values, made.
    fn values_folder(&self) -> Result<Option<PathBuf>, LabError> {
        let Some(folder) = self.folder.as_ref().map(|folder| folder.join("values")) else { return Ok(None) };
        std::fs::create_dir_all(&folder).map_err(|e| maec_checkpoint::Error::write(&folder, e))?;
        Ok(Some(folder))
    }

    /// A value that was computed once from the same things, such as a report; `key` is 64 hex digits. Of several threads one computes
    /// it, and the others wait.
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
        let _turn = Turn::of(self, key);
        if path.exists()
            && let Ok(value) = serde_json::from_slice(&read_file(&path)?)
        {
            return Ok(value);
        }
        let value = compute()?;
        let bytes = serde_json::to_vec(&value).expect("values serialise");
        self.values_folder()?;
        maec_checkpoint::write_file(&path, &bytes)?;
        Ok(value)
    }
}

/// A thread's right to compute a value, until it is dropped.
struct Turn<'a>(&'a Store, &'a str);

impl<'a> Turn<'a> {
    /// Waits until nobody else computes the value.
    fn of(store: &'a Store, key: &'a str) -> Self {
        let (computed, ended) = &store.computed;
        let mut keys = locked(computed);
        while !keys.insert(key.to_owned()) {
            keys = ended.wait(keys).unwrap_or_else(PoisonError::into_inner);
        }
        Self(store, key)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let (computed, ended) = &self.0.computed;
        computed.lock().unwrap_or_else(PoisonError::into_inner).remove(self.1);
        ended.notify_all();
    }
}

/// What a model's provenance calls it.
pub(crate) fn hash_of(weights: &dyn Weights) -> Result<String, LabError> {
    Ok(model_hash(weights)?)
}

/// What a mask's provenance calls it. Tensors without a key neuron do not count: no file has them.
pub(crate) fn neurons_hash(neurons: &KeyNeurons) -> String {
    let mut text = String::new();
    for (name, positions) in neurons.iter().filter(|(_, positions)| !positions.is_empty()) {
        text += &format!("{name} {positions:?}\n");
    }
    sha256_hex(text.as_bytes())
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
