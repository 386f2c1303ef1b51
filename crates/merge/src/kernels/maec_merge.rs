//! Eq. 2, 3 and 5 in one pass: reads every model's words once, writes the merged words; no f32 buffers between.
//!
//! | binding | type | layout |
//! |---|---|---|
//! | 0 `models` | `vec4<u32>`, read | `[rows, vectors]`: base, languages in recipe order, ability, reference |
//! | 1 `factors` | `f32`, read | α, β, γ, η, μ₁ … μₙ |
//! | 2 `signs` | `u32`, read | `[rows − 1]`, of models but the base: see [`super::factors`] |
//! | 3 `merged` | `vec4<u32>`, written | `[vectors]`, packed as the models |
//! | 4 `found` | `atomic<u32>`, both | least index of an element with a NaN or infinity in it; of one that overflowed; `u32::MAX` for none |
//! | 5 | `u32`, read | cubecl's own: buffers' lengths, `vectors`, `languages` |
//!
//! A unit merges one `vec4<u32>`: 4 elements of f32, 8 of bf16 or f16. Ability and reference are not read for
//! τ ∉ 𝒯, and may then be absent. However many languages there are, they are rows of one binding.

use cubecl::prelude::*;

use super::unpack::{INFINITY, MAGNITUDE, Packing, largest, narrow, place, widen};

/// Where μ begins among `factors`.
pub(super) const LANGUAGE_WEIGHTS: usize = 4;

#[cube(launch)]
#[allow(clippy::too_many_arguments, reason = "a kernel's bindings")]
pub(super) fn maec_merge<N: Size>(
    models: &[Vector<u32, N>],
    factors: &[f32],
    signs: &[u32],
    merged: &mut [Vector<u32, N>],
    found: &[Atomic<u32>],
    vectors: usize,
    languages: usize,
    #[comptime] packing: Packing,
    #[comptime] selected: bool,
) {
    let unit = ABSOLUTE_POS;
    if unit < vectors {
        let mut words = Vector::<u32, N>::new(0u32);
        #[unroll]
        for half in 0..packing.per_word() {
            let base_bits = widen(models[unit], packing, half);
            let base = Vector::<f32, N>::reinterpret(base_bits);
            let mut top = base_bits & Vector::new(MAGNITUDE);
            let mut changed = Vector::<u32, N>::new(0u32);
            let mut r_lang = Vector::<f32, N>::new(0.0f32);
            for language in 0..languages {
                let bits = widen(models[(language + 1) * vectors + unit], packing, half);
                let delta = Vector::<f32, N>::reinterpret(bits) - base;
                r_lang += Vector::new(factors[LANGUAGE_WEIGHTS + language]) * delta;
                changed |= bits ^ base_bits;
                top = top.max(bits & Vector::new(MAGNITUDE));
            }
            let mut value = base + r_lang;
            if comptime!(selected) {
                let ability = widen(models[(languages + 1) * vectors + unit], packing, half);
                let reference = widen(models[(languages + 2) * vectors + unit], packing, half);
                let r_a = Vector::new(factors[0]) * (Vector::<f32, N>::reinterpret(ability) - base)
                    - Vector::new(factors[1]) * (Vector::<f32, N>::reinterpret(reference) - base);
                value = (base + Vector::new(factors[2]) * r_a) + Vector::new(factors[3]) * r_lang;
                changed |= (ability ^ base_bits) | (reference ^ base_bits);
                top = top.max(ability & Vector::new(MAGNITUDE)).max(reference & Vector::new(MAGNITUDE));
            }
            // What no model changed keeps its bits, subnormals among them, whatever the device does to those.
            let untouched = changed.equal(&Vector::new(0u32));
            let bits = select_many(untouched, base_bits, Vector::<u32, N>::reinterpret(value));
            let mut stored = narrow(bits, packing);
            // Either holds a NaN or infinity: rare, so the rest may take its time.
            let infinity = packing.infinity().runtime();
            if largest(top) >= INFINITY || largest(stored & Vector::new(infinity)) == infinity {
                let rows = if comptime!(selected) { languages + 2 } else { languages };
                let class = classes(models, signs, vectors, rows, unit, packing, half);
                let special = select_many(
                    class.equal(&Vector::new(3u32)),
                    Vector::new(packing.nan().runtime()),
                    Vector::new(infinity)
                        | ((class >> Vector::new(1u32)) * Vector::new(packing.sign().runtime())),
                );
                stored = select_many(class.equal(&Vector::new(0u32)), stored, special);
                #[unroll]
                for lane in 0..N::value() {
                    let element = ((unit * N::value() + lane) * packing.per_word() + half) as u32;
                    if class.extract(lane) != 0 {
                        found[0].fetch_min(element);
                    } else if (stored.extract(lane) & infinity) == infinity {
                        found[1].fetch_min(element);
                    }
                }
            }
            words |= place(stored, half);
        }
        merged[unit] = words;
    }
}

/// What IEEE 754 makes of a sum with these terms: 0 a finite number (unless it overflows), 1 infinity, 2 −infinity, 3 NaN.
///
/// Every term is a model's value times a factor, and the base stands once for itself and once, negated, beside each
/// other model. Whatever their order, a sum with infinities is the infinity whose sign they share, and NaN where they
/// differ or a factor is zero.
#[cube]
fn classes<N: Size>(
    models: &[Vector<u32, N>],
    signs: &[u32],
    vectors: usize,
    rows: usize,
    unit: usize,
    #[comptime] packing: Packing,
    #[comptime] half: usize,
) -> Vector<u32, N> {
    let base = widen(models[unit], packing, half);
    let mut of_all = class(base, 1u32);
    for row in 0..rows {
        let sign = signs[row];
        of_all |= class(widen(models[(row + 1) * vectors + unit], packing, half), sign);
        of_all |= class(base, opposite(sign));
    }
    of_all
}

/// The class of one term: `sign` is its factor's, 1 positive, 2 negative, 3 zero.
#[cube]
fn class<N: Size>(bits: Vector<u32, N>, sign: u32) -> Vector<u32, N> {
    let magnitude = bits & Vector::new(MAGNITUDE);
    let infinite = select_many(bits.equal(&magnitude), Vector::new(sign), Vector::new(opposite(sign)));
    let special = select_many(magnitude.greater_than(&Vector::new(INFINITY)), Vector::new(3u32), infinite);
    select_many(magnitude.less_than(&Vector::new(INFINITY)), Vector::new(0u32), special)
}

/// 1 ↔ 2, and 3 stays.
#[cube]
fn opposite(sign: u32) -> u32 {
    ((sign & 1) << 1) | (sign >> 1)
}
