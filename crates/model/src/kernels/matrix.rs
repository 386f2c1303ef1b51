//! Products of small f32 matrices where they lie in memory, read by rows or by columns, on one thread: what attention's
//! gradients are made of. Every sum is taken in the order of the summed dimension.

use std::ops::Range;

use pulp::Simd;

use super::tile::{self, Columns, GROUP, ROWS, multiply_add, pack_left, pack_right};

/// Groups of columns that are packed together.
const GROUPS: usize = 2;
/// Columns that are packed together.
pub(crate) const COLUMNS: usize = GROUPS * GROUP;
/// Steps of the summed dimension between two visits of the result, so that what they read stays in a core's own cache.
const DEPTH: usize = 256;

/// `[rows, columns]` somewhere in memory.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    values: &'a [f32],
    /// From one stored line to the next.
    stride: usize,
    rows: usize,
    columns: usize,
    /// Whether a stored line is a column.
    transposed: bool,
}

impl<'a> Matrix<'a> {
    /// `[rows, columns]` from the first value on, where rows begin `stride` values after each other.
    pub fn part(values: &'a [f32], stride: usize, [rows, columns]: [usize; 2]) -> Self {
        Self { values, stride, rows, columns, transposed: false }
    }

    /// The same values, rows as columns.
    pub fn transposed(self) -> Self {
        Self { rows: self.columns, columns: self.rows, transposed: !self.transposed, ..self }
    }

    /// Some rows.
    #[inline(always)]
    pub fn rows_of(self, rows: Range<usize>) -> Self {
        let first = if self.transposed { rows.start } else { rows.start * self.stride };
        Self { values: &self.values[first..], rows: rows.len(), ..self }
    }

    /// Values of a stored line.
    #[inline(always)]
    fn line(&self, number: usize, places: Range<usize>) -> &'a [f32] {
        &self.values[number * self.stride + places.start..][..places.len()]
    }

    /// Packs [`ROWS`] rows from `first` on, or those that there are, `[steps]`.
    #[inline(always)]
    fn pack_rows(&self, first: usize, steps: Range<usize>, out: &mut [[f32; ROWS]]) {
        let rows = first..(first + ROWS).min(self.rows);
        if !self.transposed {
            return pack_left(rows.map(|row| self.line(row, steps.clone())), steps.len(), out);
        }
        for (step, out) in steps.zip(out) {
            copy::<ROWS>(&mut out[..rows.len()], self.line(step, rows.clone()));
        }
    }

    /// [`ROWS`] rows from `first` on, stored as rows.
    #[inline(always)]
    fn rows_at(&self, first: usize, steps: Range<usize>) -> [&'a [f32]; ROWS] {
        std::array::from_fn(|row| self.line(first + row, steps.clone()))
    }

    /// Packs [`COLUMNS`] columns from `first` on, or those that there are, `[rows]`.
    #[inline(always)]
    fn pack_columns(&self, first: usize, out: &mut [Columns<GROUPS>]) {
        let columns = first..(first + COLUMNS).min(self.columns);
        if self.transposed {
            return pack_right(columns.map(|column| self.line(column, 0..self.rows)), out);
        }
        for (step, out) in out.iter_mut().enumerate() {
            let out = &mut out.as_flattened_mut()[..columns.len()];
            copy::<COLUMNS>(out, self.line(step, columns.clone()));
        }
    }
}

/// Copies values, `N` most of the time.
#[inline(always)]
fn copy<const N: usize>(to: &mut [f32], from: &[f32]) {
    match (<&mut [f32; N]>::try_from(&mut *to), <&[f32; N]>::try_from(from)) {
        (Ok(to), Ok(from)) => *to = *from,
        _ => to.copy_from_slice(from),
    }
}

/// A right matrix, packed: `[columns / COLUMNS, k]`.
pub(crate) struct Right {
    packed: Vec<Columns<GROUPS>>,
    k: usize,
}

impl Right {
    /// Packs it.
    #[inline(always)]
    pub fn new(matrix: Matrix<'_>) -> Self {
        let k = matrix.rows;
        let mut packed = vec![[[0.0; GROUP]; GROUPS]; matrix.columns.div_ceil(COLUMNS) * k];
        for (block, out) in packed.chunks_exact_mut(k.max(1)).enumerate() {
            matrix.pack_columns(block * COLUMNS, out);
        }
        Self { packed, k }
    }
}

/// Some rows and columns of a product.
pub(crate) struct Product<'a> {
    /// The rows; its columns are as many steps of the sums.
    pub left: Matrix<'a>,
    /// The right matrix.
    pub right: &'a Right,
    /// Which of the right matrix's rows is the first step.
    pub step: usize,
    /// The columns that are made; the first stands at a multiple of [`COLUMNS`].
    pub columns: Range<usize>,
    /// Whether the product is added to what is there.
    pub add: bool,
}

impl Product<'_> {
    /// All rows into `out`, one beginning `stride` values after the other; `scratch` may hold anything.
    #[inline(always)]
    pub fn make<S: Simd>(&self, simd: S, out: &mut [f32], stride: usize, scratch: &mut Vec<[f32; ROWS]>) {
        // A function of its own, for there are many callers.
        simd.vectorize(Make { simd, product: self, out, stride, scratch });
    }
}

struct Make<'a, S> {
    simd: S,
    product: &'a Product<'a>,
    out: &'a mut [f32],
    stride: usize,
    scratch: &'a mut Vec<[f32; ROWS]>,
}

impl<S: Simd> pulp::NullaryFnOnce for Make<'_, S> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { simd, product, out, stride, scratch } = self;
        let left = product.left;
        let whole = left.rows / ROWS * ROWS;
        for start in (0..left.columns).step_by(DEPTH) {
            let steps = start..(start + DEPTH).min(left.columns);
            let add = product.add || start > 0;
            // Rows that lie together are read where they are.
            let packed = if left.transposed { 0 } else { whole };
            let blocks = (left.rows - packed).div_ceil(ROWS);
            scratch.resize(scratch.len().max(blocks * steps.len()), [0.0; ROWS]);
            for (block, out) in scratch.chunks_exact_mut(steps.len()).take(blocks).enumerate() {
                left.pack_rows(packed + block * ROWS, steps.clone(), out);
            }
            for first in product.columns.clone().step_by(COLUMNS) {
                let right = &product.right.packed[first / COLUMNS * product.right.k + product.step + start..];
                let right = &right[..steps.len()];
                let count = COLUMNS.min(product.columns.end - first);
                let at = first - product.columns.start;
                for row in (0..packed).step_by(ROWS) {
                    let rows = left.rows_at(row, steps.clone());
                    place(simd, rows, right, (&mut out[row * stride + at..], stride), [ROWS, count], add);
                }
                for (block, rows) in scratch.chunks_exact(steps.len()).take(blocks).enumerate() {
                    let row = packed + block * ROWS;
                    let size = [ROWS.min(left.rows - row), count];
                    place(simd, rows, right, (&mut out[row * stride + at..], stride), size, add);
                }
            }
        }
    }
}

/// The product of packed operands in its place in the result: `count` values of the first few rows of `out`.
#[inline(always)]
fn place<S: Simd>(
    simd: S,
    left: impl tile::Rows,
    right: &[Columns<GROUPS>],
    (out, stride): (&mut [f32], usize),
    [rows, count]: [usize; 2],
    add: bool,
) {
    let mut sums = [[[0.0; GROUP]; GROUPS]; ROWS];
    if add {
        for (sums, row) in sums.iter_mut().zip(out.chunks(stride)).take(rows) {
            copy::<COLUMNS>(&mut sums.as_flattened_mut()[..count], &row[..count]);
        }
    }
    multiply_add(simd, left, right, &mut sums);
    for (sums, row) in sums.iter().zip(out.chunks_mut(stride)).take(rows) {
        copy::<COLUMNS>(&mut row[..count], &sums.as_flattened()[..count]);
    }
}

#[cfg(test)]
mod tests {
    use pulp::Scalar;

    use super::*;

    /// Rows × columns in lines that are longer than they need to be, and one line's length.
    fn stored(rows: usize, columns: usize, seed: f32) -> (Vec<f32>, usize) {
        let stride = columns + 3;
        ((0..rows * stride).map(|i| (i as f32 * seed).sin()).collect(), stride)
    }

    /// Products of every orientation, from a step on, over and added to what is there, against sums in f64.
    #[test]
    fn products_match_plain_sums() {
        let sizes =
            [(1, 1, 1), (8, 32, 16), (7, 33, 5), (20, 20, 32), (33, 70, 3), (9, 40, 300), (16, 5, 515)];
        for ((rows, columns, k), way) in sizes.into_iter().flat_map(|size| (0..8).map(move |way| (size, way)))
        {
            let (by_column, right_by_column, add) = (way & 1 > 0, way & 2 > 0, way & 4 > 0);
            // The right matrix has two more rows, of which the product leaves out the first.
            let (left, left_stride) = if by_column { stored(k, rows, 0.37) } else { stored(rows, k, 0.37) };
            let (right, right_stride) =
                if right_by_column { stored(columns, k + 2, 0.11) } else { stored(k + 2, columns, 0.11) };
            let a = if by_column {
                Matrix::part(&left, left_stride, [k, rows]).transposed()
            } else {
                Matrix::part(&left, left_stride, [rows, k])
            };
            let b = if right_by_column {
                Matrix::part(&right, right_stride, [columns, k + 2]).transposed()
            } else {
                Matrix::part(&right, right_stride, [k + 2, columns])
            };
            let (before, stride) = stored(rows, columns, 0.23);
            let mut out = before.clone();
            let product = Product { left: a, right: &Right::new(b), step: 1, columns: 0..columns, add };
            product.make(Scalar::new(), &mut out, stride, &mut vec![[f32::NAN; ROWS]; 3]);
            for (at, (&ours, &before)) in out.iter().zip(&before).enumerate() {
                let (row, column) = (at / stride, at % stride);
                if column >= columns {
                    assert_eq!(ours, before, "a value beside the product was written");
                    continue;
                }
                let x = |step: usize| {
                    if by_column { left[step * left_stride + row] } else { left[row * left_stride + step] }
                };
                let y = |step: usize| match right_by_column {
                    true => right[column * right_stride + step],
                    false => right[step * right_stride + column],
                };
                let start = if add { f64::from(before) } else { 0.0 };
                let truth = (0..k).fold(start, |sum, step| sum + f64::from(x(step)) * f64::from(y(step + 1)));
                assert!(
                    (f64::from(ours) - truth).abs() < 1e-4,
                    "{rows} × {columns} × {k}, way {way}: {ours} {truth}"
                );
            }
        }
    }
}
