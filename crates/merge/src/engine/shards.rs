//! How an output is cut into files.

use std::collections::BTreeMap;
use std::ops::Range;

use maec_checkpoint::{TensorInfo, safetensors_header};

use crate::MergeError;

/// One file of the output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard {
    /// Its name: `model.safetensors`, or `model-00001-of-00003.safetensors`.
    pub file: String,
    /// Its tensors' places in the output.
    pub tensors: Range<usize>,
    /// Its header, length and padding included.
    pub header: Vec<u8>,
    /// Its length in bytes, the header's included.
    pub bytes: u64,
}

/// Cuts tensors, sorted by name, into files of at most `limit` bytes of data (one tensor at least), each with `metadata`.
///
/// # Errors
///
/// Where a tensor can't stand in a file.
pub fn shards(
    tensors: &[TensorInfo],
    limit: u64,
    metadata: &BTreeMap<String, String>,
) -> Result<Vec<Shard>, MergeError> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut filled = 0u64;
    for (place, info) in tensors.iter().enumerate() {
        let bytes = info.bytes() as u64;
        match ranges.last_mut() {
            Some(last) if filled.saturating_add(bytes) <= limit => last.end = place + 1,
            _ => {
                ranges.push(place..place + 1);
                filled = 0;
            }
        }
        filled = filled.saturating_add(bytes);
    }
    let count = ranges.len();
    let shard = |(number, tensors_of): (usize, Range<usize>)| {
        let file = match count {
            1 => "model.safetensors".to_owned(),
            _ => format!("model-{:05}-of-{count:05}.safetensors", number + 1),
        };
        let header = safetensors_header(&tensors[tensors_of.clone()], metadata)?;
        let data: u64 = tensors[tensors_of.clone()].iter().map(|info| info.bytes() as u64).sum();
        Ok(Shard { file, tensors: tensors_of, bytes: header.len() as u64 + data, header })
    };
    ranges.into_iter().enumerate().map(shard).collect()
}

/// `model.safetensors.index.json` for an output of several files; `None` for one.
pub fn index(tensors: &[TensorInfo], shards: &[Shard]) -> Option<String> {
    if shards.len() < 2 {
        return None;
    }
    let files: BTreeMap<&str, &str> = shards
        .iter()
        .flat_map(|shard| {
            tensors[shard.tensors.clone()].iter().map(|info| (info.name.as_str(), shard.file.as_str()))
        })
        .collect();
    let total: u64 = tensors.iter().map(|info| info.bytes() as u64).sum();
    Some(format!("{:#}\n", serde_json::json!({"metadata": {"total_size": total}, "weight_map": files})))
}
