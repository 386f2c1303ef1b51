//! The larger an element among its row's, the likelier it stays (DELLA's MagPrune).
//!
//! p = (density − ε) + 2ε·rank/(m − 1) for rank 0 … m − 1 by |δ| among the m elements of a row; equal ones in the order in which
//! they stand. A row is a matrix's row, or all of a vector; of more dimensions, what runs along the second (as in mergekit). A row
//! of one element, which mergekit refuses, has p = density.

use super::{Sparsifiers, Sparsify, boxed, by_density};
use crate::methods::random::{Words, below};
use crate::methods::{Dialect, Settings, Unfit};

/// Drops by rank.
struct Ranks {
    words: Words,
    /// Elements of a row, and how far they are apart.
    row: usize,
    stride: usize,
    /// By rank: an element stays where its word is less, divided by this.
    keep: Vec<(u32, f32)>,
}

impl Sparsify for Ranks {
    fn granule(&self) -> usize {
        self.row * self.stride
    }

    fn apply(&self, start: usize, delta: &mut [f32]) {
        let granule = self.granule().max(1);
        let mut words = vec![0; granule];
        let mut order: Vec<u64> = Vec::with_capacity(self.row);
        for (index, delta) in delta.chunks_exact_mut(granule).enumerate() {
            self.words.fill(start + index * granule, &mut words);
            for column in 0..self.stride {
                order.clear();
                let places = (column..granule).step_by(self.stride);
                order.extend(places.map(|at| u64::from(delta[at].abs().to_bits()) << 32 | at as u64));
                order.sort_unstable();
                for (key, &(keep, divisor)) in order.iter().zip(&self.keep) {
                    let at = *key as u32 as usize;
                    delta[at] = if words[at] < keep { delta[at] / divisor } else { 0.0 };
                }
            }
        }
    }
}

/// Row length and stride of a shape.
fn rows(shape: &[usize]) -> (usize, usize) {
    match shape {
        [] => (1, 1),
        [n] => (*n, 1),
        [_, row, inner @ ..] => (*row, inner.iter().product()),
    }
}

/// MagPrune for each model; with `rescale` by the ratio of norms, or in the paper's dialect each ÷ its own p.
pub(in crate::methods) fn della(settings: &Settings<'_>) -> Result<Sparsifiers, Unfit> {
    let rescale = settings.flag("rescale");
    let by_norm = settings.dialect != Dialect::Paper;
    let (row, stride) = rows(settings.shape);
    if u32::try_from(row * stride).is_err() {
        let reason =
            format!("a row of {row} elements is more than can be ranked; exclude the tensor by a filter");
        return Err(Unfit { parameter: "density", reason });
    }
    let epsilons = settings.each("epsilon");
    by_density(settings, |model, density| {
        let epsilon = epsilons[model];
        let low = density - epsilon;
        if low <= 0.0 || density + epsilon >= 1.0 {
            let reason = format!(
                "density {density} ± epsilon {epsilon} leaves (0, 1); take less than {}",
                density.min(1.0 - density)
            );
            return Err(Unfit { parameter: "epsilon", reason });
        }
        let keep = |rank: usize| {
            let share = if row > 1 { rank as f64 / (row - 1) as f64 } else { 0.5 };
            let p = low + 2.0 * epsilon * share;
            (below(p), if rescale && !by_norm { p as f32 } else { 1.0 })
        };
        let words = Words::new(settings.seed, settings.tensor, model);
        let ranks = Ranks { words, row, stride, keep: (0..row).map(keep).collect() };
        Ok(boxed(ranks, rescale && by_norm))
    })
}
