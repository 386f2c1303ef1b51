//! Random words by counter: word i of a stream belongs to element i, whichever tile, thread or host asks for it.
//!
//! A stream is ChaCha8 (Bernstein 2008) under the key SHA-256(seed, length of the tensor's name, the name, the model's place),
//! integers as u64 in little-endian order; its word i is the block function's i-th output word.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use sha2::{Digest, Sha256};

/// Words that are taken from the stream together.
const AT_ONCE: usize = 256;

/// The random words of one tensor of one model.
pub(super) struct Words {
    key: [u8; 32],
}

impl Words {
    /// The stream of a seed, an output tensor's name and a model's place in the recipe.
    pub(super) fn new(seed: u64, tensor: &str, model: usize) -> Self {
        let hash = Sha256::new()
            .chain_update(seed.to_le_bytes())
            .chain_update((tensor.len() as u64).to_le_bytes())
            .chain_update(tensor)
            .chain_update((model as u64).to_le_bytes());
        Self { key: hash.finalize().into() }
    }

    /// The words of elements from `start` on, `[words]`, uniform over all u32.
    pub(super) fn fill(&self, start: usize, words: &mut [u32]) {
        let mut stream = ChaCha8Rng::from_seed(self.key);
        stream.set_word_pos(start as u128);
        let mut bytes = [0; 4 * AT_ONCE];
        for words in words.chunks_mut(AT_ONCE) {
            stream.fill_bytes(&mut bytes[..4 * words.len()]);
            for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
                *word = u32::from_le_bytes(*bytes);
            }
        }
    }
}

/// The share of words that are less than this is a probability in [0, 1).
pub(super) fn below(probability: f64) -> u32 {
    (probability * 4_294_967_296.0) as u32
}
