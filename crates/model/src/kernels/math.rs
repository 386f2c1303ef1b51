//! Scalar functions that compilers turn into vector code, and the loops where they need to be told.

use pulp::Simd;

/// eˣ within 2 units in the last place, without branches or library calls, so that it vectorises and is the same
/// everywhere. Inputs are clamped to [−87, 88].
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // x = n·ln 2 + r with |r| ≤ ln 2 / 2; eʳ by the Taylor-like polynomial of Cephes' expf.
    let x = x.clamp(-87.0, 88.0);
    const ROUND: f32 = 12_582_912.0; // 1.5 · 2²³: adding it rounds to an integer
    let n = (x * std::f32::consts::LOG2_E + ROUND) - ROUND;
    let r = x - n * 0.693_359_4 - n * -2.121_944_4e-4;
    let mut p = 1.987_569_1e-4f32;
    p = p * r + 1.398_2e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 0.5;
    let e = p * (r * r) + r + 1.0;
    let power = f32::from_bits(((n as i32 + 127) as u32) << 23);
    e * power
}

/// 1 / (1 + e⁻ˣ).
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// 2 · sigmoid(2x) − 1: absolute error below 3e-7.
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    2.0 * sigmoid(2.0 * x) - 1.0
}

const LANES: usize = 16;

/// Σ aᵢ·bᵢ, in a fixed order for vectors of one width.
#[inline(always)]
pub(crate) fn dot<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> f32 {
    let (a, a_rest) = S::as_simd_f32s(a);
    let (b, b_rest) = S::as_simd_f32s(b);
    let (a4, a1) = pulp::as_arrays::<4, _>(a);
    let (b4, b1) = pulp::as_arrays::<4, _>(b);
    let zero = simd.splat_f32s(0.0);
    let (mut s0, mut s1, mut s2, mut s3) = (zero, zero, zero, zero);
    for (a, b) in a4.iter().zip(b4) {
        s0 = simd.mul_add_e_f32s(a[0], b[0], s0);
        s1 = simd.mul_add_e_f32s(a[1], b[1], s1);
        s2 = simd.mul_add_e_f32s(a[2], b[2], s2);
        s3 = simd.mul_add_e_f32s(a[3], b[3], s3);
    }
    for (a, b) in a1.iter().zip(b1) {
        s0 = simd.mul_add_e_f32s(*a, *b, s0);
    }
    let total = simd.reduce_sum_f32s(simd.add_f32s(simd.add_f32s(s0, s1), simd.add_f32s(s2, s3)));
    a_rest.iter().zip(b_rest).fold(total, |total, (a, b)| total + a * b)
}

/// [`dot`] of one vector with four, which loads it once.
#[inline(always)]
pub(crate) fn dot4<S: Simd>(simd: S, a: &[f32], b: [&[f32]; 4]) -> [f32; 4] {
    let (a_main, a_rest) = S::as_simd_f32s(a);
    let [b0, b1, b2, b3] = b.map(|b| S::as_simd_f32s(&b[..a.len()]));
    let zero = simd.splat_f32s(0.0);
    let (mut s0, mut s1, mut s2, mut s3) = (zero, zero, zero, zero);
    for ((((a, b0), b1), b2), b3) in a_main.iter().zip(b0.0).zip(b1.0).zip(b2.0).zip(b3.0) {
        s0 = simd.mul_add_e_f32s(*a, *b0, s0);
        s1 = simd.mul_add_e_f32s(*a, *b1, s1);
        s2 = simd.mul_add_e_f32s(*a, *b2, s2);
        s3 = simd.mul_add_e_f32s(*a, *b3, s3);
    }
    let total = |sums, rest: &[f32]| {
        let total = simd.reduce_sum_f32s(sums);
        a_rest.iter().zip(rest).fold(total, |total, (a, b)| total + a * b)
    };
    [total(s0, b0.1), total(s1, b1.1), total(s2, b2.1), total(s3, b3.1)]
}

/// out += Σ scaleᵢ · xᵢ over four vectors, which loads and stores `out` once.
#[inline(always)]
pub(crate) fn add_scaled4<S: Simd>(simd: S, out: &mut [f32], scale: [f32; 4], x: [&[f32]; 4]) {
    let [x0, x1, x2, x3] = x.map(|x| S::as_simd_f32s(&x[..out.len()]));
    let [c0, c1, c2, c3] = scale.map(|scale| simd.splat_f32s(scale));
    let (main, rest) = S::as_mut_simd_f32s(out);
    for ((((out, x0), x1), x2), x3) in main.iter_mut().zip(x0.0).zip(x1.0).zip(x2.0).zip(x3.0) {
        let sum = simd.mul_add_e_f32s(c1, *x1, simd.mul_add_e_f32s(c0, *x0, *out));
        *out = simd.mul_add_e_f32s(c3, *x3, simd.mul_add_e_f32s(c2, *x2, sum));
    }
    for (i, out) in rest.iter_mut().enumerate() {
        *out += scale[0] * x0.1[i] + scale[1] * x1.1[i] + (scale[2] * x2.1[i] + scale[3] * x3.1[i]);
    }
}

/// Σ over pairs of low(wᵢ)·evenᵢ + high(wᵢ)·oddᵢ: `weights` are bf16 in pairs, the first of each in the lower half, and a
/// bf16 is the upper half of an f32.
#[inline(always)]
pub(crate) fn dot_pairs<S: Simd>(simd: S, weights: &[u32], even: &[f32], odd: &[f32]) -> f32 {
    let (main, rest) = S::as_simd_u32s(weights);
    let (even_main, even_rest) = S::as_simd_f32s(even);
    let (odd_main, odd_rest) = S::as_simd_f32s(odd);
    let mask = simd.splat_u32s(0xffff_0000);
    let zero = simd.splat_f32s(0.0);
    let (mut s0, mut s1) = (zero, zero);
    for ((word, even), odd) in main.iter().zip(even_main).zip(odd_main) {
        let low = simd.transmute_f32s_u32s(low_halves(simd, *word));
        let high = simd.transmute_f32s_u32s(simd.and_u32s(*word, mask));
        s0 = simd.mul_add_e_f32s(low, *even, s0);
        s1 = simd.mul_add_e_f32s(high, *odd, s1);
    }
    let total = simd.reduce_sum_f32s(simd.add_f32s(s0, s1));
    let low = |word: u32| f32::from_bits(word << 16);
    let high = |word: u32| f32::from_bits(word & 0xffff_0000);
    let rest = rest.iter().zip(even_rest).zip(odd_rest);
    rest.fold(total, |total, ((&word, even), odd)| total + low(word) * even + high(word) * odd)
}

/// Every word shifted up by 16 bits.
#[cfg(not(target_arch = "wasm32"))]
#[inline(always)]
fn low_halves<S: Simd>(simd: S, words: S::u32s) -> S::u32s {
    simd.wrapping_dyn_shl_u32s(words, simd.splat_u32s(16))
}

/// The same where a vector's lanes can only be shifted alike, said word for word: built for size, the compiler does not see it.
#[cfg(target_arch = "wasm32")]
#[inline(always)]
fn low_halves<S: Simd>(_: S, mut words: S::u32s) -> S::u32s {
    use std::arch::wasm32::{u32x4, u32x4_extract_lane as lane, u32x4_shl};
    let words_of = bytemuck::cast_slice_mut::<S::u32s, u32>(std::slice::from_mut(&mut words));
    let (quads, rest) = words_of.as_chunks_mut::<4>();
    for quad in quads {
        let shifted = u32x4_shl(u32x4(quad[0], quad[1], quad[2], quad[3]), 16);
        *quad = [lane::<0>(shifted), lane::<1>(shifted), lane::<2>(shifted), lane::<3>(shifted)];
    }
    rest.iter_mut().for_each(|word| *word <<= 16);
    words
}

/// out += scale · x.
#[inline(always)]
pub(crate) fn add_scaled<S: Simd>(simd: S, out: &mut [f32], scale: f32, x: &[f32]) {
    let (x, x_rest) = S::as_simd_f32s(&x[..out.len()]);
    let (out, out_rest) = S::as_mut_simd_f32s(out);
    let by = simd.splat_f32s(scale);
    for (out, x) in out.iter_mut().zip(x) {
        *out = simd.mul_add_e_f32s(by, *x, *out);
    }
    for (out, x) in out_rest.iter_mut().zip(x_rest) {
        *out += scale * x;
    }
}

/// The sum of all lanes, by halves, which vectorises.
#[inline(always)]
fn total(sums: [f32; LANES]) -> f32 {
    let eight: [f32; 8] = std::array::from_fn(|i| sums[i] + sums[i + 8]);
    let four: [f32; 4] = std::array::from_fn(|i| eight[i] + eight[i + 4]);
    (four[0] + four[2]) + (four[1] + four[3])
}

/// Turns scores into probabilities in place and returns their log-normaliser (ln Σ eˢ).
#[inline(always)]
pub(crate) fn softmax(scores: &mut [f32]) -> f32 {
    let max = scores.iter().fold(f32::NEG_INFINITY, |max, &score| if score > max { score } else { max });
    let mut sums = [0.0f32; LANES];
    let (main, rest) = scores.as_chunks_mut::<LANES>();
    for chunk in main {
        for lane in 0..LANES {
            chunk[lane] = exp(chunk[lane] - max);
            sums[lane] += chunk[lane];
        }
    }
    let mut sum = total(sums);
    for score in rest {
        *score = exp(*score - max);
        sum += *score;
    }
    let inverse = 1.0 / sum;
    for score in scores.iter_mut() {
        *score *= inverse;
    }
    max + sum.ln()
}

#[cfg(test)]
mod tests {
    use pulp::Scalar;

    use super::*;

    #[test]
    fn exp_is_close_to_the_library() {
        for step in -8700..=8800 {
            let x = step as f32 / 100.0;
            let truth = f64::from(x).exp();
            let error = (f64::from(exp(x)) - truth).abs() / truth;
            assert!(error < 3e-7, "exp({x}) is off by {error:e}");
        }
    }

    #[test]
    fn four_at_once_match_one_by_one() {
        let row = |seed: f32| -> Vec<f32> { (0..37).map(|i| (i as f32 * seed).sin()).collect() };
        let (a, b) = (row(0.37), [0.11, 0.2, 0.3, 0.4].map(row));
        let b: [&[f32]; 4] = b.each_ref().map(Vec::as_slice);
        for (four, b) in dot4(Scalar::new(), &a, b).into_iter().zip(b) {
            assert!((four - dot(Scalar::new(), &a, b)).abs() < 1e-5);
        }
        let (mut together, mut one_by_one) = (a.clone(), a.clone());
        add_scaled4(Scalar::new(), &mut together, [1.0, -2.0, 0.5, 3.0], b);
        for (scale, b) in [1.0, -2.0, 0.5, 3.0].into_iter().zip(b) {
            add_scaled(Scalar::new(), &mut one_by_one, scale, b);
        }
        assert!(together.iter().zip(&one_by_one).all(|(a, b)| (a - b).abs() < 1e-5));
    }

    #[test]
    fn pairs_are_bf16() {
        let x: Vec<f32> = (0..74).map(|i| (i as f32 * 0.37).sin()).collect();
        let weights: Vec<u16> = (0..74).map(|i| ((i as f32 * 0.11).cos().to_bits() >> 16) as u16).collect();
        let words: Vec<u32> =
            weights.as_chunks::<2>().0.iter().map(|[a, b]| u32::from(*a) | u32::from(*b) << 16).collect();
        let wide: Vec<f32> = weights.iter().map(|&half| f32::from_bits(u32::from(half) << 16)).collect();
        let (even, odd): (Vec<f32>, Vec<f32>) = x.as_chunks::<2>().0.iter().map(|[a, b]| (*a, *b)).unzip();
        assert!((dot_pairs(Scalar::new(), &words, &even, &odd) - dot(Scalar::new(), &wide, &x)).abs() < 1e-5);
    }

    #[test]
    fn dot_and_softmax_match_plain_sums() {
        let a: Vec<f32> = (0..37).map(|i| (i as f32 * 0.37).sin()).collect();
        let b: Vec<f32> = (0..37).map(|i| (i as f32 * 0.11).cos()).collect();
        let truth: f64 = a.iter().zip(&b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
        assert!((f64::from(dot(Scalar::new(), &a, &b)) - truth).abs() < 1e-5);
        let mut p = a.clone();
        let log_z = f64::from(softmax(&mut p));
        let truth: f64 = a.iter().map(|&x| f64::from(x).exp()).sum::<f64>().ln();
        assert!((log_z - truth).abs() < 1e-5);
        assert!((p.iter().sum::<f32>() - 1.0).abs() < 1e-5);
    }
}
