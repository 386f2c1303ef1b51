//! The inner part of matrix products: a tile of sums that stays in registers, and the packed operands that it reads.
//!
//! Left rows are packed by [`ROWS`], right columns by a few [`GROUP`]s, the summed dimension outermost in both, so that
//! a tile reads memory in order. Every sum is taken in the order of that dimension, whatever the vectors' width.

use pulp::Simd;

/// Left rows packed together.
pub(crate) const ROWS: usize = 8;
/// Right columns packed together, a few times.
pub(crate) const GROUP: usize = 16;
/// Whether products of many rows are made of tiles. Not in the browser, where burn's product is kept: which of the two is
/// faster in wasm has not been measured.
pub(crate) const TILED: bool = !cfg!(target_arch = "wasm32");
/// Values of every column that are transposed together.
const STEPS: usize = 8;

/// One step of the summed dimension in `V` groups of right columns.
pub(crate) type Columns<const V: usize> = [[f32; GROUP]; V];

/// Packs rows of `k` values into `out`, `[rows / ROWS, k]`; rows that are missing at the end stay as they are.
#[inline(always)]
pub(crate) fn pack_left<'a>(rows: impl Iterator<Item = &'a [f32]>, k: usize, out: &mut [[f32; ROWS]]) {
    for (index, row) in rows.enumerate() {
        for (out, &x) in out[index / ROWS * k..].iter_mut().zip(row) {
            out[index % ROWS] = x;
        }
    }
}

/// Packs columns, stored one after the other, into `out`, `[k]`; missing ones stay as they are.
#[inline(always)]
pub(crate) fn pack_right<const V: usize>(columns: &[f32], out: &mut [Columns<V>]) {
    let k = out.len();
    for (group, columns) in columns.chunks(GROUP * k).enumerate() {
        for (step, out) in out.chunks_mut(STEPS).enumerate() {
            let square = transpose(columns, k, step * STEPS, out.len());
            for (out, values) in out.iter_mut().zip(&square) {
                out[group] = *values;
            }
        }
    }
}

/// The same from bf16, two to a word, the first of each pair in the lower half.
#[inline(always)]
pub(crate) fn pack_right_pairs<const V: usize>(columns: &[u32], out: &mut [Columns<V>]) {
    let words = out.len() / 2;
    for (group, columns) in columns.chunks(GROUP * words).enumerate() {
        for (step, out) in out.as_chunks_mut::<2>().0.chunks_mut(STEPS).enumerate() {
            let square = transpose(columns, words, step * STEPS, out.len());
            for ([even, odd], words) in out.iter_mut().zip(&square) {
                // A bf16 is the upper half of an f32.
                for i in 0..GROUP {
                    even[group][i] = f32::from_bits(words[i] << 16);
                    odd[group][i] = f32::from_bits(words[i] & 0xffff_0000);
                }
            }
        }
    }
}

/// `count` values from `first` of at most [`GROUP`] columns of `k` values each.
#[inline(always)]
fn transpose<T: Copy + Default>(columns: &[T], k: usize, first: usize, count: usize) -> [[T; GROUP]; STEPS] {
    let mut square = [[T::default(); GROUP]; STEPS];
    for (index, column) in columns.chunks_exact(k).take(GROUP).enumerate() {
        for (values, &x) in square.iter_mut().zip(&column[first..first + count]) {
            values[index] = x;
        }
    }
    square
}

/// The product of packed operands, `[k]` each: [`ROWS`] rows of `V` groups.
#[inline(always)]
pub(crate) fn multiply<S: Simd, const V: usize>(
    simd: S,
    left: &[[f32; ROWS]],
    right: &[Columns<V>],
) -> [Columns<V>; ROWS] {
    // As many sums as fit in the registers.
    if S::REGISTER_COUNT >= 32 {
        by_rows::<S, ROWS, V>(simd, left, right)
    } else {
        by_rows::<S, { ROWS / 2 }, V>(simd, left, right)
    }
}

#[inline(always)]
fn by_rows<S: Simd, const R: usize, const V: usize>(
    simd: S,
    left: &[[f32; ROWS]],
    right: &[Columns<V>],
) -> [Columns<V>; ROWS] {
    let mut out = [[[0.0; GROUP]; V]; ROWS];
    for (part, out) in out.chunks_mut(R).enumerate() {
        for at in (0..V * GROUP / S::F32_LANES).step_by(V) {
            let sums = tile::<S, R, V>(simd, left, part * R, right, at);
            for (out, sums) in out.iter_mut().zip(&sums) {
                S::as_mut_simd_f32s(out.as_flattened_mut()).0[at..at + V].copy_from_slice(sums);
            }
        }
    }
    out
}

/// Sums of `R` rows from `row` on and `V` vectors of columns from `at` on.
#[inline(always)]
fn tile<S: Simd, const R: usize, const V: usize>(
    simd: S,
    left: &[[f32; ROWS]],
    row: usize,
    right: &[Columns<V>],
    at: usize,
) -> [[S::f32s; V]; R] {
    let mut sums = [[simd.splat_f32s(0.0); V]; R];
    for (left, right) in left.iter().zip(right) {
        let left = &left[row..row + R];
        let right = &S::as_simd_f32s(right.as_flattened()).0[at..at + V];
        for i in 0..R {
            let x = simd.splat_f32s(left[i]);
            for j in 0..V {
                sums[i][j] = simd.mul_add_e_f32s(x, right[j], sums[i][j]);
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use pulp::Scalar;

    use super::*;

    #[test]
    fn a_tile_is_a_matrix_product() {
        for (rows, columns, k) in [(8, 48, 16), (3, 17, 10), (1, 1, 2)] {
            let x: Vec<f32> = (0..rows * k).map(|i| (i as f32 * 0.37).sin()).collect();
            // Values that bf16 has, so that both ways of packing are exact.
            let w: Vec<f32> = (0..columns * k).map(|i| (i * 7 % 64) as f32 / 16.0 - 2.0).collect();
            let halves: Vec<u32> = w.iter().map(|w| w.to_bits() >> 16).collect();
            let words: Vec<u32> = halves.as_chunks().0.iter().map(|[a, b]| a | b << 16).collect();
            let mut left = vec![[0.0; ROWS]; k];
            pack_left(x.chunks(k), k, &mut left);
            let (mut full, mut pairs) = (vec![[[0.0; GROUP]; 3]; k], vec![[[0.0; GROUP]; 3]; k]);
            pack_right(&w, &mut full);
            pack_right_pairs(&words, &mut pairs);
            assert_eq!(full, pairs);
            let y = multiply(Scalar::new(), &left, &full);
            for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
                let y = y[row].as_flattened()[column];
                let (x, w) = (&x[row * k..][..k], &w[column * k..][..k]);
                let truth: f64 = x.iter().zip(w).map(|(x, w)| f64::from(x * w)).sum();
                assert!((f64::from(y) - truth).abs() < 1e-5, "{y} against {truth}");
            }
        }
    }
}
