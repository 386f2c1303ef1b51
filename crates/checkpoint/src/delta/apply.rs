//! A base with a delta's values put in.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use super::{DeltaEntries, SparseDelta};
use crate::weights::check_range;
use crate::{Error, TensorInfo, Weights, convert, dtype};

/// Tensors whose decoded entries are kept, so that reading one tile by tile decodes it once.
const CACHED_TENSORS: usize = 4;

/// The trained checkpoint: a base with a delta's values put in, read on demand.
///
/// A tensor that changed has the dtype of the delta's values, any other the base's.
pub struct DeltaWeights {
    base: Arc<dyn Weights>,
    delta: SparseDelta,
    tensors: Vec<TensorInfo>,
    /// Most recently used last.
    cache: Mutex<Vec<(String, Arc<DeltaEntries>)>>,
}

impl DeltaWeights {
    /// Checks every entry against the base.
    pub(super) fn new(base: Arc<dyn Weights>, delta: SparseDelta) -> Result<Self, Error> {
        let mut tensors = base.tensors().to_vec();
        for name in delta.tensors() {
            let extra = |_| Error::ExtraTensor {
                name: delta.name().into(),
                tensor: name.clone(),
                base: base.name().into(),
            };
            let index = tensors.binary_search_by(|info| info.name.cmp(name)).map_err(extra)?;
            let info = &mut tensors[index];
            let Some(entries) = delta.entries_below(name, info.elements() as u64)? else { continue };
            if !dtype::holds(entries.dtype, info.dtype) {
                return Err(Error::Narrower {
                    tensor: name.clone(),
                    base: info.dtype,
                    values: entries.dtype,
                });
            }
            info.dtype = entries.dtype;
        }
        Ok(Self { base, delta, tensors, cache: Mutex::default() })
    }

    /// The base underneath.
    pub fn base(&self) -> &Arc<dyn Weights> {
        &self.base
    }

    /// The delta that was put in.
    pub fn delta(&self) -> &SparseDelta {
        &self.delta
    }

    /// What the delta says of a tensor; `None` where it is the base's.
    pub fn entries(&self, name: &str) -> Result<Option<Arc<DeltaEntries>>, Error> {
        if self.delta.dtype(name).is_none() {
            return Ok(None);
        }
        if let Some(entries) = self.cached(name) {
            return Ok(Some(entries));
        }
        // Decoded outside the lock: two threads may do it twice, but never wait for each other's reads.
        let Some(entries) = self.delta.entries_below(name, self.info(name)?.elements() as u64)? else {
            return Ok(None);
        };
        let entries = Arc::new(entries);
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.len() == CACHED_TENSORS {
            cache.remove(0);
        }
        cache.push((name.into(), entries.clone()));
        Ok(Some(entries))
    }

    fn cached(&self, name: &str) -> Option<Arc<DeltaEntries>> {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let index = cache.iter().position(|(cached, _)| cached == name)?;
        let hit = cache.remove(index);
        let entries = hit.1.clone();
        cache.push(hit);
        Some(entries)
    }
}

impl Weights for DeltaWeights {
    fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    fn name(&self) -> &str {
        self.delta.name()
    }

    fn read_stored(&self, name: &str, elements: Range<usize>, out: &mut [u8]) -> Result<(), Error> {
        let info = self.info(name)?;
        let size = dtype::bytes_per_element(info.dtype);
        check_range(self.name(), info, &elements, out.len(), size)?;
        let Some(entries) = self.entries(name)? else { return self.base.read_stored(name, elements, out) };
        let stored = self.base.info(name)?.dtype;
        if stored == info.dtype {
            self.base.read_stored(name, elements.clone(), out)?;
        } else {
            let mut bytes = vec![0; elements.len() * dtype::bytes_per_element(stored)];
            self.base.read_stored(name, elements.clone(), &mut bytes)?;
            out.copy_from_slice(&convert::recode(stored, &bytes, info.dtype)?);
        }
        let first = entries.positions.partition_point(|&p| p < elements.start as u64);
        let last = entries.positions.partition_point(|&p| p < elements.end as u64);
        for i in first..last {
            let at = (entries.positions[i] as usize - elements.start) * size;
            out[at..at + size].copy_from_slice(&entries.values[i * size..(i + 1) * size]);
        }
        Ok(())
    }
}

impl fmt::Debug for DeltaWeights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeltaWeights").field("base", &self.base.name()).field("delta", &self.delta).finish()
    }
}
