//! Everything a run needs to go on with the same bits: weights, moments, mask and position, in one safetensors file.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use maec_checkpoint::{
    Dtype, FileSink, FileSource, SafetensorsReader, TensorInfo, Weights, write_safetensors,
};
use serde::{Deserialize, Serialize};

use crate::config::TrainConfig;
use crate::corpus::MixtureState;
use crate::error::TrainError;
use crate::neurons::KeyNeurons;

const KEY: &str = "maec_snapshot";

/// The state of a training run after some step.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Settings, position and losses.
    pub progress: Progress,
    /// Weights by name: shape and f32 values.
    pub weights: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
    /// First and second moments by name.
    pub moments: BTreeMap<String, (Vec<f32>, Vec<f32>)>,
    /// The mask, if only key neurons are trained.
    pub neurons: Option<KeyNeurons>,
}

/// What a snapshot says of itself in its metadata.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// The settings.
    pub config: TrainConfig,
    /// Steps done.
    pub step: u32,
    /// Tokens trained on.
    pub tokens: u64,
    /// Where the data stands.
    pub mixture: MixtureState,
    /// Whether only key neurons are trained.
    pub masked: bool,
}

fn bytes_of_f32(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn f32_of_bytes(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect()
}

impl Snapshot {
    /// Writes beside `path`, then renames.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn save(&self, path: &Path) -> Result<(), TrainError> {
        let mut data: BTreeMap<String, (TensorInfo, Vec<u8>)> = BTreeMap::new();
        let mut put = |name: String, dtype, shape: Vec<usize>, bytes| {
            data.insert(name.clone(), (TensorInfo { name, dtype, shape }, bytes));
        };
        for (name, (shape, values)) in &self.weights {
            put(format!("weight.{name}"), Dtype::F32, shape.clone(), bytes_of_f32(values));
        }
        for (name, (first, second)) in &self.moments {
            put(format!("first.{name}"), Dtype::F32, vec![first.len()], bytes_of_f32(first));
            put(format!("second.{name}"), Dtype::F32, vec![second.len()], bytes_of_f32(second));
        }
        for (name, positions) in self.neurons.iter().flat_map(KeyNeurons::iter) {
            let bytes = positions.iter().flat_map(|position| position.to_le_bytes()).collect();
            put(format!("positions.{name}"), Dtype::U32, vec![positions.len()], bytes);
        }
        let infos: Vec<TensorInfo> = data.values().map(|(info, _)| info.clone()).collect();
        let progress = serde_json::to_string(&self.progress).expect("progress always serialises");
        let metadata = BTreeMap::from([(KEY.to_owned(), progress)]);
        let mut sink = FileSink::create(path)?;
        write_safetensors(&mut sink, &infos, &metadata, &mut |info, write| write(&data[&info.name].1))?;
        maec_checkpoint::ByteSink::finish(Box::new(sink))?;
        Ok(())
    }

    /// Reads a snapshot.
    ///
    /// # Errors
    /// When the file is missing, damaged or not a snapshot.
    pub fn load(path: &Path) -> Result<Self, TrainError> {
        let reader = SafetensorsReader::open(Arc::new(FileSource::open(path)?))?;
        let not_one = || TrainError::Mismatch {
            tensor: path.display().to_string(),
            problem: "not a training checkpoint; give the file that `maec train` wrote".into(),
        };
        let progress = reader.metadata().get(KEY).ok_or_else(not_one)?;
        let progress: Progress = serde_json::from_str(progress).map_err(|_| not_one())?;
        let (mut weights, mut firsts, mut seconds) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut positions = BTreeMap::new();
        for info in reader.tensors() {
            let bytes = reader.read_bytes(&info.name)?;
            match info.name.split_once('.') {
                Some(("weight", name)) => {
                    weights.insert(name.to_owned(), (info.shape.clone(), f32_of_bytes(&bytes)));
                }
                Some(("first", name)) => {
                    firsts.insert(name.to_owned(), f32_of_bytes(&bytes));
                }
                Some(("second", name)) => {
                    seconds.insert(name.to_owned(), f32_of_bytes(&bytes));
                }
                Some(("positions", name)) => {
                    let list =
                        bytes.as_chunks::<4>().0.iter().map(|chunk| u32::from_le_bytes(*chunk)).collect();
                    positions.insert(name.to_owned(), list);
                }
                _ => return Err(not_one()),
            }
        }
        let mut moments = BTreeMap::new();
        for (name, first) in firsts {
            let second = seconds.remove(&name).ok_or_else(not_one)?;
            moments.insert(name, (first, second));
        }
        let neurons = progress.masked.then(|| KeyNeurons::from_positions(positions));
        Ok(Self { progress, weights, moments, neurons })
    }
}
