//! A base with an adapter put onto it.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use super::product::Product;
use super::{Adapter, LoraModule, LoraProblem};
use crate::error::shown;
use crate::weights::{check_float, check_range};
use crate::{Dtype, Error, TensorInfo, Weights, convert, dtype};

/// Tensors whose factors are kept, so that reading one tile by tile reads them once.
const CACHED_TENSORS: usize = 4;
/// Elements computed at a time.
const CHUNK: usize = 32 * 1024;
/// What some files leave out before their tensors' names and transformers puts there.
const HEADS: [&str; 2] = ["model.", "transformer."];

/// The adapted model: a base, W + s·B·A for the tensors that an adapter has factors for, and its saved tensors.
///
/// ΔW is summed in f32 in a fixed order and added to W, then rounded once to the tensor's dtype, ties to even. For a
/// base in F32 that is PEFT's `merge_and_unload` up to the order of its sums. For BF16 and F16 it is that too for linear
/// layers; PEFT rounds ΔW itself first for embeddings, with `safe_merge`, and with adapters that it was told to keep in
/// BF16, so that there the two can differ by a unit in the last place of ΔW or W.
pub struct LoraWeights {
    name: String,
    base: Arc<dyn Weights>,
    adapter: Adapter,
    tensors: Vec<TensorInfo>,
    changes: BTreeMap<String, Change>,
    /// Most recently used last.
    cache: Mutex<Vec<(String, Arc<Product>)>>,
}

/// What an adapter does to one tensor of the base.
#[derive(Debug, Default)]
struct Change {
    /// The adapter's tensor in its place.
    saved: Option<String>,
    /// Index of the module, and whether the base stores the transpose of B·A.
    factors: Option<(usize, bool)>,
}

impl Adapter {
    /// Puts the adapter onto its base, tensors in the base's dtypes.
    ///
    /// Fails with [`Error::NotAdapter`] where the base lacks a tensor that the adapter changes or has it in another
    /// shape, and with [`Error::NotFloat`] where it is no float.
    pub fn onto(&self, base: Arc<dyn Weights>) -> Result<LoraWeights, Error> {
        LoraWeights::new(base, self.clone(), |base| base)
    }

    /// As [`Adapter::onto`], with the tensors that change in F32 (F64 where the base's are), so that a narrow base loses
    /// nothing of ΔW before a merge.
    pub fn onto_f32(&self, base: Arc<dyn Weights>) -> Result<LoraWeights, Error> {
        LoraWeights::new(base, self.clone(), |base| if base == Dtype::F64 { base } else { Dtype::F32 })
    }
}

impl LoraWeights {
    fn new(base: Arc<dyn Weights>, adapter: Adapter, stored: impl Fn(Dtype) -> Dtype) -> Result<Self, Error> {
        let mut tensors = base.tensors().to_vec();
        let mut changes: BTreeMap<String, Change> = BTreeMap::new();
        let place = Place { base: base.as_ref(), adapter: &adapter };
        for saved in adapter.saved() {
            let info = place.find(&saved.info.name, &saved.name)?;
            if info.shape != saved.info.shape {
                return Err(place.misfit(&saved.info.name, &saved.info.shape, info));
            }
            changes.entry(info.name.clone()).or_default().saved = Some(saved.info.name.clone());
        }
        for (index, module) in adapter.modules().iter().enumerate() {
            let [a, _] = module.tensors();
            let info = place.find(&a, &format!("{}.weight", module.name))?;
            let transposed = place.is_transposed(module, &a, info)?;
            let change = changes.entry(info.name.clone()).or_default();
            if change.factors.replace((index, transposed)).is_some() {
                return Err(place.not(LoraProblem::Twice { tensor: shown(&a) }));
            }
        }
        for info in tensors.iter_mut().filter(|info| changes.contains_key(&info.name)) {
            check_float(info)?;
            info.dtype = stored(info.dtype);
        }
        let name = format!("{}+{}", base.name(), adapter.name());
        Ok(Self { name, base, adapter, tensors, changes, cache: Mutex::default() })
    }

    /// The base underneath.
    pub fn base(&self) -> &Arc<dyn Weights> {
        &self.base
    }

    /// The adapter that was put on.
    pub fn adapter(&self) -> &Adapter {
        &self.adapter
    }

    /// Names of the base's tensors that the adapter changes, sorted.
    pub fn changed(&self) -> impl Iterator<Item = &str> {
        self.changes.keys().map(String::as_str)
    }

    /// Most bytes of factors that are held while tensors are read one after the other: as if all that are kept were the largest, and
    /// one pair more while it is read as stored, decoded and laid out.
    pub fn memory_bytes(&self) -> u64 {
        let elements = |module: &LoraModule| (module.inputs + module.outputs) as u64 * module.rank as u64;
        let largest = self.adapter.modules().iter().map(elements).max().unwrap_or(0);
        (CACHED_TENSORS as u64 + 3) * largest * size_of::<f32>() as u64
    }

    fn product(&self, name: &str, module: &LoraModule, transposed: bool) -> Result<Arc<Product>, Error> {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = cache.iter().position(|(cached, _)| cached == name) {
            let hit = cache.remove(index);
            let product = hit.1.clone();
            cache.push(hit);
            return Ok(product);
        }
        // Read outside the lock: two threads may do it twice, but never wait for each other's reads.
        drop(cache);
        let product = Arc::new(Product::new(module, self.adapter.factors(module)?, transposed));
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.len() == CACHED_TENSORS {
            cache.remove(0);
        }
        cache.push((name.into(), product.clone()));
        Ok(product)
    }
}

impl Weights for LoraWeights {
    fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn read_stored(&self, name: &str, elements: Range<usize>, out: &mut [u8]) -> Result<(), Error> {
        let Some(change) = self.changes.get(name) else {
            return self.base.read_stored(name, elements, out);
        };
        let info = self.info(name)?;
        let size = dtype::bytes_per_element(info.dtype);
        check_range(self.name(), info, &elements, out.len(), size)?;
        let (weights, tensor) = match &change.saved {
            Some(saved) => (self.adapter.weights(), saved.as_str()),
            None => (self.base.as_ref(), name),
        };
        let product = match change.factors {
            Some((module, transposed)) => {
                Some(self.product(name, &self.adapter.modules()[module], transposed)?)
            }
            None if weights.info(tensor)?.dtype == info.dtype => {
                return weights.read_stored(tensor, elements, out);
            }
            None => None,
        };
        let mut values = vec![0.0; CHUNK.min(elements.len())];
        let mut stored = Vec::with_capacity(values.len() * size);
        let mut start = elements.start;
        for part in out.chunks_mut(CHUNK * size) {
            let values = &mut values[..part.len() / size];
            weights.read_f64(tensor, start..start + values.len(), values)?;
            if let Some(product) = &product {
                product.add(start, values);
            }
            stored.clear();
            convert::narrow(info.dtype, values, &mut stored)?;
            part.copy_from_slice(&stored);
            start += values.len();
        }
        Ok(())
    }
}

impl fmt::Debug for LoraWeights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoraWeights")
            .field("base", &self.base.name())
            .field("adapter", &self.adapter)
            .finish_non_exhaustive()
    }
}

/// Finds the base's tensors for an adapter's.
struct Place<'a> {
    base: &'a dyn Weights,
    adapter: &'a Adapter,
}

impl<'a> Place<'a> {
    /// The base's tensor of a name, or of one that differs by a head that transformers adds or leaves out.
    fn find(&self, tensor: &str, wanted: &str) -> Result<&'a TensorInfo, Error> {
        let without = HEADS.iter().filter_map(|head| wanted.strip_prefix(head).map(str::to_owned));
        let with = HEADS.iter().map(|head| format!("{head}{wanted}"));
        let mut names = std::iter::once(wanted.to_owned()).chain(without).chain(with);
        names.find_map(|name| self.base.info(&name).ok()).ok_or_else(|| {
            self.not(LoraProblem::NoBaseTensor {
                tensor: shown(tensor),
                wanted: shown(wanted),
                base: self.base.name().into(),
                trained_on: self.trained_on(),
            })
        })
    }

    /// Whether the base stores a module's weight as (B·A)ᵀ `[in, out]`: shapes decide, and the configuration where the
    /// layer is square.
    fn is_transposed(&self, module: &LoraModule, tensor: &str, info: &TensorInfo) -> Result<bool, Error> {
        let (straight, transposed) = ([module.outputs, module.inputs], [module.inputs, module.outputs]);
        if module.embedding {
            if info.shape == transposed { Ok(true) } else { Err(self.misfit(tensor, &transposed, info)) }
        } else if info.shape == straight {
            Ok(straight == transposed && self.adapter.config().fan_in_fan_out)
        } else if info.shape == transposed {
            Ok(true)
        } else {
            Err(self.misfit(tensor, &straight, info))
        }
    }

    fn misfit(&self, tensor: &str, expected: &[usize], info: &TensorInfo) -> Error {
        self.not(LoraProblem::BaseShape {
            tensor: shown(tensor),
            wanted: info.name.clone(),
            expected: expected.to_vec(),
            base: self.base.name().into(),
            found: info.shape.clone(),
        })
    }

    fn trained_on(&self) -> String {
        shown(self.adapter.config().base_model_name_or_path.as_deref().unwrap_or("not named"))
    }

    fn not(&self, problem: LoraProblem) -> Error {
        Error::adapter(self.adapter.name(), problem)
    }
}
