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
/// Columns, and values of each, that are transposed together: four vectors on every CPU.
const QUAD: usize = 4;

/// One step of the summed dimension in `V` groups of right columns.
pub(crate) type Columns<const V: usize> = [[f32; GROUP]; V];

/// Packs rows of `k` values into `out`, `[rows / ROWS, k]`; rows that are missing at the end stay as they are.
#[inline(always)]
pub(crate) fn pack_left<'a>(mut rows: impl Iterator<Item = &'a [f32]>, k: usize, out: &mut [[f32; ROWS]]) {
    for out in out.chunks_exact_mut(k) {
        for place in 0..ROWS / QUAD {
            let mut quad: [&[f32]; QUAD] = [&[]; QUAD];
            let found = quad.iter_mut().zip(&mut rows).map(|(place, row)| *place = &row[..k]).count();
            let squares = if found == QUAD { k / QUAD } else { 0 };
            for (step, out) in out.as_chunks_mut::<QUAD>().0.iter_mut().take(squares).enumerate() {
                let square = transpose(quad, step * QUAD);
                for i in 0..QUAD {
                    out[i].as_chunks_mut().0[place] = square[i];
                }
            }
            for (index, row) in quad.iter().enumerate() {
                for (out, &x) in out.iter_mut().zip(*row).skip(squares * QUAD) {
                    out[place * QUAD + index] = x;
                }
            }
        }
    }
}

/// Packs columns into `out`, `[values]`; missing columns stay as they are.
#[inline(always)]
pub(crate) fn pack_right<'a, const V: usize>(
    mut columns: impl Iterator<Item = &'a [f32]>,
    out: &mut [Columns<V>],
) {
    let k = out.len();
    for number in 0..V * GROUP / QUAD {
        let (group, place) = (number * QUAD / GROUP, number % (GROUP / QUAD));
        let mut quad: [&[f32]; QUAD] = [&[]; QUAD];
        let found = quad.iter_mut().zip(&mut columns).map(|(place, column)| *place = &column[..k]).count();
        let squares = if found == QUAD { k / QUAD } else { 0 };
        for (step, out) in out.as_chunks_mut::<QUAD>().0.iter_mut().take(squares).enumerate() {
            let square = transpose(quad, step * QUAD);
            for i in 0..QUAD {
                out[i][group].as_chunks_mut().0[place] = square[i];
            }
        }
        for (index, column) in quad.iter().enumerate() {
            for (out, &x) in out.iter_mut().zip(*column).skip(squares * QUAD) {
                out[group][place * QUAD + index] = x;
            }
        }
    }
}

/// The same from bf16, two to a word, the first of each pair in the lower half; `words` to a column.
#[inline(always)]
pub(crate) fn pack_right_pairs<const V: usize>(
    columns: &[u32],
    words: usize,
    first: usize,
    out: &mut [Columns<V>],
) {
    // A bf16 is the upper half of an f32.
    let (low, high) =
        (|word: u32| f32::from_bits(word << 16), |word: u32| f32::from_bits(word & 0xffff_0000));
    for (number, columns) in columns.chunks(QUAD * words).enumerate() {
        let (group, place) = (number * QUAD / GROUP, number % (GROUP / QUAD));
        let squares = if columns.len() == QUAD * words { out.len() / (2 * QUAD) } else { 0 };
        for (step, out) in out.as_chunks_mut::<{ 2 * QUAD }>().0.iter_mut().take(squares).enumerate() {
            let square = transpose(quad(columns, words), first / 2 + step * QUAD);
            for i in 0..QUAD {
                let even: &mut [f32; QUAD] = &mut out[2 * i][group].as_chunks_mut().0[place];
                for index in 0..QUAD {
                    even[index] = low(square[i][index]);
                }
                let odd: &mut [f32; QUAD] = &mut out[2 * i + 1][group].as_chunks_mut().0[place];
                for index in 0..QUAD {
                    odd[index] = high(square[i][index]);
                }
            }
        }
        for (index, column) in columns.chunks_exact(words).enumerate() {
            let pairs = out.as_chunks_mut::<2>().0.iter_mut().zip(&column[first / 2..]);
            for ([even, odd], &word) in pairs.skip(squares * QUAD) {
                even[group][place * QUAD + index] = low(word);
                odd[group][place * QUAD + index] = high(word);
            }
        }
    }
}

/// Consecutive columns of `k` values.
#[inline(always)]
fn quad<T>(columns: &[T], k: usize) -> [&[T]; QUAD] {
    [&columns[..k], &columns[k..][..k], &columns[2 * k..][..k], &columns[3 * k..][..k]]
}

/// [`QUAD`] values of as many vectors from the `first` on, those of a step together.
#[inline(always)]
fn transpose<T: Copy + Default>(vectors: [&[T]; QUAD], first: usize) -> [[T; QUAD]; QUAD] {
    let mut out = [[T::default(); QUAD]; QUAD];
    for index in 0..QUAD {
        let values = &vectors[index][first..][..QUAD];
        for i in 0..QUAD {
            out[i][index] = values[i];
        }
    }
    out
}

/// The product of packed operands, `[k]` each: [`ROWS`] rows of `V` groups.
#[inline(always)]
pub(crate) fn multiply<S: Simd, const V: usize>(
    simd: S,
    left: &[[f32; ROWS]],
    right: &[Columns<V>],
) -> [Columns<V>; ROWS] {
    let mut out = [[[0.0; GROUP]; V]; ROWS];
    multiply_add(simd, left, right, &mut out);
    out
}

/// [`ROWS`] rows, wherever they are.
pub(crate) trait Rows: Copy {
    /// What a row has at a step of the summed dimension.
    fn at(&self, step: usize, row: usize) -> f32;
}

/// Packed rows.
impl Rows for &[[f32; ROWS]] {
    #[inline(always)]
    fn at(&self, step: usize, row: usize) -> f32 {
        self[step][row]
    }
}

/// Rows where they lie.
impl Rows for [&[f32]; ROWS] {
    #[inline(always)]
    fn at(&self, step: usize, row: usize) -> f32 {
        self[row][step]
    }
}

/// Adds [`multiply`]'s product.
#[inline(always)]
pub(crate) fn multiply_add<S: Simd, const V: usize>(
    simd: S,
    left: impl Rows,
    right: &[Columns<V>],
    out: &mut [Columns<V>; ROWS],
) {
    // As many sums as fit in the registers.
    if S::REGISTER_COUNT >= 32 {
        by_rows::<S, ROWS, V>(simd, left, right, out);
    } else {
        by_rows::<S, { ROWS / 2 }, V>(simd, left, right, out);
    }
}

#[inline(always)]
fn by_rows<S: Simd, const R: usize, const V: usize>(
    simd: S,
    left: impl Rows,
    right: &[Columns<V>],
    out: &mut [Columns<V>; ROWS],
) {
    for (part, out) in out.as_chunks_mut::<R>().0.iter_mut().enumerate() {
        for at in (0..V * GROUP / S::F32_LANES).step_by(V) {
            tile::<S, R, V>(simd, left, part * R, right, at, out);
        }
    }
}

/// Adds to the sums of `R` rows from `row` on and `V` vectors of columns from `at` on.
#[inline(always)]
fn tile<S: Simd, const R: usize, const V: usize>(
    simd: S,
    left: impl Rows,
    row: usize,
    right: &[Columns<V>],
    at: usize,
    out: &mut [Columns<V>; R],
) {
    let mut sums = [[simd.splat_f32s(0.0); V]; R];
    for (sums, out) in sums.iter_mut().zip(&*out) {
        sums.copy_from_slice(&S::as_simd_f32s(out.as_flattened()).0[at..at + V]);
    }
    for (step, right) in right.iter().enumerate() {
        let right = &S::as_simd_f32s(right.as_flattened()).0[at..at + V];
        #[allow(
            clippy::needless_range_loop,
            reason = "rows and sums are registers, once the loop is unrolled"
        )]
        for i in 0..R {
            let x = simd.splat_f32s(left.at(step, row + i));
            for j in 0..V {
                sums[i][j] = simd.mul_add_e_f32s(x, right[j], sums[i][j]);
            }
        }
    }
    for (out, sums) in out.iter_mut().zip(&sums) {
        S::as_mut_simd_f32s(out.as_flattened_mut()).0[at..at + V].copy_from_slice(sums);
    }
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
            // In two blocks, the second perhaps of no whole square.
            let middle = k / 2 / 2 * 2;
            pack_right(w.chunks(k), &mut full[..middle]);
            pack_right(w.chunks(k).map(|column| &column[middle..]), &mut full[middle..]);
            pack_right_pairs(&words, k / 2, 0, &mut pairs[..middle]);
            pack_right_pairs(&words, k / 2, middle, &mut pairs[middle..]);
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
