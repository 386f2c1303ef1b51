//! x·Wᵀ of many rows: packed tiles, over columns and threads.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::ops::Range;

use pulp::Simd;

use super::gated::Inner;
use super::math::sigmoid;
use super::parallel::{self, Work};
use super::tile::{Columns, GROUP, ROWS, multiply_add, pack_left, pack_right, pack_right_pairs};

/// Groups of columns that one task works on.
const GROUPS: usize = 3;
/// Values of every column that are packed at a time, so that they stay in a core's own cache; even.
const DEPTH: usize = 576;
/// Columns that one task works on.
const COLUMNS: usize = GROUPS * GROUP;

/// Rows packed for products, `[rows / ROWS, k]`.
pub(crate) struct Left {
    packed: Vec<[f32; ROWS]>,
    rows: usize,
    k: usize,
}

/// A weight matrix `[columns, k]`, as it is stored.
pub(crate) enum Right<'a> {
    /// f32.
    Full(&'a [f32]),
    /// bf16, two to a word, the first of each pair in the lower half; k is even.
    Pairs(Cow<'a, [u32]>),
}

impl Right<'_> {
    /// Packs the values from `start` on of some columns of `k` values.
    #[inline(always)]
    fn pack(&self, k: usize, columns: Range<usize>, start: usize, out: &mut [Columns<GROUPS>]) {
        match self {
            Right::Full(values) => {
                let values = &values[columns.start * k..columns.end * k];
                pack_right(values.chunks_exact(k).map(|column| &column[start..]), out);
            }
            Right::Pairs(words) => {
                let words = &words[columns.start * (k / 2)..columns.end * (k / 2)];
                pack_right_pairs(words, k / 2, start, out);
            }
        }
    }
}

/// Packs a block of rows.
struct Pack<'a> {
    x: &'a [f32],
    k: usize,
}

impl<'o> Work<(usize, &'o mut [f32])> for Pack<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, _: S, (block, out): (usize, &'o mut [f32])) {
        let x = &self.x[block * ROWS * self.k..];
        pack_left(x.chunks_exact(self.k).take(ROWS), self.k, out.as_chunks_mut().0);
    }
}

impl Left {
    /// Packs `[rows, k]`.
    pub fn new(x: &[f32], k: usize) -> Self {
        let rows = x.len() / k;
        let mut packed = vec![[0.0; ROWS]; rows.div_ceil(ROWS) * k];
        parallel::chunks(packed.as_flattened_mut(), ROWS * k, &Pack { x, k });
        Self { packed, rows, k }
    }

    /// The product with a weight matrix of so many columns, `[rows, columns]`.
    pub fn times(&self, right: &Right<'_>, columns: usize) -> Vec<f32> {
        let mut out = vec![0.0; self.rows * columns];
        let tasks = by_columns(out.chunks_mut(columns), columns, COLUMNS);
        parallel::items(tasks, &Times { left: self, right });
        out
    }

    /// activation(x·gateᵀ) · (x·upᵀ) of two weight matrices of so many columns, packed for the next product.
    pub fn gated<A: Inner>(&self, gate: &Right<'_>, up: &Right<'_>, columns: usize) -> Left {
        let mut packed = vec![[0.0; ROWS]; self.packed.len() / self.k * columns];
        let tasks = by_columns(packed.chunks_mut(columns), columns, COLUMNS);
        parallel::items(tasks, &Gated { left: self, gate, up, activation: PhantomData::<A> });
        Left { packed, rows: self.rows, k: columns }
    }
}

/// The rows' pieces of a few columns each, with the first of these columns.
fn by_columns<'a, T>(
    rows: impl Iterator<Item = &'a mut [T]>,
    columns: usize,
    size: usize,
) -> Vec<(usize, Vec<&'a mut [T]>)> {
    let mut tasks: Vec<_> = (0..columns).step_by(size).map(|first| (first, Vec::new())).collect();
    for row in rows {
        for ((_, pieces), piece) in tasks.iter_mut().zip(row.chunks_mut(size)) {
            pieces.push(piece);
        }
    }
    tasks
}

/// Sums of [`ROWS`] rows and [`COLUMNS`] columns.
type Sums = [Columns<GROUPS>; ROWS];

impl Left {
    /// The product with some columns, `[rows / ROWS]`.
    #[inline(always)]
    fn sums<S: Simd>(&self, simd: S, right: &Right<'_>, columns: Range<usize>) -> Vec<Sums> {
        let k = self.k;
        let mut sums = vec![[[[0.0; GROUP]; GROUPS]; ROWS]; self.packed.len() / k];
        let mut packed = vec![[[0.0; GROUP]; GROUPS]; k.min(DEPTH)];
        for start in (0..k).step_by(DEPTH) {
            let packed = &mut packed[..DEPTH.min(k - start)];
            right.pack(k, columns.clone(), start, packed);
            for (left, sums) in self.packed.chunks_exact(k).zip(&mut sums) {
                multiply_add(simd, &left[start..start + packed.len()], packed, sums);
            }
        }
        sums
    }
}

/// Some columns of a product: a piece of every row.
struct Times<'a> {
    left: &'a Left,
    right: &'a Right<'a>,
}

impl Work<(usize, Vec<&mut [f32]>)> for Times<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, (first, mut out): (usize, Vec<&mut [f32]>)) {
        let count = out.first().map_or(0, |row| row.len());
        let sums = self.left.sums(simd, self.right, first..first + count);
        for (out, sums) in out.iter_mut().zip(sums.as_flattened()) {
            out.copy_from_slice(&sums.as_flattened()[..count]);
        }
    }
}

/// Some columns of two products, one the other's gate: a piece of every packed block of rows.
struct Gated<'a, A> {
    left: &'a Left,
    gate: &'a Right<'a>,
    up: &'a Right<'a>,
    activation: PhantomData<A>,
}

impl<A: Inner> Work<(usize, Vec<&mut [[f32; ROWS]]>)> for Gated<'_, A> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, (first, out): (usize, Vec<&mut [[f32; ROWS]]>)) {
        let count = out.first().map_or(0, |block| block.len());
        let mut gate = self.left.sums(simd, self.gate, first..first + count);
        let up = self.left.sums(simd, self.up, first..first + count);
        for ((gate, up), out) in gate.iter_mut().zip(&up).zip(out) {
            let (values, up) = (gate.as_flattened_mut().as_flattened_mut(), up.as_flattened().as_flattened());
            for (g, u) in values.iter_mut().zip(up) {
                *g = *g * sigmoid(A::value(*g)) * u;
            }
            pack_left(gate.iter().map(|row| &row.as_flattened()[..count]), count, out);
        }
    }
}
