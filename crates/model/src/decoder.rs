//! The decoder that every family runs on. Module and field names are the Hugging Face tensor names.

use std::sync::Arc;

use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::cache::Cache;
use crate::config::ModelConfig;
use crate::family::{Activation, Variant};
use crate::kernels::{Angles, Attending, Shape, attention, gated, mlp, rms_norm, rope};
use crate::layout::Batch;
use crate::projection::Projection;

/// A causal language model.
#[derive(Module, Debug)]
pub struct Decoder {
    pub(crate) model: Body,
    pub(crate) lm_head: Option<Projection>,
    #[module(skip)]
    pub(crate) config: Arc<ModelConfig>,
    #[module(skip)]
    pub(crate) frequencies: Arc<[f32]>,
}

#[derive(Module, Debug)]
pub(crate) struct Body {
    pub embed_tokens: Projection,
    pub layers: Vec<Layer>,
    pub norm: Norm,
}

#[derive(Module, Debug)]
pub(crate) struct Layer {
    pub input_layernorm: Norm,
    pub self_attn: Attention,
    /// Before the MLP; with sandwich norms, after the attention.
    pub post_attention_layernorm: Norm,
    pub pre_feedforward_layernorm: Option<Norm>,
    pub post_feedforward_layernorm: Option<Norm>,
    pub mlp: Mlp,
}

#[derive(Module, Debug)]
pub(crate) struct Attention {
    pub q_proj: Projection,
    pub k_proj: Projection,
    pub v_proj: Projection,
    pub o_proj: Projection,
}

#[derive(Module, Debug)]
pub(crate) struct Mlp {
    pub gate_proj: Projection,
    pub up_proj: Projection,
    pub down_proj: Projection,
}

#[derive(Module, Debug)]
pub(crate) struct Norm {
    pub weight: Param<Tensor<1>>,
    #[module(skip)]
    pub epsilon: f64,
    /// Multiplies by 1 + weight.
    #[module(skip)]
    pub unit_offset: bool,
}

impl Norm {
    pub(crate) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let weight = self.weight.val();
        rms_norm(x, if self.unit_offset { weight.add_scalar(1.0) } else { weight }, self.epsilon)
    }
}

/// What the layers of one forward pass share.
pub(crate) struct Pass {
    angles: Angles,
    attending: Attending,
}

impl Decoder {
    /// The configuration.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The device that the weights are on.
    pub fn device(&self) -> Device {
        self.model.embed_tokens.device()
    }

    /// Logits of the next token after every token of the batch, `[tokens, vocab]`.
    pub fn forward(&self, batch: &Batch) -> Tensor<2> {
        self.logits(self.hidden(batch, None))
    }

    /// Logits after the given rows only, `[rows, vocab]`; with a cache, the batch's keys and values go in it.
    pub fn forward_rows(&self, batch: &Batch, rows: &[u32], cache: Option<&mut Cache>) -> Tensor<2> {
        let hidden = self.hidden(batch, cache);
        if rows.len() == batch.len() && rows.iter().enumerate().all(|(index, &row)| index == row as usize) {
            return self.logits(hidden);
        }
        let rows: Vec<i32> = rows.iter().map(|&row| row as i32).collect();
        let count = rows.len();
        let rows = Tensor::<1, Int>::from_data(TensorData::new(rows, [count]), &hidden.device());
        self.logits(hidden.select(0, rows))
    }

    /// What every layer passes on: the embeddings, then each layer's output, then the final norm's,
    /// `[tokens, d_model]` each.
    pub fn hidden_states(&self, batch: &Batch) -> Vec<Tensor<2>> {
        let mut states = Vec::new();
        let last = self.run(batch, None, &mut |x| states.push(x.clone()));
        states.push(last);
        states
    }

    /// Logits of final hidden states: `[rows, d_model]` → `[rows, vocab]`.
    pub fn logits(&self, hidden: Tensor<2>) -> Tensor<2> {
        let logits = self.lm_head.as_ref().unwrap_or(&self.model.embed_tokens).forward(hidden);
        match self.config.variant.logit_softcap {
            Some(cap) => logits.div_scalar(cap).tanh().mul_scalar(cap),
            None => logits,
        }
    }

    /// Final hidden states, after the last norm, `[tokens, d_model]`; with a cache, the batch's keys and values go in it.
    pub fn hidden(&self, batch: &Batch, cache: Option<&mut Cache>) -> Tensor<2> {
        self.run(batch, cache, &mut |_| {})
    }

    fn run(
        &self,
        batch: &Batch,
        mut cache: Option<&mut Cache>,
        seen: &mut dyn FnMut(&Tensor<2>),
    ) -> Tensor<2> {
        let pass = self.pass(batch);
        let mut x = self.embed(batch);
        for (index, layer) in self.model.layers.iter().enumerate() {
            seen(&x);
            let shape = self.config.attention(index);
            x = layer.forward(
                x,
                |qkv| match cache.as_deref_mut() {
                    Some(cache) => cache.attend(index, qkv, &shape, &pass.attending),
                    None => {
                        let [q, k, v] = qkv;
                        attention(q, k, v, &shape, &pass.attending)
                    }
                },
                &pass.angles,
                &self.config.variant,
            );
        }
        if let Some(cache) = cache {
            cache.advance(batch.len());
        }
        seen(&x);
        self.model.norm.forward(x)
    }

    /// What every layer needs to know of a batch.
    pub(crate) fn pass(&self, batch: &Batch) -> Pass {
        let device = self.device();
        let windows = (0..self.config.num_hidden_layers).map(|layer| self.config.variant.window(layer));
        Pass {
            angles: Angles::new(&self.frequencies, &batch.positions, &device),
            attending: Attending::new(&batch.segments, windows, &device),
        }
    }

    /// What the first layer reads, `[tokens, d_model]`.
    pub(crate) fn embed(&self, batch: &Batch) -> Tensor<2> {
        let x = self.model.embed_tokens.rows(&batch.ids, self.config.pad_token_id);
        match self.config.variant.scaled_embeddings {
            true => x.mul_scalar((self.config.hidden_size as f64).sqrt() as f32),
            false => x,
        }
    }

    /// One layer of a whole batch, `[tokens, d_model]` → `[tokens, d_model]`.
    #[cfg(feature = "autodiff")]
    pub(crate) fn layer(&self, index: usize, x: Tensor<2>, pass: &Pass) -> Tensor<2> {
        let shape = self.config.attention(index);
        let attend = |[q, k, v]: [Tensor<2>; 3]| attention(q, k, v, &shape, &pass.attending);
        self.model.layers[index].forward(x, attend, &pass.angles, &self.config.variant)
    }
}

impl Mlp {
    fn forward(&self, x: Tensor<2>, activation: Activation) -> Tensor<2> {
        let Self { gate_proj, up_proj, down_proj } = self;
        if let (Some(gate), Some(up), Some(down)) = (gate_proj.matrix(), up_proj.matrix(), down_proj.matrix())
            && let Some(y) = mlp(&x, [gate, up, down], activation)
        {
            return y;
        }
        let (gate, up) = (gate_proj.forward(x.clone()), up_proj.forward(x));
        down_proj.forward(gated(gate, up, activation))
    }
}

impl Layer {
    fn forward(
        &self,
        x: Tensor<2>,
        attend: impl FnOnce([Tensor<2>; 3]) -> Tensor<2>,
        angles: &Angles,
        variant: &Variant,
    ) -> Tensor<2> {
        let normed = self.input_layernorm.forward(x.clone());
        let heads = &self.self_attn;
        let [q, k, v] = Projection::together([&heads.q_proj, &heads.k_proj, &heads.v_proj], normed);
        let attended = heads.o_proj.forward(attend([rope(q, angles), rope(k, angles), v]));
        let (x, normed) = match &self.pre_feedforward_layernorm {
            Some(before) => {
                let x = x + self.post_attention_layernorm.forward(attended);
                (x.clone(), before.forward(x))
            }
            None => {
                let x = x + attended;
                (x.clone(), self.post_attention_layernorm.forward(x))
            }
        };
        let out = self.mlp.forward(normed, variant.activation);
        match &self.post_feedforward_layernorm {
            Some(after) => x + after.forward(out),
            None => x + out,
        }
    }
}

impl ModelConfig {
    /// The constants of a layer's attention.
    fn attention(&self, layer: usize) -> Shape {
        let variant = &self.variant;
        Shape {
            scale: variant.query_pre_attn_scalar.unwrap_or(self.head_dim as f64).sqrt().recip() as f32,
            softcap: variant.attention_softcap.map(|cap| cap as f32),
            window: variant.window(layer),
            ..Shape::plain(self.head_dim)
        }
    }
}
