//! Everything a run needs to go on with the same bits: weights, moments, masters, mask, sums and position, in one
//! safetensors file that says its own SHA-256.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use maec_checkpoint::{
    Dtype, FileSink, FileSource, MemoryWeights, SafetensorsReader, TensorInfo, Weights, convert, model_hash,
    sha256_hex, write_safetensors,
};
use serde::{Deserialize, Serialize};

use crate::config::TrainConfig;
use crate::error::TrainError;
use crate::lora::{LoraConfig, is_factor};
use crate::neurons::KeyNeurons;

const KEY: &str = "maec_snapshot";
const HASH_KEY: &str = "maec_snapshot_sha256";

/// The state of a training run after some step.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Settings, position and losses.
    pub progress: Progress,
    /// Weights by name: shape and f32 values.
    pub weights: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
    /// The optimizer's state by name.
    pub state: BTreeMap<String, State>,
    /// The mask, if only key neurons are trained.
    pub neurons: Option<KeyNeurons>,
    /// What whoever trains sums up beside, by tensor, `[trained]` each, such as Σ |∂loss/∂θⱼ|; the trainer itself reads nothing of it.
    pub sums: BTreeMap<String, Vec<f64>>,
}

/// The optimizer's state of one tensor, `[trained]` each.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// First moments.
    pub first: Vec<f32>,
    /// Second moments.
    pub second: Vec<f32>,
    /// f32 masters, where the tensor is narrower.
    pub master: Option<Vec<f32>>,
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
    pub mixture: serde_json::Value,
    /// Whether only key neurons are trained.
    pub masked: bool,
    /// Whether matrices are kept in bf16.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bf16: bool,
    /// The adapter, if low-rank factors alone are trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lora: Option<LoraConfig>,
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
        let mut data: Vec<(TensorInfo, Vec<u8>)> = Vec::new();
        let mut put = |name: String, dtype, shape: Vec<usize>, bytes| {
            data.push((TensorInfo { name, dtype, shape }, bytes));
        };
        for (name, (shape, values)) in &self.weights {
            // Factors are kept in f32 beside matrices in bf16.
            let narrow = self.progress.bf16 && shape.len() == 2 && !is_factor(name);
            let (dtype, bytes) = if narrow {
                let wide: Vec<f64> = values.iter().map(|&value| f64::from(value)).collect();
                let mut bytes = Vec::with_capacity(2 * wide.len());
                convert::narrow(Dtype::BF16, &wide, &mut bytes)?;
                (Dtype::BF16, bytes)
            } else {
                (Dtype::F32, bytes_of_f32(values))
            };
            put(format!("weight.{name}"), dtype, shape.clone(), bytes);
        }
        for (name, State { first, second, master }) in &self.state {
            let parts = [("first", Some(first)), ("second", Some(second)), ("master", master.as_ref())];
            for (part, values) in parts.into_iter().filter_map(|(part, values)| Some((part, values?))) {
                put(format!("{part}.{name}"), Dtype::F32, vec![values.len()], bytes_of_f32(values));
            }
        }
        for (name, positions) in self.neurons.iter().flat_map(KeyNeurons::iter) {
            let bytes = positions.iter().flat_map(|position| position.to_le_bytes()).collect();
            put(format!("positions.{name}"), Dtype::U32, vec![positions.len()], bytes);
        }
        for (name, sums) in &self.sums {
            let bytes = sums.iter().flat_map(|sum| sum.to_le_bytes()).collect();
            put(format!("sum.{name}"), Dtype::F64, vec![sums.len()], bytes);
        }
        let data = MemoryWeights::new("the checkpoint", data)?;
        let progress = serde_json::to_string(&self.progress).expect("progress always serialises");
        let hash = hash(&progress, &data)?;
        let metadata = BTreeMap::from([(KEY.to_owned(), progress), (HASH_KEY.to_owned(), hash)]);
        let mut sink = FileSink::create(path)?;
        write_safetensors(&mut sink, data.tensors(), &metadata, &mut |info, write| {
            write(&data.read_bytes(&info.name)?)
        })?;
        maec_checkpoint::ByteSink::finish(Box::new(sink))?;
        Ok(())
    }

    /// Reads a snapshot.
    ///
    /// # Errors
    /// When the file is missing, damaged or not a snapshot. A file without its SHA-256, as earlier versions wrote, is read unchecked.
    pub fn load(path: &Path) -> Result<Self, TrainError> {
        let reader = SafetensorsReader::open(Arc::new(FileSource::open(path)?))?;
        let mismatch = |problem: &str| TrainError::Mismatch {
            tensor: path.display().to_string(),
            problem: problem.into(),
        };
        let not_one = || mismatch("not a training checkpoint; give the file that `maec train` wrote");
        let progress = reader.metadata().get(KEY).ok_or_else(not_one)?;
        if let Some(expected) = reader.metadata().get(HASH_KEY)
            && *expected != hash(progress, &reader)?
        {
            return Err(mismatch(
                "its bytes are not those that were written; remove it, and the run begins again",
            ));
        }
        let progress: Progress = serde_json::from_str(progress).map_err(|_| not_one())?;
        let (mut weights, mut firsts, mut seconds) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut masters = BTreeMap::new();
        let (mut positions, mut sums) = (BTreeMap::new(), BTreeMap::new());
        for info in reader.tensors() {
            let bytes = reader.read_bytes(&info.name)?;
            match info.name.split_once('.') {
                Some(("weight", name)) => {
                    let values = convert::decode_f32(info.dtype, &bytes)?;
                    weights.insert(name.to_owned(), (info.shape.clone(), values));
                }
                Some(("first", name)) => {
                    firsts.insert(name.to_owned(), f32_of_bytes(&bytes));
                }
                Some(("second", name)) => {
                    seconds.insert(name.to_owned(), f32_of_bytes(&bytes));
                }
                Some(("master", name)) => {
                    masters.insert(name.to_owned(), f32_of_bytes(&bytes));
                }
                Some(("positions", name)) => {
                    let list =
                        bytes.as_chunks::<4>().0.iter().map(|chunk| u32::from_le_bytes(*chunk)).collect();
                    positions.insert(name.to_owned(), list);
                }
                Some(("sum", name)) => {
                    let list =
                        bytes.as_chunks::<8>().0.iter().map(|chunk| f64::from_le_bytes(*chunk)).collect();
                    sums.insert(name.to_owned(), list);
                }
                _ => return Err(not_one()),
            }
        }
        let mut state = BTreeMap::new();
        for (name, first) in firsts {
            let second: Vec<f32> = seconds.remove(&name).ok_or_else(not_one)?;
            let master: Option<Vec<f32>> = masters.remove(&name);
            let lengths = [Some(second.len()), master.as_ref().map(Vec::len)];
            if lengths.into_iter().flatten().any(|length| length != first.len()) {
                return Err(not_one());
            }
            state.insert(name, State { first, second, master });
        }
        let neurons = progress.masked.then(|| KeyNeurons::from_positions(positions));
        Ok(Self { progress, weights, state, neurons, sums })
    }
}

/// SHA-256 of what a snapshot says and holds, 64 hex digits.
fn hash(progress: &str, data: &dyn Weights) -> Result<String, TrainError> {
    Ok(sha256_hex(format!("{progress}\n{}", model_hash(data)?).as_bytes()))
}
