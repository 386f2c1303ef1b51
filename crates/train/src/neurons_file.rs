//! Key neurons as a file: safetensors with the ascending flat indices (U32) of every tensor that has any.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use maec_checkpoint::{
    ByteSink, Dtype, FileSink, FileSource, SafetensorsReader, TensorInfo, Weights, write_safetensors,
};

use crate::error::TrainError;
use crate::neurons::KeyNeurons;

const KEY: &str = "maec_neurons";
const VERSION: &str = "1";

impl KeyNeurons {
    /// Writes beside `path`, then renames. `metadata` says where the neurons come from.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn save(&self, path: &Path, metadata: &BTreeMap<String, String>) -> Result<(), TrainError> {
        let mut sink = FileSink::create(path)?;
        self.write(&mut sink, metadata)?;
        Box::new(sink).finish()?;
        Ok(())
    }

    /// Writes the file that [`KeyNeurons::load`] reads; the sink is not finished.
    ///
    /// # Errors
    /// When the sink can't be written.
    pub fn write(
        &self,
        sink: &mut dyn ByteSink,
        metadata: &BTreeMap<String, String>,
    ) -> Result<(), TrainError> {
        let infos: Vec<TensorInfo> = self
            .iter()
            .filter(|(_, positions)| !positions.is_empty())
            .map(|(name, positions)| TensorInfo {
                name: name.to_owned(),
                dtype: Dtype::U32,
                shape: vec![positions.len()],
            })
            .collect();
        let mut metadata = metadata.clone();
        metadata.insert(KEY.into(), VERSION.into());
        write_safetensors(sink, &infos, &metadata, &mut |info, write| {
            let bytes: Vec<u8> =
                self.of(&info.name).iter().flat_map(|position| position.to_le_bytes()).collect();
            write(&bytes)
        })?;
        Ok(())
    }

    /// Reads what [`KeyNeurons::save`] wrote, and its metadata.
    ///
    /// # Errors
    /// When the file is missing, damaged, or holds no key neurons.
    pub fn load(path: &Path) -> Result<(Self, BTreeMap<String, String>), TrainError> {
        let reader = SafetensorsReader::open(Arc::new(FileSource::open(path)?))?;
        let mismatch =
            |tensor: String, problem: &str| Err(TrainError::Mismatch { tensor, problem: problem.into() });
        if reader.metadata().get(KEY).map(String::as_str) != Some(VERSION) {
            let problem = "not a file of key neurons; give one that `maec neurons` wrote";
            return mismatch(path.display().to_string(), problem);
        }
        let mut positions = BTreeMap::new();
        for info in reader.tensors() {
            let broken = || {
                mismatch(info.name.clone(), "its key neurons are not ascending indices; make the mask again")
            };
            if info.dtype != Dtype::U32 || info.shape.len() != 1 {
                return broken();
            }
            let bytes = reader.read_bytes(&info.name)?;
            let list: Vec<u32> =
                bytes.as_chunks::<4>().0.iter().map(|chunk| u32::from_le_bytes(*chunk)).collect();
            if !list.is_sorted_by(|a, b| a < b) {
                return broken();
            }
            positions.insert(info.name.clone(), list);
        }
        Ok((Self::from_positions(positions), reader.metadata().clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, dtype: Dtype, bytes: &[u8], key: &str) {
        let info = TensorInfo { name: "t".into(), dtype, shape: vec![bytes.len() / 4] };
        let metadata = BTreeMap::from([(key.to_owned(), VERSION.to_owned())]);
        let mut sink = FileSink::create(path).unwrap();
        write_safetensors(&mut sink, &[info], &metadata, &mut |_, write| write(bytes)).unwrap();
        Box::new(sink).finish().unwrap();
    }

    #[test]
    fn what_is_saved_is_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mask.safetensors");
        let neurons = KeyNeurons::from_positions([
            ("a".to_owned(), vec![7, 2, 4_000_000_000]),
            ("b".to_owned(), vec![0]),
        ]);
        neurons.save(&path, &BTreeMap::from([("k1".to_owned(), "0.05".to_owned())])).unwrap();
        let (loaded, metadata) = KeyNeurons::load(&path).unwrap();
        assert_eq!(loaded, neurons);
        assert_eq!(metadata["k1"], "0.05");
    }

    #[test]
    fn other_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mask.safetensors");
        let refused = |word: &str| {
            let message = KeyNeurons::load(&path).unwrap_err().to_string();
            assert!(message.contains(word), "{message}");
        };
        refused("does not exist");
        write(&path, Dtype::U32, &[1, 0, 0, 0], "maec_delta");
        refused("not a file of key neurons");
        write(&path, Dtype::F32, &[1, 0, 0, 0], KEY);
        refused("ascending");
        write(&path, Dtype::U32, &[1, 0, 0, 0, 1, 0, 0, 0], KEY);
        refused("ascending");
    }
}
