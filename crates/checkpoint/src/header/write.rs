//! Writing a header.

use std::collections::BTreeMap;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{MAX_DIMENSIONS, MAX_HEADER_BYTES, METADATA_KEY};
use crate::{Dtype, Error, TensorInfo};

/// The header's bytes, length and padding included, for tensors in the order in which their data follows.
pub(crate) fn encode(tensors: &[&TensorInfo], metadata: &BTreeMap<String, String>) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![0; 8];
    serde_json::to_writer(&mut bytes, &HeaderJson { tensors, metadata })
        .map_err(|e| Error::Unwritable { tensor: METADATA_KEY.into(), reason: e.to_string() })?;
    bytes.resize(bytes.len().next_multiple_of(8), b' ');
    let length = (bytes.len() - 8) as u64;
    if length > MAX_HEADER_BYTES {
        let reason =
            format!("the header would have {length} bytes, more than the format's {MAX_HEADER_BYTES}");
        return Err(Error::Unwritable { tensor: METADATA_KEY.into(), reason });
    }
    bytes[..8].copy_from_slice(&length.to_le_bytes());
    Ok(bytes)
}

struct HeaderJson<'a> {
    tensors: &'a [&'a TensorInfo],
    metadata: &'a BTreeMap<String, String>,
}

#[derive(serde::Serialize)]
struct TensorJson<'a> {
    dtype: Dtype,
    shape: &'a [usize],
    data_offsets: (u64, u64),
}

impl Serialize for HeaderJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.tensors.len() + 1))?;
        map.serialize_entry(METADATA_KEY, self.metadata)?;
        let mut start = 0;
        for info in self.tensors {
            let end = start + info.bytes() as u64;
            let entry = TensorJson { dtype: info.dtype, shape: &info.shape, data_offsets: (start, end) };
            map.serialize_entry(&info.name, &entry)?;
            start = end;
        }
        map.end()
    }
}

/// Why a tensor cannot stand in a file, if so.
pub(crate) fn unwritable(info: &TensorInfo) -> Option<&'static str> {
    if info.name == METADATA_KEY {
        Some("the format keeps this name for itself")
    } else if !info.dtype.bitsize().is_multiple_of(8) {
        Some("its dtype packs elements into bits")
    } else if info.shape.len() > MAX_DIMENSIONS {
        Some("it has more than 64 dimensions")
    } else if info.checked_bytes().is_none() {
        Some("its size overflows")
    } else {
        None
    }
}
