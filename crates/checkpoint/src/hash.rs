//! The model hash, and the fingerprint by which a delta knows its base.

use sha2::{Digest, Sha256};

use crate::{Error, TensorInfo, Weights, dtype};

/// Size of the blocks that a fingerprint samples.
const BLOCK_BYTES: usize = 4096;
/// Bytes read at a time while hashing.
const CHUNK_BYTES: usize = 1 << 20;

/// Streams a model into its hash: SHA-256 over the tensors sorted by name, each as name length (u64 LE), name,
/// dtype name, rank (u64 LE), every dimension (u64 LE), then its stored bytes. Metadata does not change it.
#[derive(Debug, Default)]
pub struct ModelHasher {
    sha: Sha256,
    last: Option<String>,
    /// Bytes still due of the tensor begun last.
    due: usize,
}

impl ModelHasher {
    /// The hasher of an empty model.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins a tensor.
    ///
    /// # Panics
    /// If tensors do not come sorted by name, or the one before lacks bytes: both are the caller's mistakes.
    pub fn begin(&mut self, info: &TensorInfo) {
        self.assert_complete();
        if let Some(last) = &self.last {
            assert!(*last < info.name, "`{}` hashed after `{last}`; sort by name", info.name);
        }
        describe(&mut self.sha, info);
        self.due = info.bytes();
        self.last = Some(info.name.clone());
    }

    /// Appends stored bytes of the tensor begun last.
    ///
    /// # Panics
    /// If they are more than the tensor has.
    pub fn update(&mut self, bytes: &[u8]) {
        assert!(bytes.len() <= self.due, "{} bytes hashed where {} were due", bytes.len(), self.due);
        self.due -= bytes.len();
        self.sha.update(bytes);
    }

    /// The hash as 64 hex digits.
    ///
    /// # Panics
    /// If the last tensor lacks bytes.
    pub fn finish(self) -> String {
        self.assert_complete();
        hex(&self.sha.finalize())
    }

    fn assert_complete(&self) {
        assert!(self.due == 0, "{} bytes of `{:?}` were not hashed", self.due, self.last);
    }
}

/// The model hash of all tensors, as 64 hex digits.
pub fn model_hash(weights: &dyn Weights) -> Result<String, Error> {
    let mut hasher = ModelHasher::new();
    let mut buffer = vec![0; CHUNK_BYTES];
    for info in weights.tensors() {
        hasher.begin(info);
        let size = dtype::bytes_per_element(info.dtype);
        let per_chunk = CHUNK_BYTES / size;
        for start in (0..info.elements()).step_by(per_chunk) {
            let end = (start + per_chunk).min(info.elements());
            let bytes = &mut buffer[..(end - start) * size];
            weights.read_stored(&info.name, start..end, bytes)?;
            hasher.update(bytes);
        }
    }
    Ok(hasher.finish())
}

/// The fingerprint of a base, as 64 hex digits: SHA-256 over the tensors sorted by name, each described as in the
/// model hash, then up to three different 4 KiB blocks of its bytes: the first, the one at half its length rounded
/// down to 4096, and the last. A tensor of at most 4 KiB gives all its bytes once.
pub fn fingerprint(weights: &dyn Weights) -> Result<String, Error> {
    let mut sha = Sha256::new();
    for info in weights.tensors() {
        describe(&mut sha, info);
        let (len, size) = (info.bytes(), dtype::bytes_per_element(info.dtype));
        let block = len.min(BLOCK_BYTES);
        let mut starts = vec![0, len / 2 / BLOCK_BYTES * BLOCK_BYTES, len - block];
        starts.dedup();
        let mut buffer = [0; BLOCK_BYTES];
        for start in starts {
            let bytes = &mut buffer[..block];
            weights.read_stored(&info.name, start / size..(start + block) / size, bytes)?;
            sha.update(&*bytes);
        }
    }
    Ok(hex(&sha.finalize()))
}

/// SHA-256 of some bytes, as 64 hex digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn describe(sha: &mut Sha256, info: &TensorInfo) {
    sha.update((info.name.len() as u64).to_le_bytes());
    sha.update(info.name.as_bytes());
    sha.update(dtype::name(info.dtype).as_bytes());
    sha.update((info.shape.len() as u64).to_le_bytes());
    for &dimension in &info.shape {
        sha.update((dimension as u64).to_le_bytes());
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|b| [b >> 4, b & 15]).map(|d| char::from(DIGITS[usize::from(d)])).collect()
}
