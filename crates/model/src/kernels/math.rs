//! Scalar functions and short loops that compilers turn into vector code.

use burn::tensor::bf16;

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

/// Σ aᵢ·bᵢ in 16 interleaved sums.
#[inline(always)]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; LANES];
    let (a_main, a_rest) = a.as_chunks::<LANES>();
    let (b_main, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a_main.iter().zip(b_main) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let mut total = total(sums);
    for (a, b) in a_rest.iter().zip(b_rest) {
        total += a * b;
    }
    total
}

/// The sum of all lanes, by halves, which vectorises.
#[inline(always)]
fn total(mut sums: [f32; LANES]) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
        width /= 2;
    }
    sums[0]
}

/// [`dot`] of one vector with four, which loads it once.
#[inline(always)]
pub(crate) fn dot4(a: &[f32], b: [&[f32]; 4]) -> [f32; 4] {
    let mut sums = [[0.0f32; LANES]; 4];
    let main = a.len() / LANES * LANES;
    for at in (0..main).step_by(LANES) {
        let a = &a[at..at + LANES];
        for (sums, b) in sums.iter_mut().zip(b) {
            let b = &b[at..at + LANES];
            for lane in 0..LANES {
                sums[lane] += a[lane] * b[lane];
            }
        }
    }
    let mut totals = sums.map(total);
    for (sum, b) in totals.iter_mut().zip(b) {
        for (a, b) in a[main..].iter().zip(&b[main..]) {
            *sum += a * b;
        }
    }
    totals
}

/// out += Σ scaleᵢ · xᵢ over four vectors, which loads and stores `out` once.
#[inline(always)]
pub(crate) fn add_scaled4(out: &mut [f32], scale: [f32; 4], x: [&[f32]; 4]) {
    let [x0, x1, x2, x3] = x.map(|x| &x[..out.len()]);
    for (i, out) in out.iter_mut().enumerate() {
        *out += scale[0] * x0[i] + scale[1] * x1[i] + (scale[2] * x2[i] + scale[3] * x3[i]);
    }
}

/// [`dot`] of bf16 and f32: a bf16 is the upper half of an f32.
#[inline(always)]
pub(crate) fn dot_bf16(a: &[bf16], b: &[f32]) -> f32 {
    let wide = |x: bf16| f32::from_bits(u32::from(x.to_bits()) << 16);
    let mut sums = [0.0f32; LANES];
    let (a_main, a_rest) = a.as_chunks::<LANES>();
    let (b_main, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a_main.iter().zip(b_main) {
        for lane in 0..LANES {
            sums[lane] += wide(a[lane]) * b[lane];
        }
    }
    let mut total = total(sums);
    for (a, b) in a_rest.iter().zip(b_rest) {
        total += wide(*a) * b;
    }
    total
}

/// out += scale · x.
#[inline(always)]
pub(crate) fn add_scaled(out: &mut [f32], scale: f32, x: &[f32]) {
    for (out, x) in out.iter_mut().zip(x) {
        *out += scale * x;
    }
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
        assert_eq!(dot4(&a, b), b.map(|b| dot(&a, b)));
        let (mut together, mut one_by_one) = (a.clone(), a.clone());
        add_scaled4(&mut together, [1.0, -2.0, 0.5, 3.0], b);
        for (scale, b) in [1.0, -2.0, 0.5, 3.0].into_iter().zip(b) {
            add_scaled(&mut one_by_one, scale, b);
        }
        assert!(together.iter().zip(&one_by_one).all(|(a, b)| (a - b).abs() < 1e-5));
    }

    #[test]
    fn dot_and_softmax_match_plain_sums() {
        let a: Vec<f32> = (0..37).map(|i| (i as f32 * 0.37).sin()).collect();
        let b: Vec<f32> = (0..37).map(|i| (i as f32 * 0.11).cos()).collect();
        let truth: f64 = a.iter().zip(&b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
        assert!((f64::from(dot(&a, &b)) - truth).abs() < 1e-5);
        let mut p = a.clone();
        let log_z = f64::from(softmax(&mut p));
        let truth: f64 = a.iter().map(|&x| f64::from(x).exp()).sum::<f64>().ln();
        assert!((log_z - truth).abs() < 1e-5);
        assert!((p.iter().sum::<f32>() - 1.0).abs() < 1e-5);
    }
}
