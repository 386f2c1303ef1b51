//! A model's tensors, whatever they come from.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::{Error, TensorInfo, convert, dtype};

/// Bytes moved at a time by the reads that widen.
const CHUNK_BYTES: usize = 64 * 1024;

/// A model's tensors: one file, shards, memory, or a base with a sparse delta put in.
pub trait Weights: Send + Sync {
    /// What there is, sorted by name.
    fn tensors(&self) -> &[TensorInfo];

    /// What messages call this model.
    fn name(&self) -> &str;

    /// Fills `out` with the stored bytes of some elements (flat indices) of a tensor.
    ///
    /// Fails with [`Error::OutOfRange`] where the elements are not the tensor's or `out` has another size.
    fn read_stored(&self, name: &str, elements: Range<usize>, out: &mut [u8]) -> Result<(), Error>;

    /// The description of one tensor, or [`Error::MissingTensor`].
    fn info(&self, name: &str) -> Result<&TensorInfo, Error> {
        let tensors = self.tensors();
        match tensors.binary_search_by(|info| info.name.as_str().cmp(name)) {
            Ok(i) => Ok(&tensors[i]),
            Err(_) => Err(Error::MissingTensor { name: self.name().into(), tensor: name.into() }),
        }
    }

    /// A whole tensor in its stored dtype.
    fn read_bytes(&self, name: &str) -> Result<Vec<u8>, Error> {
        let info = self.info(name)?;
        let mut bytes = vec![0; info.bytes()];
        self.read_stored(name, 0..info.elements(), &mut bytes)?;
        Ok(bytes)
    }

    /// A tile: some elements (flat indices) of a float tensor, widened exactly.
    fn read_f64(&self, name: &str, elements: Range<usize>, out: &mut [f64]) -> Result<(), Error> {
        let info = self.info(name)?;
        check_float(info)?;
        check_range(self.name(), info, &elements, out.len(), 1)?;
        let size = dtype::bytes_per_element(info.dtype);
        let per_chunk = CHUNK_BYTES / size;
        let mut bytes = vec![0; per_chunk.min(out.len()) * size];
        let mut start = elements.start;
        for part in out.chunks_mut(per_chunk) {
            let bytes = &mut bytes[..part.len() * size];
            self.read_stored(name, start..start + part.len(), bytes)?;
            convert::widen(info.dtype, bytes, part)?;
            start += part.len();
        }
        Ok(())
    }

    /// A whole float tensor as f32: exact for F32, F16 and BF16, rounded for F64.
    fn read_f32(&self, name: &str) -> Result<Vec<f32>, Error> {
        let info = self.info(name)?;
        check_float(info)?;
        let bytes = self.read_bytes(name)?;
        convert::decode_f32(info.dtype, &bytes)
    }
}

/// [`Error::NotFloat`] with the tensor's name where it is no float.
pub(crate) fn check_float(info: &TensorInfo) -> Result<(), Error> {
    if dtype::is_float(info.dtype) {
        return Ok(());
    }
    Err(Error::NotFloat { name: format!("tensor `{}` of dtype {}", info.name, info.dtype) })
}

/// Checks what was asked of a tensor, for those who implement [`Weights`]: [`Error::OutOfRange`] unless `elements` (flat indices)
/// are the tensor's and the buffer has room for them and no more, `unit` of its items (bytes, numbers) an element.
pub fn check_range(
    model: &str,
    info: &TensorInfo,
    elements: &Range<usize>,
    buffer: usize,
    unit: usize,
) -> Result<(), Error> {
    let fits = elements.start <= elements.end && elements.end <= info.elements();
    if fits && elements.len().checked_mul(unit) == Some(buffer) {
        return Ok(());
    }
    Err(Error::OutOfRange {
        name: model.into(),
        tensor: info.name.clone(),
        start: elements.start,
        end: elements.end,
        buffer,
        len: info.elements(),
    })
}

/// A model in memory.
#[derive(Debug, Clone)]
pub struct MemoryWeights {
    name: String,
    tensors: Vec<TensorInfo>,
    bytes: BTreeMap<String, Vec<u8>>,
}

impl MemoryWeights {
    /// Takes tensors in any order, each with its stored bytes.
    ///
    /// Fails with [`Error::DuplicateTensor`], or [`Error::WrongTensorBytes`] where bytes and shape disagree.
    pub fn new(name: impl Into<String>, tensors: Vec<(TensorInfo, Vec<u8>)>) -> Result<Self, Error> {
        let name = name.into();
        let mut infos = Vec::with_capacity(tensors.len());
        let mut bytes = BTreeMap::new();
        for (info, data) in tensors {
            if info.checked_bytes() != Some(data.len()) {
                return Err(Error::WrongTensorBytes {
                    tensor: info.name.clone(),
                    expected: info.bytes(),
                    found: data.len(),
                });
            }
            if bytes.insert(info.name.clone(), data).is_some() {
                return Err(Error::DuplicateTensor { name, tensor: info.name });
            }
            infos.push(info);
        }
        infos.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { name, tensors: infos, bytes })
    }
}

impl Weights for MemoryWeights {
    fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn read_stored(&self, name: &str, elements: Range<usize>, out: &mut [u8]) -> Result<(), Error> {
        let info = self.info(name)?;
        let size = dtype::bytes_per_element(info.dtype);
        check_range(&self.name, info, &elements, out.len(), size)?;
        out.copy_from_slice(&self.bytes[name][elements.start * size..elements.end * size]);
        Ok(())
    }
}
