//! Eq. 4's sums in one pass: Σ R(A)·R_Lang, Σ R(A)², Σ R_Lang², Σ Θo² and the count of R(A)'s nonzero elements.
//!
//! | binding | type | layout |
//! |---|---|---|
//! | 0 `models` | `vec4<u32>`, read | as in [`super::maec_merge`] |
//! | 1 `factors` | `f32`, read | as there |
//! | 2 `partial` | `u32`, written | `[cubes, 5]`: the four sums as bits of f32, then the count |
//! | 3 `found` | `atomic<u32>`, both | as there, its first place alone |
//! | 4 | `u32`, read | cubecl's own |
//!
//! A unit adds [`CHAIN`] `vec4<u32>`, a cube's units lie side by side in each; the host adds cubes in f64. There is no
//! compensated summation: the differences are rounded to f32 before they are summed, and compilers of shaders may
//! cancel what it adds (Mesa does). Short chains instead: no addition is deeper than 2·CHAIN + 10.

use cubecl::prelude::*;

use super::maec_merge::LANGUAGE_WEIGHTS;
use super::unpack::{INFINITY, MAGNITUDE, Packing, largest, widen};

/// Vectors that a unit adds.
pub(super) const CHAIN: usize = 16;
/// Numbers that a cube writes.
pub(super) const PARTIAL: usize = 5;

#[cube(launch)]
#[allow(clippy::too_many_arguments, reason = "a kernel's bindings")]
pub(super) fn tensor_stats<N: Size>(
    models: &[Vector<u32, N>],
    factors: &[f32],
    partial: &mut [u32],
    found: &[Atomic<u32>],
    vectors: usize,
    languages: usize,
    #[comptime] packing: Packing,
    #[comptime] units: usize,
) {
    let (alpha, beta) = (Vector::<f32, N>::new(factors[0]), Vector::<f32, N>::new(factors[1]));
    let zero = Vector::<f32, N>::new(0.0f32);
    let (mut dot, mut ability_sum, mut language_sum, mut base_sum) = (zero, zero, zero, zero);
    let mut nonzero = Vector::<u32, N>::new(0u32);
    let start = CUBE_POS * units * CHAIN + UNIT_POS as usize;
    for step in 0..CHAIN {
        let unit = start + step * units;
        if unit < vectors {
            #[unroll]
            for half in 0..packing.per_word() {
                let base_bits = widen(models[unit], packing, half);
                let base = Vector::<f32, N>::reinterpret(base_bits);
                let mut top = base_bits & Vector::new(MAGNITUDE);
                let mut r_lang = zero;
                for language in 0..languages {
                    let bits = widen(models[(language + 1) * vectors + unit], packing, half);
                    let delta = Vector::<f32, N>::reinterpret(bits) - base;
                    r_lang += Vector::new(factors[LANGUAGE_WEIGHTS + language]) * delta;
                    top = top.max(bits & Vector::new(MAGNITUDE));
                }
                let ability = widen(models[(languages + 1) * vectors + unit], packing, half);
                let reference = widen(models[(languages + 2) * vectors + unit], packing, half);
                top = top.max(ability & Vector::new(MAGNITUDE)).max(reference & Vector::new(MAGNITUDE));
                let gained = alpha * (Vector::<f32, N>::reinterpret(ability) - base);
                let known = beta * (Vector::<f32, N>::reinterpret(reference) - base);
                let r_a = gained - known;
                dot += r_a * r_lang;
                ability_sum += r_a * r_a;
                language_sum += r_lang * r_lang;
                base_sum += base * base;
                // One side alone is told by its bits, so that no product too small for the device is lost.
                let gains = differs(ability, base_bits, alpha);
                let knows = differs(reference, base_bits, beta);
                let both = select_many(gained.equal(&known), Vector::new(0u32), Vector::new(1u32));
                nonzero += select_many((gains & knows).equal(&Vector::new(1u32)), both, gains | knows);
                if largest(top) >= INFINITY {
                    #[unroll]
                    for lane in 0..N::value() {
                        if top.extract(lane) >= INFINITY {
                            let element = (unit * N::value() + lane) * packing.per_word() + half;
                            found[0].fetch_min(element as u32);
                        }
                    }
                }
            }
        }
    }

    let mut sums = Shared::<[f32]>::new_slice(comptime!(4 * units));
    let mut counts = Shared::<[u32]>::new_slice(units);
    let place = UNIT_POS as usize;
    sums[place] = total(dot);
    sums[units + place] = total(ability_sum);
    sums[2usize * units + place] = total(language_sum);
    sums[3usize * units + place] = total(base_sum);
    let mut count = nonzero.extract(0usize);
    #[unroll]
    for lane in 1..N::value() {
        count += nonzero.extract(lane);
    }
    counts[place] = count;
    #[unroll]
    for level in 0..comptime!(units.ilog2() as usize) {
        let width = comptime!(units >> (level + 1));
        sync_cube();
        if place < width {
            #[unroll]
            for sum in 0..4usize {
                let of = sum * units + place;
                let other = sums[of + width];
                sums[of] += other;
            }
            let other = counts[place + width];
            counts[place] += other;
        }
    }
    if place == 0 {
        #[unroll]
        for sum in 0..4usize {
            partial[CUBE_POS * PARTIAL + sum] = u32::reinterpret(sums[sum * units]);
        }
        partial[CUBE_POS * PARTIAL + 4] = counts[0];
    }
}

/// 1 where a model's value is another than the base's (0 and −0 are one) and its factor is not zero.
#[cube]
fn differs<N: Size>(model: Vector<u32, N>, base: Vector<u32, N>, factor: Vector<f32, N>) -> Vector<u32, N> {
    let (zero, one) = (Vector::<u32, N>::new(0u32), Vector::<u32, N>::new(1u32));
    let counts = select_many(factor.equal(&Vector::new(0.0f32)), zero, one);
    let changed = select_many(model.equal(&base), zero, counts);
    select_many(((model | base) & Vector::new(MAGNITUDE)).equal(&zero), zero, changed)
}

/// The sum of `N` numbers.
#[cube]
fn total<N: Size>(of: Vector<f32, N>) -> f32 {
    let mut total = of.extract(0usize);
    #[unroll]
    for lane in 1..N::value() {
        total += of.extract(lane);
    }
    total
}
