//! Decoders from named tensors, one at a time, each straight onto its device.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use burn::module::Param;
use burn::tensor::{Device, FloatDType, Tensor, TensorData};

use crate::config::ModelConfig;
use crate::decoder::{Attention, Body, Decoder, Layer, Mlp, Norm};
use crate::projection::Projection;

/// How weights are kept on the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storage {
    /// Matrices larger than this many bytes are cut by rows: what the device can bind at once.
    pub max_tensor_bytes: usize,
    /// How matrices are kept; vectors are always f32.
    pub matrices: Precision,
}

/// A dtype of matrices on a device. All but f32 are for inference only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Precision {
    /// 32 bits.
    #[default]
    F32,
    /// 16 bits, for GPUs that compute in it; values are rounded.
    F16,
    /// The upper 16 bits of an f32, on the CPU: exact for checkpoints in bf16, and half the bytes to read for a token.
    Bf16,
}

impl Default for Storage {
    fn default() -> Self {
        Self { max_tensor_bytes: usize::MAX, matrices: Precision::F32 }
    }
}

impl Storage {
    fn bytes_per_value(&self) -> usize {
        if self.matrices == Precision::F32 { 4 } else { 2 }
    }

    /// The CPU's way to keep a checkpoint for inference: bf16 where all its matrices are.
    pub fn on_cpu(weights: &dyn maec_checkpoint::Weights) -> Self {
        let mut matrices = weights.tensors().iter().filter(|info| info.shape.len() == 2);
        let narrow = matrices.all(|info| info.dtype == maec_checkpoint::Dtype::BF16);
        let matrices = if narrow { Precision::Bf16 } else { Precision::F32 };
        Self { matrices, ..Self::default() }
    }

    /// Rows of a matrix of `columns` columns that one part holds.
    fn rows(&self, columns: usize) -> usize {
        (self.max_tensor_bytes / (columns.max(1) * self.bytes_per_value())).max(1)
    }

    /// Bytes that a model's weights take on the device.
    pub fn bytes(&self, config: &ModelConfig) -> u64 {
        let bytes = |(_, shape): &(String, Vec<usize>)| {
            let count = shape.iter().map(|&n| n as u64).product::<u64>();
            count * if shape.len() == 2 { self.bytes_per_value() as u64 } else { 4 }
        };
        config.tensors().iter().map(bytes).sum()
    }
}

impl ModelConfig {
    /// Every tensor that the decoder asks of a checkpoint, with its shape: matrices first, then vectors.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let (d, mlp) = (self.hidden_size, self.intermediate_size);
        let (q, kv) = (self.num_attention_heads * self.head_dim, self.num_key_value_heads * self.head_dim);
        let mut all = vec![("model.embed_tokens.weight".to_owned(), vec![self.vocab_size, d])];
        if !self.tie_word_embeddings {
            all.push(("lm_head.weight".to_owned(), vec![self.vocab_size, d]));
        }
        let variant = &self.variant;
        let projections = [
            ("self_attn.q_proj", q, d, variant.qkv_bias),
            ("self_attn.k_proj", kv, d, variant.qkv_bias),
            ("self_attn.v_proj", kv, d, variant.qkv_bias),
            ("self_attn.o_proj", d, q, variant.output_bias),
            ("mlp.gate_proj", mlp, d, variant.mlp_bias),
            ("mlp.up_proj", mlp, d, variant.mlp_bias),
            ("mlp.down_proj", d, mlp, variant.mlp_bias),
        ];
        let layers = || (0..self.num_hidden_layers).map(|layer| format!("model.layers.{layer}"));
        for layer in layers() {
            for (part, rows, columns, _) in projections {
                all.push((format!("{layer}.{part}.weight"), vec![rows, columns]));
            }
        }
        for layer in layers() {
            for (part, rows, _, biased) in projections {
                if biased {
                    all.push((format!("{layer}.{part}.bias"), vec![rows]));
                }
            }
        }
        let norms: &[&str] = match variant.sandwich_norms {
            false => &["input_layernorm", "post_attention_layernorm"],
            true => &[
                "input_layernorm",
                "post_attention_layernorm",
                "pre_feedforward_layernorm",
                "post_feedforward_layernorm",
            ],
        };
        for layer in layers() {
            for norm in norms {
                all.push((format!("{layer}.{norm}.weight"), vec![d]));
            }
        }
        all.push(("model.norm.weight".to_owned(), vec![d]));
        all
    }
}

/// A decoder on its way: [`put`](Self::put) its tensors in any order, then [`finish`](Self::finish).
///
/// No more than one part of one tensor is held beside the device's copy.
pub struct Assembly {
    config: ModelConfig,
    device: Device,
    storage: Storage,
    matrices: BTreeMap<String, Vec<Tensor<2>>>,
    vectors: BTreeMap<String, Tensor<1>>,
}

impl Assembly {
    /// Nothing is there yet.
    pub fn new(config: ModelConfig, device: &Device, storage: Storage) -> Self {
        Self { config, device: device.clone(), storage, matrices: BTreeMap::new(), vectors: BTreeMap::new() }
    }

    /// Puts a tensor on the device: `read(elements)` gives the values of some flat indices of it.
    ///
    /// # Errors
    /// Passes on what `read` fails with.
    pub fn put<E>(
        &mut self,
        name: &str,
        shape: &[usize],
        mut read: impl FnMut(Range<usize>) -> Result<Vec<f32>, E>,
    ) -> Result<(), E> {
        let &[rows, columns] = shape else {
            let count = shape.iter().product();
            let data = TensorData::new(read(0..count)?, [count]);
            self.vectors.insert(name.to_owned(), Tensor::from_data(data, &self.device));
            return Ok(());
        };
        let step = self.storage.rows(columns);
        let mut parts = Vec::new();
        for first in (0..rows).step_by(step) {
            let last = (first + step).min(rows);
            let data = TensorData::new(read(first * columns..last * columns)?, [last - first, columns]);
            let part = Tensor::<2>::from_data(data, &self.device);
            parts.push(match self.storage.matrices {
                Precision::F32 => part,
                Precision::F16 => part.cast(FloatDType::F16),
                Precision::Bf16 => part.cast(FloatDType::BF16),
            });
        }
        self.matrices.insert(name.to_owned(), parts);
        Ok(())
    }

    /// The decoder.
    ///
    /// # Panics
    /// If a tensor of [`ModelConfig::tensors`] was not put, or in another shape.
    pub fn finish(mut self) -> Decoder {
        for (name, shape) in self.config.tensors() {
            let found = match shape.len() {
                1 => self.vectors.get(&name).map(|vector| vector.dims().to_vec()),
                _ => self
                    .matrices
                    .get(&name)
                    .map(|parts| vec![parts.iter().map(|part| part.dims()[0]).sum(), parts[0].dims()[1]]),
            };
            assert_eq!(found, Some(shape), "{name} was put in its shape");
        }
        let embed_tokens = self.projection("model.embed_tokens");
        let lm_head = (!self.config.tie_word_embeddings).then(|| self.projection("lm_head"));
        let layers = (0..self.config.num_hidden_layers).map(|layer| self.layer(layer)).collect();
        let norm = self.norm("model.norm").expect("the final norm was put");
        let frequencies = self.config.frequencies().into();
        let model = Body { embed_tokens, layers, norm };
        Decoder { model, lm_head, config: Arc::new(self.config), frequencies }
    }

    fn layer(&mut self, layer: usize) -> Layer {
        let prefix = format!("model.layers.{layer}");
        let mut projection = |part: &str| self.projection(&format!("{prefix}.{part}"));
        let self_attn = Attention {
            q_proj: projection("self_attn.q_proj"),
            k_proj: projection("self_attn.k_proj"),
            v_proj: projection("self_attn.v_proj"),
            o_proj: projection("self_attn.o_proj"),
        };
        let mlp = Mlp {
            gate_proj: projection("mlp.gate_proj"),
            up_proj: projection("mlp.up_proj"),
            down_proj: projection("mlp.down_proj"),
        };
        let mut norm = |part: &str| self.norm(&format!("{prefix}.{part}"));
        Layer {
            input_layernorm: norm("input_layernorm").expect("checked"),
            self_attn,
            post_attention_layernorm: norm("post_attention_layernorm").expect("checked"),
            pre_feedforward_layernorm: norm("pre_feedforward_layernorm"),
            post_feedforward_layernorm: norm("post_feedforward_layernorm"),
            mlp,
        }
    }

    fn projection(&mut self, name: &str) -> Projection {
        let parts = self.matrices.remove(&format!("{name}.weight")).expect("checked");
        Projection::new(parts, self.vectors.remove(&format!("{name}.bias")))
    }

    fn norm(&mut self, name: &str) -> Option<Norm> {
        let weight = self.vectors.remove(&format!("{name}.weight"))?;
        Some(Norm {
            weight: Param::from_tensor(weight),
            epsilon: self.config.rms_norm_eps,
            unit_offset: self.config.variant.unit_offset_norms,
        })
    }
}
