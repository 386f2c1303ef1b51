//! Low-rank adapters (Hu et al., arXiv 2106.09685) in training: fresh factors, and PEFT's files both ways.
//!
//! y = x·Wᵀ + s·(x·Aᵀ)·Bᵀ with s = α/r. W stays as it is; A and B are the parameters, with the gradients dA = s·Bᵀ·dW and
//! dB = s·dW·Aᵀ of the effective weight's dW, which is never formed.

use std::path::Path;

use maec_checkpoint::lora::{Adapter, AdapterConfig, LINEAR, PREFIX, adapter_files, write_adapter};
use maec_checkpoint::{Dtype, MemoryWeights, TensorInfo};
use maec_model::{Decoder, LoraFactors};
use serde::{Deserialize, Serialize};

use crate::error::TrainError;
use crate::random::Random;
use crate::trainer::Trainer;

/// Stream of the seed that factors are drawn from, apart from those of data and weights.
const STREAM: u64 = u64::MAX - 1;

/// What PEFT calls every linear layer but the head.
pub const ALL_LINEAR: &str = "all-linear";

/// An adapter's rank, scale and layers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoraConfig {
    /// r.
    pub rank: usize,
    /// α; the scale s is α/r.
    pub alpha: f64,
    /// Names of linear layers, or their last parts, such as `q_proj`; or [`ALL_LINEAR`] alone.
    pub targets: Vec<String>,
}

impl Default for LoraConfig {
    /// Rank 8 on the attention's queries and values, as PEFT takes for Llama, with α 16.
    fn default() -> Self {
        Self { rank: 8, alpha: 16.0, targets: vec!["q_proj".into(), "v_proj".into()] }
    }
}

/// Whether a parameter is a factor.
pub(crate) fn is_factor(name: &str) -> bool {
    name.ends_with(".lora.a") || name.ends_with(".lora.b")
}

impl LoraConfig {
    /// s = α/r.
    pub fn scale(&self) -> f64 {
        self.alpha / self.rank as f64
    }

    /// Whether a layer is one of the targets.
    fn means(&self, module: &str) -> bool {
        let names = |target: &String| match module.strip_suffix(target.as_str()) {
            Some(before) => before.is_empty() || before.ends_with('.'),
            None => target == ALL_LINEAR && module != "lm_head",
        };
        self.targets.iter().any(names)
    }

    /// Puts fresh factors on a model: B = 0, A uniform within ±1/√in, PEFT's default (Kaiming with a = √5), drawn layer
    /// by layer in the order of their names.
    ///
    /// # Errors
    /// When rank or α make no sense, or a target names no linear layer.
    pub fn attach(&self, model: Decoder, seed: u64) -> Result<Decoder, TrainError> {
        let problem = |problem: String| Err(TrainError::Lora { problem });
        if self.rank == 0 {
            return problem("the rank is 0; give at least 1, for example 8".into());
        }
        if !(self.alpha.is_finite() && self.alpha > 0.0) {
            return problem(format!("alpha is {}; give a positive number, for example 16", self.alpha));
        }
        let layers = model.linear_layers();
        for target in &self.targets {
            let one = Self { targets: vec![target.clone()], ..self.clone() };
            if !layers.iter().any(|(module, _)| one.means(module)) {
                return problem(format!(
                    "the target `{target}` is no linear layer of the model; give names such as q_proj, or {ALL_LINEAR}"
                ));
            }
        }
        if self.targets.is_empty() {
            return problem(format!("no target is given; give names such as q_proj, or {ALL_LINEAR}"));
        }
        let mut meant: Vec<&(String, [usize; 2])> =
            layers.iter().filter(|(module, _)| self.means(module)).collect();
        meant.sort_unstable();
        let mut random = Random::new(seed, STREAM);
        let mut fresh = std::collections::BTreeMap::new();
        for (module, [_, columns]) in meant {
            let bound = 1.0 / (*columns as f64).sqrt();
            let a: Vec<f32> = (0..self.rank * columns)
                .map(|_| (random.unit() * 2.0 - 1.0) * bound)
                .map(|x| x as f32)
                .collect();
            fresh.insert(module.clone(), a);
        }
        Ok(model.with_lora(&mut |module, [out, _]| {
            let a = fresh.remove(module)?;
            Some(LoraFactors { rank: self.rank, a, b: vec![0.0; out * self.rank], scale: self.scale() })
        }))
    }

    /// Puts a PEFT adapter's factors on a model, to train them on, and says what they are.
    ///
    /// # Errors
    /// When the adapter is no LoRA, holds more than factors of linear layers, or has layers of different ranks or
    /// scales, or is of another model.
    pub fn attach_adapter(model: Decoder, adapter: &Adapter) -> Result<(Decoder, Self), TrainError> {
        let problem = |problem: String| Err(TrainError::Lora { problem });
        let name = adapter.name();
        let Some(first) = adapter.modules().first() else {
            return problem(format!("`{name}` has no factors; give an adapter with some"));
        };
        if let Some(saved) = adapter.saved().first() {
            return problem(format!("`{name}` also replaces `{}`; merge it into the base first", saved.name));
        }
        let layers: std::collections::BTreeMap<String, [usize; 2]> =
            model.linear_layers().into_iter().collect();
        let mut factors = std::collections::BTreeMap::new();
        for module in adapter.modules() {
            if module.embedding {
                return problem(format!(
                    "`{name}` has factors of the embedding `{}`; merge it into the base first",
                    module.name
                ));
            }
            if (module.rank, module.scale) != (first.rank, first.scale) {
                return problem(format!(
                    "`{name}` gives `{}` another rank or scale than `{}`; merge it into the base first",
                    module.name, first.name
                ));
            }
            if layers.get(&module.name) != Some(&[module.outputs, module.inputs]) {
                return problem(format!(
                    "`{name}` is for a `{}` of [{}, {}], which the model does not have; use the base that it was trained on",
                    module.name, module.outputs, module.inputs
                ));
            }
            let found = adapter.factors(module)?;
            let of = LoraFactors { rank: module.rank, a: found.a, b: found.b, scale: module.scale };
            factors.insert(module.name.clone(), of);
        }
        let targets = factors.keys().cloned().collect();
        let config = Self { rank: first.rank, alpha: first.scale * first.rank as f64, targets };
        Ok((model.with_lora(&mut |module, _| factors.remove(module)), config))
    }
}

/// A trained adapter in PEFT's terms.
#[derive(Debug)]
pub struct TrainedAdapter {
    /// `adapter_config.json`.
    pub config: AdapterConfig,
    /// The factors, f32, by PEFT's names.
    pub weights: MemoryWeights,
}

impl TrainedAdapter {
    /// Writes the folder that PEFT opens, beside its name, then renames.
    ///
    /// # Errors
    /// When it can't be written, or `path` holds something else.
    pub fn save(&self, path: &Path) -> Result<(), TrainError> {
        Ok(write_adapter(path, &self.config, &self.weights)?)
    }

    /// The same files in memory, by name.
    ///
    /// # Errors
    /// When the weights can't be read.
    pub fn files(&self) -> Result<Vec<(String, Vec<u8>)>, TrainError> {
        Ok(adapter_files(&self.config, &self.weights)?)
    }
}

impl Trainer {
    /// Goes on training an adapter that PEFT wrote; its optimizer starts afresh.
    ///
    /// # Errors
    /// As [`Trainer::with_lora`] and [`LoraConfig::attach_adapter`].
    pub fn with_adapter(
        model: Decoder,
        config: crate::TrainConfig,
        sequences: impl crate::Sequences + 'static,
        adapter: &Adapter,
    ) -> Result<Self, TrainError> {
        let (model, lora) = LoraConfig::attach_adapter(model, adapter)?;
        Self::start(model, config, Box::new(sequences), None, Some(lora))
    }

    /// The adapter as it is now, for a base of this name; `None` where no factors are trained.
    ///
    /// # Errors
    /// When a value is not finite or the device is lost.
    pub fn adapter(&self, base: &str) -> Result<Option<TrainedAdapter>, TrainError> {
        let Some(lora) = self.lora() else { return Ok(None) };
        let (mut tensors, mut modules) = (Vec::new(), std::collections::BTreeSet::new());
        for (name, (shape, values)) in self.values()? {
            let parts = [(".lora.a", LINEAR[0]), (".lora.b", LINEAR[1])];
            let found = parts.iter().find_map(|(ours, peft)| Some((name.strip_suffix(ours)?, peft)));
            let Some((module, suffix)) = found else { continue };
            // The last part of every module's name, where all are meant.
            modules.insert(module.rsplit('.').next().unwrap_or(module).to_owned());
            let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            let name = format!("{PREFIX}{module}{suffix}");
            tensors.push((TensorInfo { name, dtype: Dtype::F32, shape }, bytes));
        }
        let config = AdapterConfig {
            peft_type: "LORA".into(),
            base_model_name_or_path: Some(base.to_owned()),
            task_type: Some("CAUSAL_LM".into()),
            r: Some(lora.rank),
            lora_alpha: Some(lora.alpha),
            target_modules: match lora.targets.iter().any(|target| target == ALL_LINEAR) {
                true => modules.into_iter().collect::<Vec<String>>().into(),
                false => lora.targets.as_slice().into(),
            },
            bias: Some("none".into()),
            ..AdapterConfig::default()
        };
        Ok(Some(TrainedAdapter { config, weights: MemoryWeights::new("the trained adapter", tensors)? }))
    }
}
