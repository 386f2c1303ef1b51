//! Each element stays with the same probability, whatever its value (DARE).

use super::{Sparsifiers, Sparsify, boxed, by_density};
use crate::methods::random::{Words, below};
use crate::methods::{Dialect, Settings, Unfit};

/// Random words that are drawn at once.
const CHUNK: usize = 256;

/// Drops at random.
struct Bernoulli {
    words: Words,
    /// An element stays where its word is less.
    keep: u32,
    /// What stays is divided by this.
    divisor: f32,
}

impl Sparsify for Bernoulli {
    fn apply(&self, start: usize, delta: &mut [f32]) {
        let mut words = [0; CHUNK];
        for (index, delta) in delta.chunks_mut(CHUNK).enumerate() {
            self.words.fill(start + index * CHUNK, &mut words[..delta.len()]);
            for (delta, word) in delta.iter_mut().zip(words) {
                *delta = if word < self.keep { *delta / self.divisor } else { 0.0 };
            }
        }
    }
}

/// DARE's drop for each model; with `rescale` by the ratio of norms, or ÷ density in the paper's and PEFT's dialect.
pub(in crate::methods) fn dare(settings: &Settings<'_>) -> Result<Sparsifiers, Unfit> {
    let rescale = settings.flag("rescale");
    let by_norm = settings.dialect == Dialect::Mergekit;
    by_density(settings, |model, density| {
        let drop = Bernoulli {
            words: Words::new(settings.seed, settings.tensor, model),
            keep: below(density),
            divisor: if rescale && !by_norm { density as f32 } else { 1.0 },
        };
        Ok(boxed(drop, rescale && by_norm))
    })
}
