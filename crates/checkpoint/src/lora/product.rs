//! ΔW = s·B·A, a run of elements at a time.

use super::{Factors, LoraModule};

/// Rows of `right` added at a time: each sum is loaded and stored once for so many products.
const STEP: usize = 4;

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
        let mut sums = vec![0.0; self.columns.min(values.len())];
        let (mut at, mut rest) = (start, values);
        while !rest.is_empty() {
            let (row, column) = (at / self.columns, at % self.columns);
            let n = rest.len().min(self.columns - column);
            let (part, after) = rest.split_at_mut(n);
            let sums = &mut sums[..n];
            self.row(row, column, sums);
            for (value, sum) in part.iter_mut().zip(sums) {
                *value += f64::from(*sum * self.scale);
            }
            (at, rest) = (at + n, after);
        }
    }

    /// A part of a row of left·right.
    fn row(&self, row: usize, column: usize, sums: &mut [f32]) {
        sums.fill(0.0);
        let n = sums.len();
        let left = &self.left[row * self.rank..(row + 1) * self.rank];
        let right = |rank: usize| &self.right[rank * self.columns + column..][..n];
        let (steps, last) = left.as_chunks::<STEP>();
        let mut rank = 0;
        for b in steps {
            let [a0, a1, a2, a3] = [right(rank), right(rank + 1), right(rank + 2), right(rank + 3)];
            for i in 0..n {
                sums[i] = (((sums[i] + b[0] * a0[i]) + b[1] * a1[i]) + b[2] * a2[i]) + b[3] * a3[i];
            }
            rank += STEP;
        }
        for b in last {
            let a = right(rank);
            for (sum, a) in sums.iter_mut().zip(a) {
                *sum += b * a;
            }
            rank += 1;
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
