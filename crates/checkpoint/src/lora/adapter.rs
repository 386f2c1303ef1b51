//! An adapter's tensors, each with its part.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{AdapterConfig, EMBEDDING, LINEAR, LoraProblem, PREFIX, WEIGHTS_FILE};
use crate::error::shown;
use crate::files::find;
use crate::weights::check_float;
use crate::{Error, FileSet, SafetensorsReader, TensorInfo, Weights};

/// Where PEFT keeps a layer that it wrapped.
const BASE_LAYER: &str = ".base_layer";

/// A module with factors: ΔW = s·B·A, or its transpose for an embedding.
#[derive(Debug, Clone, PartialEq)]
pub struct LoraModule {
    /// Its name in the base, without `base_model.model.`, e.g. `model.layers.0.self_attn.q_proj`.
    pub name: String,
    /// Whether it is an embedding, `[in, out]` = `[rows, width]` in the base, and not a linear layer, `[out, in]`.
    pub embedding: bool,
    /// r.
    pub rank: usize,
    /// Columns of A: a linear layer's inputs, an embedding's rows.
    pub inputs: usize,
    /// Rows of B: a linear layer's outputs, an embedding's width.
    pub outputs: usize,
    /// s = α/r, or α/√r.
    pub scale: f64,
}

impl LoraModule {
    /// The adapter's names of its A `[r, in]` and B `[out, r]`.
    pub fn tensors(&self) -> [String; 2] {
        let suffixes = if self.embedding { EMBEDDING } else { LINEAR };
        suffixes.map(|suffix| format!("{PREFIX}{}{suffix}", self.name))
    }
}

/// The factors of a module, row-major, without the scale.
#[derive(Debug, Clone, PartialEq)]
pub struct Factors {
    /// A, `[r, in]`.
    pub a: Vec<f32>,
    /// B, `[out, r]`.
    pub b: Vec<f32>,
}

/// A tensor that takes the place of the base's: trained whole, or saved beside the factors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedTensor {
    /// The base's name of it.
    pub name: String,
    /// The adapter's description of it, by the adapter's name.
    pub info: TensorInfo,
}

impl SavedTensor {
    /// Whether it is the weight under factors, which PEFT saves with embeddings and does not train.
    pub fn is_under_factors(&self) -> bool {
        self.info.name.ends_with(".base_layer.weight")
    }
}

/// An opened PEFT LoRA adapter, not yet put onto a base. Clones share the file.
#[derive(Debug, Clone)]
pub struct Adapter {
    name: String,
    config: AdapterConfig,
    reader: Arc<SafetensorsReader>,
    modules: Vec<LoraModule>,
    saved: Vec<SavedTensor>,
}

impl Adapter {
    /// Reads `adapter_config.json` and the header of `adapter_model.safetensors`.
    ///
    /// Fails with [`Error::NotAdapter`], with [`Error::NotSafetensors`], with [`Error::NotFloat`] for factors of
    /// integers, or as the files' sources do.
    pub fn open(files: &dyn FileSet) -> Result<Self, Error> {
        let not = |problem| Error::adapter(files.name(), problem);
        let config = AdapterConfig::read(files)?;
        let Some(source) = find(files, WEIGHTS_FILE)? else {
            let pickle = ["adapter_model.bin", "adapter_model.pt"];
            let found = files.files().into_iter().find(|(path, _)| pickle.contains(&path.as_str()));
            return Err(not(match found {
                Some((file, _)) => LoraProblem::Pickle { file },
                None => LoraProblem::NoWeights,
            }));
        };
        let reader = SafetensorsReader::open(source)?;
        reader.tensors().iter().try_for_each(check_float)?;
        let (modules, saved) = parts(&config, &reader).map_err(not)?;
        Ok(Self { name: files.name().into(), config, reader: Arc::new(reader), modules, saved })
    }

    /// What messages call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its configuration.
    pub fn config(&self) -> &AdapterConfig {
        &self.config
    }

    /// The modules with factors, sorted by name.
    pub fn modules(&self) -> &[LoraModule] {
        &self.modules
    }

    /// The tensors that take the place of the base's, sorted by the base's names.
    pub fn saved(&self) -> &[SavedTensor] {
        &self.saved
    }

    /// Its tensors by its own names.
    pub fn weights(&self) -> &dyn Weights {
        self.reader.as_ref()
    }

    /// Reads the factors of one of its modules, as f32.
    pub fn factors(&self, module: &LoraModule) -> Result<Factors, Error> {
        let [a, b] = module.tensors();
        Ok(Factors { a: self.reader.read_f32(&a)?, b: self.reader.read_f32(&b)? })
    }
}

/// What a tensor of an adapter is.
enum Role<'n> {
    /// A (`which` = 0) or B (1) of a module.
    Factor { module: &'n str, suffixes: [&'static str; 2], which: usize },
    /// In the place of the base's tensor of this name.
    Saved(String),
}

/// The role of a tensor; `None` for a name that no LoRA adapter has.
fn role(tensor: &str) -> Option<Role<'_>> {
    let name = tensor.strip_prefix(PREFIX)?;
    for suffixes in [LINEAR, EMBEDDING] {
        for (which, suffix) in suffixes.into_iter().enumerate() {
            if let Some(module) = name.strip_suffix(suffix).filter(|module| !module.is_empty()) {
                return Some(Role::Factor { module, suffixes, which });
            }
        }
    }
    (!name.contains("lora_")).then(|| Role::Saved(name.replacen(BASE_LAYER, "", 1)))
}

/// What every tensor is for.
fn parts(
    config: &AdapterConfig,
    reader: &SafetensorsReader,
) -> Result<(Vec<LoraModule>, Vec<SavedTensor>), LoraProblem> {
    if reader.tensors().is_empty() {
        return Err(LoraProblem::Empty);
    }
    let mut modules: BTreeMap<&str, LoraModule> = BTreeMap::new();
    let mut saved: BTreeMap<String, SavedTensor> = BTreeMap::new();
    for info in reader.tensors() {
        let role = role(&info.name);
        let twice = match role.ok_or_else(|| LoraProblem::UnknownTensor { tensor: shown(&info.name) })? {
            Role::Factor { module, suffixes, which } => {
                let partner = format!("{PREFIX}{module}{}", suffixes[1 - which]);
                let Ok(other) = reader.info(&partner) else {
                    let (tensor, partner) = (shown(&info.name), shown(&partner));
                    return Err(LoraProblem::Unpaired { tensor, partner });
                };
                // A's turn is for both.
                which == 0 && {
                    let described = lora_module(config, module, suffixes == EMBEDDING, info, other)?;
                    modules.insert(module, described).is_some()
                }
            }
            Role::Saved(name) => {
                let tensor = SavedTensor { name: name.clone(), info: info.clone() };
                saved.insert(name, tensor).is_some()
            }
        };
        if twice {
            return Err(LoraProblem::Twice { tensor: shown(&info.name) });
        }
    }
    Ok((modules.into_values().collect(), saved.into_values().collect()))
}

/// A module by its configuration and its factors' shapes.
fn lora_module(
    config: &AdapterConfig,
    name: &str,
    embedding: bool,
    a: &TensorInfo,
    b: &TensorInfo,
) -> Result<LoraModule, LoraProblem> {
    let rank = config.rank(name);
    if rank == 0 {
        return Err(LoraProblem::NoRank { module: shown(name) });
    }
    match (a.shape.as_slice(), b.shape.as_slice()) {
        (&[a_rank, inputs], &[outputs, b_rank])
            if [a_rank, b_rank] == [rank; 2] && inputs > 0 && outputs > 0 =>
        {
            Ok(LoraModule { name: name.into(), embedding, rank, inputs, outputs, scale: config.scale(name) })
        }
        _ => Err(LoraProblem::FactorShape {
            module: shown(name),
            a: a.shape.clone(),
            b: b.shape.clone(),
            rank,
        }),
    }
}
