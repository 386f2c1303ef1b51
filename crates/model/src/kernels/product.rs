//! x·Wᵀ of many rows: packed tiles, over columns and threads.

use pulp::Simd;

use super::parallel::{self, Work};
use super::tile::{GROUP, ROWS, multiply, pack_left, pack_right, pack_right_pairs};

/// Groups of columns that one task works on.
const GROUPS: usize = 3;
/// Columns that one task works on.
const COLUMNS: usize = GROUPS * GROUP;

/// Rows packed for products, `[rows / ROWS, k]`.
pub(crate) struct Left {
    packed: Vec<[f32; ROWS]>,
    rows: usize,
    k: usize,
}

/// A weight matrix `[columns, k]`, as it is stored.
#[derive(Clone, Copy)]
pub(crate) enum Right<'a> {
    /// f32.
    Full(&'a [f32]),
    /// bf16, two to a word, the first of each pair in the lower half; k is even.
    Pairs(&'a [u32]),
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
    pub fn times(&self, right: Right<'_>, columns: usize) -> Vec<f32> {
        let mut out = vec![0.0; self.rows * columns];
        let mut tasks: Vec<(usize, Vec<&mut [f32]>)> =
            (0..columns).step_by(COLUMNS).map(|first| (first, Vec::with_capacity(self.rows))).collect();
        for row in out.chunks_mut(columns) {
            for ((_, pieces), piece) in tasks.iter_mut().zip(row.chunks_mut(COLUMNS)) {
                pieces.push(piece);
            }
        }
        let work = Times { left: self, right };
        parallel::items(tasks, &work);
        out
    }
}

/// Some columns of a product: a piece of every row.
struct Times<'a> {
    left: &'a Left,
    right: Right<'a>,
}

impl Work<(usize, Vec<&mut [f32]>)> for Times<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, (first, mut out): (usize, Vec<&mut [f32]>)) {
        let k = self.left.k;
        let mut packed = vec![[[0.0; GROUP]; GROUPS]; k];
        let count = out.first().map_or(0, |row| row.len());
        match self.right {
            Right::Full(values) => pack_right(&values[first * k..][..count * k], &mut packed),
            Right::Pairs(words) => {
                pack_right_pairs(&words[first * (k / 2)..][..count * (k / 2)], &mut packed);
            }
        }
        for (left, out) in self.left.packed.chunks_exact(k).zip(out.chunks_mut(ROWS)) {
            for (out, sums) in out.iter_mut().zip(&multiply(simd, left, &packed)) {
                out.copy_from_slice(&sums.as_flattened()[..out.len()]);
            }
        }
    }
}
