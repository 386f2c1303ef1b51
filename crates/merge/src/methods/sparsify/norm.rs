//! The L1 norm, exact and in any order: mantissas are added as whole numbers, apart for every exponent.
//!
//! So the same norm comes out of every way to cut a tensor, which floating-point sums do not promise.

/// Elements go to so many tables in turn, so that an addition needn't wait for the one before.
const LANES: usize = 4;

/// Exponents of an f32.
const EXPONENTS: usize = 256;

/// Counts that a norm takes. Each holds 2⁴⁰ elements.
pub(super) const COUNTS: usize = LANES * EXPONENTS;

/// Adds values, `[elements]`, to counts, `[COUNTS]`.
pub(super) fn add(values: &[f32], counts: &mut [u64]) {
    let Some((counts, _)) = counts.split_first_chunk_mut::<COUNTS>() else { return };
    let mut one = |lane: usize, value: f32| {
        let bits = value.to_bits();
        let exponent = (bits >> 23) as u8;
        let mantissa = (bits & 0x7f_ffff) | (u32::from(exponent != 0) << 23);
        counts[lane * EXPONENTS + usize::from(exponent)] += u64::from(mantissa);
    };
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, value) in chunk.iter().enumerate() {
            one(lane, *value);
        }
    }
    rest.iter().for_each(|value| one(0, *value));
}

/// The norm: f64, exponents ascending; infinite when a value was infinite or NaN.
pub(super) fn l1(counts: &[u64]) -> f64 {
    let of = |exponent: usize| -> u64 { counts.iter().skip(exponent).step_by(EXPONENTS).sum() };
    if of(EXPONENTS - 1) > 0 {
        return f64::INFINITY;
    }
    (0..EXPONENTS - 1).map(|exponent| of(exponent) as f64 * unit(exponent)).sum()
}

/// What a mantissa's last bit is worth: 2^(exponent − 150), subnormals as exponent 1.
fn unit(exponent: usize) -> f64 {
    f64::from_bits((exponent.max(1) as u64 + 1023 - 150) << 52)
}
