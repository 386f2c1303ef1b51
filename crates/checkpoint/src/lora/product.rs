//! ΔW = s·B·A, a run of elements at a time.

use super::{Factors, LoraModule};

/// Rows of `right` added at a time: each sum is loaded and stored once for so many products.
const STEP: usize = 4;
/// Whole rows of the product computed together: each entry of `right` is loaded once for so many rows.
const ROWS: usize = 4;

/// The factors of a module, laid out for the base's tensor: ΔW `[rows, columns]` = s·left·right.
#[derive(Debug)]
pub(super) struct Product {
    /// `[rows, rank]`.
    left: Vec<f32>,
    /// `[rank, columns]`.
    right: Vec<f32>,
    rank: usize,
    columns: usize,
    scale: f32,
}

impl Product {
    /// B·A as it is, or where `transposed` as Aᵀ·Bᵀ.
    pub(super) fn new(module: &LoraModule, factors: Factors, transposed: bool) -> Self {
        let LoraModule { rank, inputs, outputs, .. } = *module;
        let (left, right, columns) = if transposed {
            (transpose(&factors.a, inputs), transpose(&factors.b, rank), outputs)
        } else {
            (factors.b, factors.a, inputs)
        };
        Self { left, right, rank, columns, scale: module.scale as f32 }
    }

    /// Adds ΔW's elements from flat index `start` on to `values`.
    ///
    /// An element's sum is in f32, over the ranks in their order from 0.0, then times s, wherever the run begins. The
    /// addition to a value of F32 or narrower, rounded to F32, is the one that f32 gives.
    pub(super) fn add(&self, start: usize, values: &mut [f64]) {
        let mut sums = vec![0.0; values.len().min(ROWS * self.columns)];
        let (mut at, mut rest) = (start, values);
        while !rest.is_empty() {
            let (row, column) = (at / self.columns, at % self.columns);
            let n = if column == 0 && rest.len() >= ROWS * self.columns {
                self.rows::<ROWS>(row, 0, &mut sums);
                ROWS * self.columns
            } else {
                let n = rest.len().min(self.columns - column);
                self.rows::<1>(row, column, &mut sums[..n]);
                n
            };
            let (part, after) = rest.split_at_mut(n);
            for (value, sum) in part.iter_mut().zip(&sums) {
                *value += f64::from(*sum * self.scale);
            }
            (at, rest) = (at + n, after);
        }
    }

    /// The same part of `N` rows of left·right; `sums` is `[N, columns of the part]`.
    fn rows<const N: usize>(&self, row: usize, column: usize, sums: &mut [f32]) {
        sums.fill(0.0);
        let n = sums.len() / N;
        let mut parts = sums.chunks_exact_mut(n);
        let mut sums: [&mut [f32]; N] = std::array::from_fn(|_| parts.next().unwrap_or_default());
        let left = |i: usize| &self.left[(row + i) * self.rank..][..self.rank];
        let left: [&[f32]; N] = std::array::from_fn(left);
        let right = |rank: usize| &self.right[rank * self.columns + column..][..n];
        let steps = self.rank - self.rank % STEP;
        for rank in (0..steps).step_by(STEP) {
            let a: [&[f32]; STEP] = std::array::from_fn(|k| right(rank + k));
            let b: [[f32; STEP]; N] = std::array::from_fn(|i| std::array::from_fn(|k| left[i][rank + k]));
            for j in 0..n {
                for i in 0..N {
                    let sum = sums[i][j];
                    sums[i][j] = (((sum + b[i][0] * a[0][j]) + b[i][1] * a[1][j]) + b[i][2] * a[2][j])
                        + b[i][3] * a[3][j];
                }
            }
        }
        for rank in steps..self.rank {
            let a = right(rank);
            for (sums, left) in sums.iter_mut().zip(left) {
                for (sum, a) in sums.iter_mut().zip(a) {
                    *sum += left[rank] * a;
                }
            }
        }
    }
}

/// `[rows, columns]` → `[columns, rows]`.
fn transpose(matrix: &[f32], columns: usize) -> Vec<f32> {
    let rows = matrix.len().checked_div(columns).unwrap_or(0);
    (0..matrix.len()).map(|i| matrix[(i % rows) * columns + i / rows]).collect()
}

#[cfg(test)]
mod tests {
    use super::transpose;

    #[test]
    fn transposes() {
        assert_eq!(transpose(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        assert!(transpose(&[], 0).is_empty());
    }
}
