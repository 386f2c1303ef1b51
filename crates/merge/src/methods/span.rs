//! Merges that lie in the span of their inputs: Σ cᵢxᵢ, the coefficients a function of the inputs' [Gram matrix](Gram).
//!
//! Products and the sum are f64, rounded once to f32. A tensor is one vector, or has one in every row or column.

use std::ops::Range;

use super::gram::{Gram, add, pairs};
use super::{Kernel, Settings, Sizes, Survey, Tile, Totals};

/// Elements of a block: every input's, as f64, stay in the first-level cache.
const BLOCK: usize = 512;

/// The inputs xᵢ.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Inputs {
    /// The models.
    Models,
    /// The base, then the models.
    BaseAndModels,
    /// The models' differences from the base, to which the merged one is added.
    Deltas,
}

/// What of a tensor is one vector.
#[derive(Clone, Copy)]
pub(super) enum Along {
    /// All of it: a round of statistics finds its products.
    Whole,
    /// What runs along the last dimension, so many elements: known where it is merged.
    Last(usize),
    /// What runs along the first dimension: a round of statistics.
    First {
        /// Elements of a vector.
        length: usize,
        /// How many there are; their elements alternate.
        vectors: usize,
    },
}

impl Along {
    /// One vector for each run along the last dimension, or along the first. A tensor of one dimension is one vector.
    pub(super) fn dimension(shape: &[usize], first: bool) -> Self {
        match shape {
            [] | [_] => Self::Whole,
            [length, rest @ ..] if first => Self::First { length: *length, vectors: rest.iter().product() },
            [.., last] => Self::Last(*last),
        }
    }
}

/// Finds the coefficients `[inputs]`.
type Coefficients = Box<dyn Fn(&Gram, &mut [f64]) + Send + Sync>;

/// The kernel of one tensor.
pub(super) struct Span {
    inputs: Inputs,
    /// How many inputs.
    count: usize,
    along: Along,
    find: Coefficients,
    /// `[inputs]`, or `[inputs, vectors]` along the first dimension; none before the statistics and along the last dimension.
    found: Option<Vec<f64>>,
}

impl Span {
    /// A merge with the coefficients that a function finds.
    pub(super) fn kernel(
        settings: &Settings<'_>,
        inputs: Inputs,
        along: Along,
        find: impl Fn(&Gram, &mut [f64]) + Send + Sync + 'static,
    ) -> Box<dyn Kernel> {
        let count = settings.models + usize::from(inputs == Inputs::BaseAndModels);
        Box::new(Self { inputs, count, along, find: Box::new(find), found: None })
    }

    /// Hands every block of a tile on: where it is, and the inputs `[inputs, elements]`.
    fn blocks(&self, tile: &Tile<'_>, mut run: impl FnMut(Range<usize>, &[f64])) {
        let block = if let Along::Last(length) = self.along { length } else { BLOCK };
        let block = block.min(tile.len()).max(1);
        let mut values = vec![0.0; block * self.count];
        for at in (0..tile.len()).step_by(block) {
            let range = at..tile.len().min(at + block);
            let values = &mut values[..range.len() * self.count];
            self.widen(tile, range.clone(), values);
            run(range, values);
        }
    }

    /// The inputs of a block, `[inputs, elements]`.
    fn widen(&self, tile: &Tile<'_>, range: Range<usize>, values: &mut [f64]) {
        let base = tile.base.map(|base| &base[range.clone()]);
        let first = base.filter(|_| self.inputs == Inputs::BaseAndModels);
        let models = tile.models.iter().map(|model| &model[range.clone()]);
        for (x, values) in first.into_iter().chain(models).zip(values.chunks_exact_mut(range.len())) {
            for (value, x) in values.iter_mut().zip(x) {
                *value = f64::from(*x);
            }
            if let Some(base) = base.filter(|_| self.inputs == Inputs::Deltas) {
                for (value, base) in values.iter_mut().zip(base) {
                    *value -= f64::from(*base);
                }
            }
        }
    }

    fn coefficients(&self, products: Vec<f64>) -> Vec<f64> {
        let mut found = vec![0.0; self.count];
        (self.find)(&Gram::new(self.count, products), &mut found);
        found
    }

    /// Σ cᵢxᵢ of a block, `[elements]`; `start` is its first flat index.
    fn combine(&self, start: usize, values: &[f64], sum: &mut [f64]) {
        let n = sum.len();
        let inputs = values.chunks_exact(n);
        match (&self.found, self.along) {
            (Some(found), Along::First { vectors, .. }) => {
                for (x, found) in inputs.zip(found.chunks_exact(vectors)) {
                    for (range, first) in turns(start, n, vectors) {
                        let found = &found[first..first + range.len()];
                        for ((sum, x), c) in sum[range.clone()].iter_mut().zip(&x[range]).zip(found) {
                            *sum += c * x;
                        }
                    }
                }
            }
            (Some(found), _) => weigh(inputs, found, sum),
            (None, _) => {
                let mut products = vec![0.0; Gram::pairs(self.count)];
                add(values, n, &mut products);
                weigh(inputs, &self.coefficients(products), sum);
            }
        }
    }
}

/// Adds Σ cᵢxᵢ, `[elements]`.
fn weigh<'a>(inputs: impl Iterator<Item = &'a [f64]>, coefficients: &[f64], sum: &mut [f64]) {
    for (x, c) in inputs.zip(coefficients) {
        for (sum, x) in sum.iter_mut().zip(x) {
            *sum += c * x;
        }
    }
}

/// Cuts a block of `n` elements from flat index `start` on where the vectors' turns begin: ranges of the block, and the vector that
/// has the first element of each.
fn turns(start: usize, n: usize, vectors: usize) -> impl Iterator<Item = (Range<usize>, usize)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let vector = (start + at) % vectors.max(1);
        let range = at..n.min(at + vectors - vector);
        at = range.end;
        (!range.is_empty()).then_some((range, vector))
    })
}

impl Survey for Span {
    fn next(&self) -> Option<Sizes> {
        let vectors = match self.along {
            _ if self.found.is_some() => return None,
            Along::Last(_) => return None,
            Along::Whole => 1,
            Along::First { vectors, .. } => vectors,
        };
        Some(Sizes { sums: Gram::pairs(self.count) * vectors, ..Sizes::default() })
    }

    fn rounds(&self) -> usize {
        usize::from(!matches!(self.along, Along::Last(_)))
    }

    fn look(&self, tile: &Tile<'_>, totals: &mut Totals) {
        self.blocks(tile, |block, values| {
            let n = block.len();
            let Along::First { vectors, .. } = self.along else { return add(values, n, &mut totals.sums) };
            let of = |i: usize| &values[i * n..(i + 1) * n];
            for ((i, j), sums) in pairs(self.count).zip(totals.sums.chunks_exact_mut(vectors.max(1))) {
                for (range, first) in turns(tile.start + block.start, n, vectors) {
                    let sums = &mut sums[first..first + range.len()];
                    for ((sum, x), y) in sums.iter_mut().zip(&of(i)[range.clone()]).zip(&of(j)[range]) {
                        *sum += x * y;
                    }
                }
            }
        });
    }

    fn learn(&mut self, totals: &Totals) {
        let Along::First { vectors, .. } = self.along else {
            self.found = Some(self.coefficients(totals.sums.clone()));
            return;
        };
        let mut found = vec![0.0; self.count * vectors];
        for vector in 0..vectors {
            let products = totals.sums.iter().skip(vector).step_by(vectors).copied().collect();
            for (found, c) in found.chunks_exact_mut(vectors).zip(self.coefficients(products)) {
                found[vector] = c;
            }
        }
        self.found = Some(found);
    }
}

impl Kernel for Span {
    fn granule(&self) -> usize {
        match self.along {
            Along::Last(length) => length.max(1),
            // √length elements of every vector in a tile: then neither a tile nor the sums of all tiles are large.
            Along::First { length, vectors } if self.found.is_none() => (length.isqrt() * vectors).max(1),
            _ => 1,
        }
    }

    fn merge(&self, tile: &Tile<'_>, out: &mut [f32]) {
        let mut sum = Vec::new();
        let base = tile.base.filter(|_| self.inputs == Inputs::Deltas);
        self.blocks(tile, |block, values| {
            sum.clear();
            sum.resize(block.len(), 0.0);
            self.combine(tile.start + block.start, values, &mut sum);
            if let Some(base) = base {
                for (sum, base) in sum.iter_mut().zip(&base[block.clone()]) {
                    *sum += f64::from(*base);
                }
            }
            for (out, sum) in out[block].iter_mut().zip(&sum) {
                *out = *sum as f32;
            }
        });
    }
}
