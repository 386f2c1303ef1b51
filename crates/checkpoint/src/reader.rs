//! One safetensors file as a model's tensors.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::header::Header;
use crate::weights::check_range;
use crate::{ByteSource, Error, TensorInfo, Weights, dtype};

/// A safetensors file whose header has been read and checked; its data is read when asked for.
pub struct SafetensorsReader {
    source: Arc<dyn ByteSource>,
    header: Header,
}

impl SafetensorsReader {
    /// Reads and checks the header: every tensor lies inside the source, with no holes, overlaps or repeated names.
    pub fn open(source: Arc<dyn ByteSource>) -> Result<Self, Error> {
        let header = Header::read(source.as_ref())?;
        Ok(Self { source, header })
    }

    /// The header's `__metadata__`; empty where there is none.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.header.metadata
    }
}

impl Weights for SafetensorsReader {
    fn tensors(&self) -> &[TensorInfo] {
        &self.header.tensors
    }

    fn name(&self) -> &str {
        self.source.name()
    }

    fn read_stored(&self, name: &str, elements: Range<usize>, out: &mut [u8]) -> Result<(), Error> {
        let tensors = self.tensors();
        let index = tensors
            .binary_search_by(|info| info.name.as_str().cmp(name))
            .map_err(|_| Error::MissingTensor { name: self.name().into(), tensor: name.into() })?;
        let size = dtype::bytes_per_element(tensors[index].dtype);
        check_range(self.name(), &tensors[index], &elements, out.len(), size)?;
        self.source.read_at(self.header.offsets[index] + (elements.start * size) as u64, out)
    }
}

impl fmt::Debug for SafetensorsReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SafetensorsReader")
            .field("source", &self.source.name())
            .field("header", &self.header)
            .finish()
    }
}
