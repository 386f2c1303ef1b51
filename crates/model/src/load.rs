//! Decoders from checkpoints and back, and fresh random ones.

use std::collections::BTreeMap;

use burn::tensor::Device;
use maec_checkpoint::{Dtype, MemoryWeights, TensorInfo, Weights, convert, dtype};
use thiserror::Error;

use crate::assemble::{Assembly, Storage};
use crate::config::ModelConfig;
use crate::decoder::Decoder;

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

impl Assembly {
    /// Puts a checkpoint's tensor, of any float dtype.
    ///
    /// # Errors
    /// When the tensor is missing, misshapen or unreadable.
    pub fn put_from(&mut self, weights: &dyn Weights, name: &str, shape: &[usize]) -> Result<(), LoadError> {
        let model = || weights.name().to_owned();
        let Ok(info) = weights.info(name) else {
            return Err(LoadError::Missing { model: model(), tensor: name.to_owned() });
        };
        if info.shape != shape {
            return Err(LoadError::Shape {
                model: model(),
                tensor: name.to_owned(),
                found: info.shape.clone(),
                expected: shape.to_vec(),
            });
        }
        let (kind, size) = (info.dtype, dtype::bytes_per_element(info.dtype));
        self.put(name, shape, |elements| {
            let mut bytes = vec![0; elements.len() * size];
            weights.read_stored(name, elements, &mut bytes)?;
            Ok(convert::decode_f32(kind, &bytes)?)
        })
    }
}

impl Decoder {
    /// Loads a checkpoint (any float dtype, widened to f32) onto a device.
    ///
    /// # Errors
    /// When a tensor is missing, misshapen or unreadable.
    pub fn load(config: ModelConfig, weights: &dyn Weights, device: &Device) -> Result<Self, LoadError> {
        Self::load_as(config, weights, device, Storage::default())
    }

    /// As [`load`](Self::load), kept on the device as `storage` says.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_as(
        config: ModelConfig,
        weights: &dyn Weights,
        device: &Device,
        storage: Storage,
    ) -> Result<Self, LoadError> {
        let tensors = config.tensors();
        let mut assembly = Assembly::new(config, device, storage);
        for (name, shape) in tensors {
            assembly.put_from(weights, &name, &shape)?;
        }
        Ok(assembly.finish())
    }

    /// Builds the decoder; `tensor(name, shape)` gives the values of every tensor in the Hugging Face layout.
    ///
    /// # Errors
    /// Passes on what `tensor` fails with.
    pub fn build<E>(
        config: ModelConfig,
        device: &Device,
        mut tensor: impl FnMut(&str, &[usize]) -> Result<Vec<f32>, E>,
    ) -> Result<Self, E> {
        let tensors = config.tensors();
        let mut assembly = Assembly::new(config, device, Storage::default());
        for (name, shape) in tensors {
            assembly.put(&name, &shape, |_| tensor(&name, &shape))?;
        }
        Ok(assembly.finish())
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
                .and_then(|d| d.convert::<f32>().try_into_vec::<f32>().map_err(|e| format!("{e:?}")));
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
        config: ModelConfig,
        device: &Device,
        deviation: f32,
        normal: &mut dyn FnMut() -> f32,
    ) -> Self {
        let unit_offset = config.variant.unit_offset_norms;
        let build = Self::build(config, device, |name, shape| {
            let count = shape.iter().product();
            let values = if let [_] = shape {
                // A norm that multiplies by 1 + weight starts at 0, and so do biases.
                let one = name.ends_with("norm.weight") && !unit_offset;
                vec![if one { 1.0 } else { 0.0 }; count]
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
