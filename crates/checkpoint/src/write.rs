//! Streaming a safetensors file into a sink.

use std::collections::BTreeMap;

use crate::{ByteSink, Error, TensorInfo, header};

/// Gives one tensor's bytes, in any number of pieces, to the function it is passed.
pub type TensorData<'a> =
    dyn FnMut(&TensorInfo, &mut dyn FnMut(&[u8]) -> Result<(), Error>) -> Result<(), Error> + 'a;

/// Writes the header, then every tensor's bytes as `data` gives them, tensors sorted by name.
///
/// `{"format":"pt"}`, without which some readers refuse a file, is always in the metadata. The sink is not
/// finished, so that the caller may still discard it. Fails with [`Error::DuplicateTensor`],
/// [`Error::Unwritable`], [`Error::WrongTensorBytes`], or as `data` and the sink do.
pub fn write_safetensors(
    sink: &mut dyn ByteSink,
    tensors: &[TensorInfo],
    metadata: &BTreeMap<String, String>,
    data: &mut TensorData<'_>,
) -> Result<(), Error> {
    let sorted = sorted(tensors);
    sink.write_all(&safetensors_header(tensors, metadata)?)?;
    for info in sorted {
        let expected = info.bytes();
        let mut found = 0usize;
        let wrong = |found| Error::WrongTensorBytes { tensor: info.name.clone(), expected, found };
        data(info, &mut |bytes| {
            found += bytes.len();
            if found > expected {
                return Err(wrong(found));
            }
            sink.write_all(bytes)
        })?;
        if found != expected {
            return Err(wrong(found));
        }
    }
    Ok(())
}

/// A file's header, length and padding included, for tensors whose data follows sorted by name.
///
/// Fails with [`Error::DuplicateTensor`] or [`Error::Unwritable`].
pub fn safetensors_header(
    tensors: &[TensorInfo],
    metadata: &BTreeMap<String, String>,
) -> Result<Vec<u8>, Error> {
    let sorted = sorted(tensors);
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0].name == pair[1].name) {
        return Err(Error::DuplicateTensor { name: "the output".into(), tensor: pair[0].name.clone() });
    }
    for info in &sorted {
        if let Some(reason) = header::unwritable(info) {
            return Err(Error::Unwritable { tensor: info.name.clone(), reason: reason.into() });
        }
    }
    let mut metadata = metadata.clone();
    metadata.insert("format".into(), "pt".into());
    header::encode(&sorted, &metadata)
}

fn sorted(tensors: &[TensorInfo]) -> Vec<&TensorInfo> {
    let mut sorted: Vec<&TensorInfo> = tensors.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    sorted
}
