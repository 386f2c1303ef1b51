//! Writing an adapter that PEFT opens.

use std::collections::BTreeMap;

use super::{AdapterConfig, CONFIG_FILE, WEIGHTS_FILE};
use crate::{ByteSink, Error, MemorySink, TensorInfo, Weights, write_safetensors};

/// Metadata by which our own adapters are known, so that no one else's is ever replaced.
#[cfg(not(target_arch = "wasm32"))]
const OURS: &str = "maec_adapter";

/// The files of an adapter, by name: `adapter_config.json` and `adapter_model.safetensors`.
///
/// The tensors have the adapter's names. Fails as reading them and [`write_safetensors`] do.
pub fn adapter_files(config: &AdapterConfig, weights: &dyn Weights) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let sink = MemorySink::new();
    write_weights(&mut sink.clone(), weights, &BTreeMap::new())?;
    Ok(vec![(CONFIG_FILE.into(), config.to_json()?), (WEIGHTS_FILE.into(), sink.take())])
}

/// Writes an adapter's folder: beside its name, then renamed.
///
/// A folder that exists is replaced only if it is empty or holds nothing but what this function wrote; otherwise fails
/// with [`Error::WontReplace`] before anything is written.
#[cfg(not(target_arch = "wasm32"))]
pub fn write_adapter(
    path: &std::path::Path,
    config: &AdapterConfig,
    weights: &dyn Weights,
) -> Result<(), Error> {
    let folder = crate::AtomicFolder::create(path, is_ours)?;
    folder.write(CONFIG_FILE, &config.to_json()?)?;
    let mut sink = folder.sink(WEIGHTS_FILE)?;
    write_weights(&mut sink, weights, &BTreeMap::from([(OURS.into(), "1".into())]))?;
    Box::new(sink).finish()?;
    folder.finish()
}

fn write_weights(
    sink: &mut dyn ByteSink,
    weights: &dyn Weights,
    metadata: &BTreeMap<String, String>,
) -> Result<(), Error> {
    let data = &mut |info: &TensorInfo, write: &mut dyn FnMut(&[u8]) -> Result<(), Error>| {
        write(&weights.read_bytes(&info.name)?)
    };
    write_safetensors(sink, weights.tensors(), metadata, data)
}

/// Whether a folder holds nothing but what [`write_adapter`] wrote.
#[cfg(not(target_arch = "wasm32"))]
fn is_ours(path: &std::path::Path) -> bool {
    let weights = crate::FileSource::open(&path.join(WEIGHTS_FILE))
        .and_then(|source| crate::SafetensorsReader::open(std::sync::Arc::new(source)));
    let Ok(entries) = std::fs::read_dir(path) else { return false };
    weights.is_ok_and(|weights| weights.metadata().contains_key(OURS))
        && entries.into_iter().all(|entry| {
            entry.is_ok_and(|entry| {
                let name = entry.file_name();
                (name == CONFIG_FILE || name == WEIGHTS_FILE)
                    && entry.file_type().is_ok_and(|kind| kind.is_file())
            })
        })
}
