//! The Llama decoder. Module and field names are the Hugging Face tensor names.

use std::sync::Arc;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::config::LlamaConfig;
use crate::kernels::{RopeTable, attention, embedding, linear, rms_norm, rope, swiglu};
use crate::layout::{Batch, Segment};

/// A Llama-architecture causal language model.
#[derive(Module, Debug)]
pub struct Llama {
    model: Decoder,
    lm_head: Option<Projection>,
    #[module(skip)]
    config: Arc<LlamaConfig>,
    #[module(skip)]
    rope: RopeTable,
}

#[derive(Module, Debug)]
struct Decoder {
    embed_tokens: Projection,
    layers: Vec<Layer>,
    norm: Norm,
}

#[derive(Module, Debug)]
struct Layer {
    input_layernorm: Norm,
    self_attn: Attention,
    post_attention_layernorm: Norm,
    mlp: Mlp,
}

#[derive(Module, Debug)]
struct Attention {
    q_proj: Projection,
    k_proj: Projection,
    v_proj: Projection,
    o_proj: Projection,
}

#[derive(Module, Debug)]
struct Mlp {
    gate_proj: Projection,
    up_proj: Projection,
    down_proj: Projection,
}

/// A matrix in the Hugging Face layout `[out, in]` (or `[vocab, d_model]`).
#[derive(Module, Debug)]
struct Projection {
    weight: Param<Tensor<2>>,
}

impl Projection {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        linear(x, self.weight.val())
    }
}

#[derive(Module, Debug)]
struct Norm {
    weight: Param<Tensor<1>>,
    #[module(skip)]
    epsilon: f64,
}

impl Norm {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        rms_norm(x, self.weight.val(), self.epsilon)
    }
}

/// Rotated keys and values of the tokens so far, one pair a layer, each `[sequences · columns, kv_heads · head_dim]`
/// with every sequence's columns together.
#[derive(Debug, Clone, Default)]
pub struct Cache {
    layers: Vec<(Tensor<2>, Tensor<2>)>,
    sequences: usize,
}

impl Cache {
    /// An empty cache for so many sequences.
    pub fn new(sequences: usize) -> Self {
        Self { layers: Vec::new(), sequences }
    }

    /// Appends a layer's new keys and values and returns all of them.
    fn extend(&mut self, layer: usize, k: Tensor<2>, v: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        if layer == self.layers.len() {
            self.layers.push((k.clone(), v.clone()));
            return (k, v);
        }
        let join = |old: &Tensor<2>, new: Tensor<2>| {
            let width = new.dims()[1];
            let by_sequence = |x: Tensor<2>| {
                let columns = x.dims()[0] / self.sequences;
                x.reshape([self.sequences, columns, width])
            };
            let all = Tensor::cat(vec![by_sequence(old.clone()), by_sequence(new)], 1);
            let columns = all.dims()[1];
            all.reshape([self.sequences * columns, width])
        };
        let (old_k, old_v) = &self.layers[layer];
        let joined = (join(old_k, k), join(old_v, v));
        self.layers[layer] = joined.clone();
        joined
    }
}

impl Llama {
    /// Builds the decoder; `tensor(name, shape)` gives the values of every tensor in the Hugging Face layout.
    ///
    /// # Errors
    /// Passes on what `tensor` fails with.
    pub fn build<E>(
        config: LlamaConfig,
        device: &Device,
        mut tensor: impl FnMut(&str, &[usize]) -> Result<Vec<f32>, E>,
    ) -> Result<Self, E> {
        let mut matrix = |name: String, rows: usize, columns: usize| -> Result<Projection, E> {
            let values = tensor(&name, &[rows, columns])?;
            let weight = Tensor::<2>::from_data(TensorData::new(values, [rows, columns]), device);
            Ok(Projection { weight: Param::from_tensor(weight) })
        };
        let d = config.hidden_size;
        let (q, kv) =
            (config.num_attention_heads * config.head_dim, config.num_key_value_heads * config.head_dim);
        let embed_tokens = matrix("model.embed_tokens.weight".into(), config.vocab_size, d)?;
        let lm_head = match config.tie_word_embeddings {
            true => None,
            false => Some(matrix("lm_head.weight".into(), config.vocab_size, d)?),
        };
        let mut blocks = Vec::with_capacity(config.num_hidden_layers);
        for layer in 0..config.num_hidden_layers {
            let name = |part: &str| format!("model.layers.{layer}.{part}.weight");
            let self_attn = Attention {
                q_proj: matrix(name("self_attn.q_proj"), q, d)?,
                k_proj: matrix(name("self_attn.k_proj"), kv, d)?,
                v_proj: matrix(name("self_attn.v_proj"), kv, d)?,
                o_proj: matrix(name("self_attn.o_proj"), d, q)?,
            };
            let mlp = Mlp {
                gate_proj: matrix(name("mlp.gate_proj"), config.intermediate_size, d)?,
                up_proj: matrix(name("mlp.up_proj"), config.intermediate_size, d)?,
                down_proj: matrix(name("mlp.down_proj"), d, config.intermediate_size)?,
            };
            blocks.push((self_attn, mlp));
        }
        let mut norm = |name: String| -> Result<Norm, E> {
            let values = tensor(&name, &[d])?;
            let weight = Tensor::<1>::from_data(TensorData::new(values, [d]), device);
            Ok(Norm { weight: Param::from_tensor(weight), epsilon: config.rms_norm_eps })
        };
        let mut layers = Vec::with_capacity(blocks.len());
        for (layer, (self_attn, mlp)) in blocks.into_iter().enumerate() {
            let input_layernorm = norm(format!("model.layers.{layer}.input_layernorm.weight"))?;
            let post_attention_layernorm =
                norm(format!("model.layers.{layer}.post_attention_layernorm.weight"))?;
            layers.push(Layer { input_layernorm, self_attn, post_attention_layernorm, mlp });
        }
        let norm = norm("model.norm.weight".into())?;
        let rope = RopeTable::new(config.rope_theta, config.head_dim, config.max_position_embeddings);
        Ok(Self { model: Decoder { embed_tokens, layers, norm }, lm_head, config: Arc::new(config), rope })
    }

    /// The configuration.
    pub fn config(&self) -> &LlamaConfig {
        &self.config
    }

    /// The device that the weights are on.
    pub fn device(&self) -> Device {
        self.model.embed_tokens.weight.val().device()
    }

    /// Logits of the next token after every token of the batch, `[tokens, vocab]`.
    pub fn forward(&self, batch: &Batch) -> Tensor<2> {
        self.logits(self.hidden(batch, None))
    }

    /// Logits after the given rows only, `[rows, vocab]`; with a cache, the batch's keys and values go in it.
    pub fn forward_rows(&self, batch: &Batch, rows: &[u32], cache: Option<&mut Cache>) -> Tensor<2> {
        let hidden = self.hidden(batch, cache);
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

    fn logits(&self, hidden: Tensor<2>) -> Tensor<2> {
        self.lm_head.as_ref().unwrap_or(&self.model.embed_tokens).forward(hidden)
    }

    fn hidden(&self, batch: &Batch, cache: Option<&mut Cache>) -> Tensor<2> {
        self.run(batch, cache, &mut |_| {})
    }

    fn run(
        &self,
        batch: &Batch,
        mut cache: Option<&mut Cache>,
        seen: &mut dyn FnMut(&Tensor<2>),
    ) -> Tensor<2> {
        let positions: Arc<[u32]> = batch.positions.as_slice().into();
        let segments: Arc<[Segment]> = batch.segments.as_slice().into();
        let turn = |x| rope(x, &self.rope, &positions);
        let mut x = embedding(self.model.embed_tokens.weight.val(), &batch.ids, self.config.pad_token_id);
        for (index, layer) in self.model.layers.iter().enumerate() {
            seen(&x);
            let normed = layer.input_layernorm.forward(x.clone());
            let heads = &layer.self_attn;
            let q = turn(heads.q_proj.forward(normed.clone()));
            let k = turn(heads.k_proj.forward(normed.clone()));
            let v = heads.v_proj.forward(normed);
            let (k, v) = match cache.as_deref_mut() {
                Some(cache) => cache.extend(index, k, v),
                None => (k, v),
            };
            x = x + heads.o_proj.forward(attention(q, k, v, self.config.head_dim, &segments));
            let normed = layer.post_attention_layernorm.forward(x.clone());
            let mlp = &layer.mlp;
            let inner = swiglu(mlp.gate_proj.forward(normed.clone()), mlp.up_proj.forward(normed));
            x = x + mlp.down_proj.forward(inner);
        }
        seen(&x);
        self.model.norm.forward(x)
    }

    /// Calls `visit(name, shape, values)` for every stored tensor; the values are flat and carry no gradient.
    pub fn for_each_parameter(&self, visit: &mut dyn FnMut(&str, &[usize], Tensor<1>)) {
        self.visit(&mut Visit { path: Path::default(), visit });
    }

    /// Replaces every stored tensor's flat values by what `update(name, values)` returns.
    pub fn map_parameters(self, update: &mut dyn FnMut(&str, Tensor<1>) -> Tensor<1>) -> Self {
        self.map(&mut Update { path: Path::default(), update })
    }
}

#[cfg(feature = "autodiff")]
impl Llama {
    /// The same model with a gradient graph on every parameter.
    pub fn trainable(self) -> Self {
        self.train()
    }

    /// The same model without gradients.
    pub fn untracked(self) -> Self {
        self.valid()
    }

    /// Takes every parameter's flat gradient out of `gradients`: `(name, gradient)` in the parameters' order.
    /// A parameter that the loss does not depend on has none.
    pub fn take_gradients(&self, gradients: &mut burn::tensor::Gradients) -> Vec<(String, Tensor<1>)> {
        let mut visitor = Take { path: Path::default(), gradients, taken: Vec::new() };
        self.visit(&mut visitor);
        visitor.taken
    }
}

/// Where in the module tree a visitor is.
#[derive(Default)]
struct Path(Vec<String>);

impl Path {
    fn name(&self) -> String {
        self.0.join(".")
    }
}

struct Visit<'a> {
    path: Path,
    visit: &'a mut dyn FnMut(&str, &[usize], Tensor<1>),
}

impl ModuleVisitor for Visit<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.0.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.0.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val().without_autodiff();
        (self.visit)(&self.path.name(), &value.dims(), value.clone().flatten(0, D - 1));
    }
}

struct Update<'a> {
    path: Path,
    update: &'a mut dyn FnMut(&str, Tensor<1>) -> Tensor<1>,
}

impl ModuleMapper for Update<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.0.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.0.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, value, mapper) = param.consume();
        let (shape, tracked) = (value.dims(), value.is_autodiff());
        let flat = value.without_autodiff().flatten(0, D - 1);
        let new = (self.update)(&self.path.name(), flat).reshape(shape);
        let new = if tracked { new.autodiff().require_grad() } else { new };
        Param::from_mapped_value(id, new, mapper)
    }
}

#[cfg(feature = "autodiff")]
struct Take<'a> {
    path: Path,
    gradients: &'a mut burn::tensor::Gradients,
    taken: Vec<(String, Tensor<1>)>,
}

#[cfg(feature = "autodiff")]
impl ModuleVisitor for Take<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.0.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.0.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = param.val().grad_remove(self.gradients) {
            self.taken.push((self.path.name(), gradient.flatten(0, D - 1)));
        }
    }
}
