//! Extracting a sparse delta from a base and a trained checkpoint.

use std::collections::BTreeMap;

use super::{BASE_KEY, POSITIONS, VALUES, VERSION, VERSION_KEY, varint};
use crate::{ByteSink, Dtype, Error, TensorInfo, Weights, convert, dtype, fingerprint, write_safetensors};

/// Elements compared at a time.
const TILE: usize = 64 * 1024;

/// Which elements go into a delta.
#[derive(Debug, Clone)]
pub enum DeltaPositions {
    /// Every element whose bits differ from the base's.
    Changed,
    /// Ascending flat indices by tensor, e.g. of key neurons; what changed elsewhere is left out.
    Given(BTreeMap<String, Vec<u64>>),
}

/// Writes what training changed. The sink is not finished.
///
/// Values keep the trained dtype unless `values_dtype` is given (packs use BF16): then they are rounded to it, and
/// positions whose rounded value is the base's are dropped. Reads both models twice, tile by tile, and holds the
/// entries of one tensor. Fails with [`Error::MissingTensor`], [`Error::ExtraTensor`], [`Error::WrongShape`],
/// [`Error::Narrower`], [`Error::NonFinite`], or [`Error::BadDelta`] for given positions that do not fit.
pub fn write_delta(
    sink: &mut dyn ByteSink,
    base: &dyn Weights,
    trained: &dyn Weights,
    positions: DeltaPositions,
    values_dtype: Option<Dtype>,
    metadata: &BTreeMap<String, String>,
) -> Result<(), Error> {
    if let Some(dtype) = values_dtype.filter(|&dtype| !dtype::is_float(dtype)) {
        return Err(Error::NotFloat { name: format!("the delta's dtype {dtype}") });
    }
    let extractor = Extractor { base, trained, positions, values_dtype };
    extractor.check_names()?;
    let mut infos = Vec::new();
    for info in base.tensors() {
        let dtype = extractor.values_dtype(info)?;
        let entries = extractor.entries(info)?;
        // A wider dtype is part of the trained checkpoint even where no value changed.
        if entries.count > 0 || dtype != info.dtype {
            let positions = entries.positions.len();
            let info = |suffix, dtype, len| TensorInfo {
                name: format!("{}{suffix}", info.name),
                dtype,
                shape: vec![len],
            };
            infos.push(info(POSITIONS, Dtype::U8, positions));
            infos.push(info(VALUES, dtype, entries.count));
        }
    }
    let mut metadata = metadata.clone();
    metadata.insert(VERSION_KEY.into(), VERSION.into());
    metadata.insert(BASE_KEY.into(), fingerprint(base)?);
    let mut last: Option<(String, Entries)> = None;
    write_safetensors(sink, &infos, &metadata, &mut |info, write| {
        let is_values = info.name.ends_with(VALUES);
        let suffix = if is_values { VALUES } else { POSITIONS };
        let name = &info.name[..info.name.len() - suffix.len()];
        if last.as_ref().is_none_or(|(cached, _)| cached != name) {
            last = Some((name.to_owned(), extractor.entries(base.info(name)?)?));
        }
        match &last {
            Some((_, entries)) => write(if is_values { &entries.values } else { &entries.positions }),
            None => Ok(()),
        }
    })
}

/// One tensor's share of the delta.
#[derive(Default)]
struct Entries {
    /// Varints of the gaps.
    positions: Vec<u8>,
    values: Vec<u8>,
    count: usize,
}

struct Extractor<'a> {
    base: &'a dyn Weights,
    trained: &'a dyn Weights,
    positions: DeltaPositions,
    values_dtype: Option<Dtype>,
}

impl Extractor<'_> {
    fn check_names(&self) -> Result<(), Error> {
        let (base, trained) = (self.base, self.trained);
        for info in trained.tensors() {
            base.info(&info.name).map_err(|_| Error::ExtraTensor {
                name: trained.name().into(),
                tensor: info.name.clone(),
                base: base.name().into(),
            })?;
        }
        for info in base.tensors() {
            let found = trained.info(&info.name)?;
            if found.shape != info.shape {
                return Err(Error::WrongShape {
                    name: trained.name().into(),
                    tensor: info.name.clone(),
                    expected: info.shape.clone(),
                    found: found.shape.clone(),
                });
            }
        }
        let DeltaPositions::Given(given) = &self.positions else { return Ok(()) };
        for (tensor, positions) in given {
            let elements = base.info(tensor)?.elements() as u64;
            let ascending = positions.is_sorted_by(|a, b| a < b);
            if !ascending || positions.last().is_some_and(|&last| last >= elements) {
                return Err(Error::BadDelta {
                    name: trained.name().into(),
                    tensor: tensor.clone(),
                    reason: format!("was given positions that do not ascend below its {elements} elements"),
                });
            }
        }
        Ok(())
    }

    /// How the values of a tensor (described as in the base) are stored.
    fn values_dtype(&self, info: &TensorInfo) -> Result<Dtype, Error> {
        let trained = self.trained.info(&info.name)?.dtype;
        let values = self.values_dtype.filter(|_| dtype::is_float(trained)).unwrap_or(trained);
        if !dtype::holds(values, info.dtype) {
            return Err(Error::Narrower { tensor: info.name.clone(), base: info.dtype, values });
        }
        Ok(values)
    }

    fn entries(&self, info: &TensorInfo) -> Result<Entries, Error> {
        let trained = self.trained.info(&info.name)?.dtype;
        let values = self.values_dtype(info)?;
        let size = dtype::bytes_per_element(values);
        let given = match &self.positions {
            DeltaPositions::Changed => None,
            DeltaPositions::Given(given) => Some(given.get(&info.name).map_or(&[][..], Vec::as_slice)),
        };
        let mut entries = Entries::default();
        let (mut previous, mut kept) = (None, Vec::new());
        for start in (0..info.elements()).step_by(TILE) {
            let end = (start + TILE).min(info.elements());
            let new = tile(self.trained, &info.name, trained, values, start..end)?;
            if let Some(index) = convert::first_non_finite(values, &new) {
                return Err(Error::NonFinite {
                    name: self.trained.name().into(),
                    tensor: info.name.clone(),
                    index: start + index,
                });
            }
            let old = tile(self.base, &info.name, info.dtype, values, start..end)?;
            let at =
                |position: u64| (position as usize - start) * size..(position as usize - start + 1) * size;
            let differs = |position: &u64| new[at(*position)] != old[at(*position)];
            kept.clear();
            match given {
                None if new == old => (),
                None => kept.extend((start as u64..end as u64).filter(differs)),
                Some(given) => {
                    let first = given.partition_point(|&p| p < start as u64);
                    let last = given.partition_point(|&p| p < end as u64);
                    let given = given[first..last].iter().copied();
                    kept.extend(given.filter(|position| values == trained || differs(position)));
                }
            }
            varint::encode(&kept, &mut previous, &mut entries.positions);
            entries.count += kept.len();
            kept.iter().for_each(|&position| entries.values.extend_from_slice(&new[at(position)]));
        }
        Ok(entries)
    }
}

/// Some elements of a tensor stored as `from`, as bytes of `to`.
fn tile(
    weights: &dyn Weights,
    name: &str,
    from: Dtype,
    to: Dtype,
    elements: std::ops::Range<usize>,
) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![0; elements.len() * dtype::bytes_per_element(from)];
    weights.read_stored(name, elements, &mut bytes)?;
    if from == to { Ok(bytes) } else { convert::recode(from, &bytes, to) }
}
