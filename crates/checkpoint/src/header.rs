//! The safetensors header: parsing hostile bytes, and writing.
//!
//! Layout: header length (u64 LE) | JSON, space-padded to 8 | tensor data without holes or overlaps.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::{ByteSource, Dtype, Error, TensorInfo};

/// The format's own limit on the JSON's length in bytes.
const MAX_HEADER_BYTES: u64 = 100_000_000;
const METADATA_KEY: &str = "__metadata__";

/// A checked header.
#[derive(Debug)]
pub(crate) struct Header {
    pub metadata: BTreeMap<String, String>,
    /// Sorted by name.
    pub tensors: Vec<TensorInfo>,
    /// Offset of each tensor's bytes from the file's start, in the order of `tensors`.
    pub offsets: Vec<u64>,
}

impl Header {
    /// Reads and checks a header: after this every tensor lies inside the source.
    pub fn read(source: &dyn ByteSource) -> Result<Self, Error> {
        let not = |reason: String| Error::NotSafetensors { name: source.name().into(), reason };
        if source.len() < 8 {
            return Err(not(format!("it is only {} bytes long", source.len())));
        }
        let mut length = [0; 8];
        source.read_at(0, &mut length)?;
        let length = u64::from_le_bytes(length);
        if length > MAX_HEADER_BYTES {
            let (name, max) = (source.name().into(), MAX_HEADER_BYTES);
            return Err(Error::HeaderTooLarge { name, len: length, max });
        }
        if length > source.len() - 8 {
            return Err(Error::Truncated { name: source.name().into(), len: source.len() });
        }
        let mut json = vec![0; length as usize];
        source.read_at(8, &mut json)?;
        if json.first() != Some(&b'{') {
            return Err(not("its header does not begin with `{`".into()));
        }
        let raw: RawHeader = serde_json::from_slice(&json).map_err(|e| not(e.to_string()))?;
        raw.check(source.name(), 8 + length, source.len())
    }
}

/// The JSON as it stands, in file order.
struct RawHeader {
    metadata: BTreeMap<String, String>,
    tensors: Vec<(String, RawTensor)>,
}

#[derive(serde::Deserialize)]
struct RawTensor {
    dtype: Dtype,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

impl RawHeader {
    fn check(mut self, name: &str, data_start: u64, source_len: u64) -> Result<Header, Error> {
        let bad = |tensor: &str, reason: String| Error::BadLayout {
            name: name.into(),
            tensor: tensor.into(),
            reason,
        };
        self.tensors.sort_by(|(a, x), (b, y)| x.data_offsets.cmp(&y.data_offsets).then_with(|| a.cmp(b)));
        let mut end = 0;
        let mut tensors = Vec::with_capacity(self.tensors.len());
        for (tensor, raw) in self.tensors {
            let (start, stop) = raw.data_offsets;
            if start != end || stop < start {
                return Err(bad(
                    &tensor,
                    format!("lies at {start}..{stop}, but the data before it ends at {end}"),
                ));
            }
            if !raw.dtype.bitsize().is_multiple_of(8) {
                return Err(bad(&tensor, format!("is {}, which packs elements into bits", raw.dtype)));
            }
            let shape: Option<Vec<usize>> = raw.shape.iter().map(|&d| usize::try_from(d).ok()).collect();
            let shape =
                shape.ok_or_else(|| bad(&tensor, format!("has the impossible shape {:?}", raw.shape)))?;
            let info = TensorInfo { name: tensor, dtype: raw.dtype, shape };
            match info.checked_bytes() {
                Some(bytes) if bytes as u64 == stop - start => (),
                Some(bytes) => {
                    let reason = format!("has {} bytes where its shape and dtype need {bytes}", stop - start);
                    return Err(bad(&info.name, reason));
                }
                None => return Err(bad(&info.name, format!("has the impossible shape {:?}", info.shape))),
            }
            end = stop;
            tensors.push((info, start));
        }
        let found = source_len - data_start;
        if end != found {
            return Err(Error::WrongLength { name: name.into(), expected: end, found });
        }
        tensors.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        let offsets = tensors.iter().map(|(_, start)| data_start + start).collect();
        let tensors = tensors.into_iter().map(|(info, _)| info).collect();
        Ok(Header { metadata: self.metadata, tensors, offsets })
    }
}

/// Reads the header's map by hand, since a map type would let a repeated key overwrite the first.
impl<'de> Deserialize<'de> for RawHeader {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HeaderVisitor;
        impl<'de> Visitor<'de> for HeaderVisitor {
            type Value = RawHeader;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a safetensors header")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawHeader, A::Error> {
                let mut metadata = None;
                let mut tensors = Vec::new();
                let mut names = BTreeSet::new();
                while let Some(key) = map.next_key::<String>()? {
                    if key == METADATA_KEY {
                        if metadata.replace(map.next_value()?).is_some() {
                            return Err(de::Error::custom("`__metadata__` occurs twice"));
                        }
                    } else {
                        if !names.insert(key.clone()) {
                            return Err(de::Error::custom(format_args!("tensor `{key}` occurs twice")));
                        }
                        tensors.push((key, map.next_value()?));
                    }
                }
                Ok(RawHeader { metadata: metadata.unwrap_or_default(), tensors })
            }
        }
        deserializer.deserialize_map(HeaderVisitor)
    }
}

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
    } else if info.checked_bytes().is_none() {
        Some("its size overflows")
    } else {
        None
    }
}
