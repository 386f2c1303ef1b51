//! Everything a run needs to go on with the same bits: weights, moments, masters, mask and position, in one
//! safetensors file.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use maec_checkpoint::{
    Dtype, FileSink, FileSource, SafetensorsReader, TensorInfo, Weights, convert, write_safetensors,
};
use serde::{Deserialize, Serialize};

use crate::config::TrainConfig;
use crate::error::TrainError;
use crate::lora::{LoraConfig, is_factor};
use crate::neurons::KeyNeurons;

const KEY: &str = "maec_snapshot";

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
        let mut data: BTreeMap<String, (TensorInfo, Vec<u8>)> = BTreeMap::new();
        let mut put = |name: String, dtype, shape: Vec<usize>, bytes| {
            data.insert(name.clone(), (TensorInfo { name, dtype, shape }, bytes));
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
        let mut masters = BTreeMap::new();
        let mut positions = BTreeMap::new();
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
        Ok(Self { progress, weights, state, neurons })
    }
}
