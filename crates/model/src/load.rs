//! Decoders from checkpoints and back, and fresh random ones.

use std::collections::BTreeMap;

use burn::tensor::Device;
use maec_checkpoint::{Dtype, MemoryWeights, TensorInfo, Weights, convert};
use thiserror::Error;

use crate::config::LlamaConfig;
use crate::decoder::Llama;

/// Why a checkpoint can't be loaded as a decoder.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The checkpoint lacks a tensor that the configuration asks for.
    #[error("{model}: no tensor `{tensor}`; config.json and the weights do not belong together")]
    Missing {
        /// The model.
        model: String,
        /// The tensor.
        tensor: String,
    },
    /// A tensor is shaped otherwise than the configuration says.
    #[error("{model}: `{tensor}` has shape {found:?}, config.json asks for {expected:?}")]
    Shape {
        /// The model.
        model: String,
        /// The tensor.
        tensor: String,
        /// Its shape in the file.
        found: Vec<usize>,
        /// Its shape by the configuration.
        expected: Vec<usize>,
    },
    /// The checkpoint can't be read.
    #[error(transparent)]
    Checkpoint(#[from] maec_checkpoint::Error),
    /// The device did not give the values back.
    #[error("the device did not return `{tensor}`: {reason}")]
    Device {
        /// The tensor.
        tensor: String,
        /// What burn says.
        reason: String,
    },
}

impl Llama {
    /// Loads a checkpoint (any float dtype, widened to f32) onto a device.
    ///
    /// # Errors
    /// When a tensor is missing, misshapen or unreadable.
    pub fn load(config: LlamaConfig, weights: &dyn Weights, device: &Device) -> Result<Self, LoadError> {
        let shapes: BTreeMap<&str, &[usize]> =
            weights.tensors().iter().map(|info| (info.name.as_str(), info.shape.as_slice())).collect();
        Self::build(config, device, |name, expected| {
            let model = || weights.name().to_owned();
            match shapes.get(name) {
                None => Err(LoadError::Missing { model: model(), tensor: name.to_owned() }),
                Some(&found) if found != expected => Err(LoadError::Shape {
                    model: model(),
                    tensor: name.to_owned(),
                    found: found.to_vec(),
                    expected: expected.to_vec(),
                }),
                Some(_) => Ok(weights.read_f32(name)?),
            }
        })
    }

    /// All values, read back from the device: name → (shape, flat values).
    ///
    /// # Errors
    /// When the device is lost.
    pub async fn values(&self) -> Result<BTreeMap<String, (Vec<usize>, Vec<f32>)>, LoadError> {
        let mut tensors = Vec::new();
        self.for_each_parameter(&mut |name, shape, value| {
            tensors.push((name.to_owned(), shape.to_vec(), value))
        });
        let mut out = BTreeMap::new();
        for (name, shape, value) in tensors {
            let data = value.into_data_async().await;
            let values = data
                .map_err(|e| e.to_string())
                .and_then(|d| d.try_to_vec::<f32>().map_err(|e| format!("{e:?}")));
            let values = values.map_err(|reason| LoadError::Device { tensor: name.clone(), reason })?;
            out.insert(name, (shape, values));
        }
        Ok(out)
    }

    /// All values as a checkpoint in memory, rounded to `dtype`.
    ///
    /// # Errors
    /// When the device is lost or `dtype` is not a float.
    pub async fn to_weights(&self, name: &str, dtype: Dtype) -> Result<MemoryWeights, LoadError> {
        let mut tensors = Vec::new();
        for (tensor, (shape, values)) in self.values().await? {
            let wide: Vec<f64> = values.into_iter().map(f64::from).collect();
            let mut bytes = Vec::new();
            convert::narrow(dtype, &wide, &mut bytes)?;
            tensors.push((TensorInfo { name: tensor, dtype, shape }, bytes));
        }
        Ok(MemoryWeights::new(name, tensors)?)
    }

    /// A fresh decoder: norms 1, matrices normal with the given standard deviation, drawn from `normal()` in the
    /// order of the tensors' construction.
    pub fn init(
        config: LlamaConfig,
        device: &Device,
        deviation: f32,
        normal: &mut dyn FnMut() -> f32,
    ) -> Self {
        let build = Self::build(config, device, |name, shape| {
            let count = shape.iter().product();
            let values = if name.ends_with("norm.weight") {
                vec![1.0; count]
            } else {
                (0..count).map(|_| normal() * deviation).collect()
            };
            Ok::<_, std::convert::Infallible>(values)
        });
        match build {
            Ok(model) => model,
            Err(never) => match never {},
        }
    }
}
