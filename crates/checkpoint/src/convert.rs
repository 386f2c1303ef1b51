//! Stored bytes ↔ numbers: exact widening, and rounding to nearest, ties to even.
//!
//! The results are the same bytes on every host, NaN included: a NaN is written as its dtype's one canonical NaN.

use std::ops::BitOr;

use half::f16;
use maec_vector::vectorized;

use crate::{Dtype, Error, dtype};

/// Widens stored floats to f64, exactly. `bytes` must be as many elements as `out`.
///
/// Fails with [`Error::NotFloat`] or [`Error::BufferMismatch`].
pub fn widen(dtype: Dtype, bytes: &[u8], out: &mut [f64]) -> Result<(), Error> {
    check(dtype, bytes, out.len())?;
    to_f64(dtype, bytes, out);
    Ok(())
}

/// Decodes stored floats to f32: exact for F32, F16 and BF16, rounded for F64.
///
/// Fails with [`Error::NotFloat`] or [`Error::BufferMismatch`].
pub fn decode_f32(dtype: Dtype, bytes: &[u8]) -> Result<Vec<f32>, Error> {
    let mut out = vec![0.0; bytes.len() / dtype::bytes_per_element(dtype)];
    decode_f32_into(dtype, bytes, &mut out)?;
    Ok(out)
}

/// [`decode_f32`] into a buffer of as many elements.
///
/// Fails with [`Error::NotFloat`] or [`Error::BufferMismatch`].
pub fn decode_f32_into(dtype: Dtype, bytes: &[u8], out: &mut [f32]) -> Result<(), Error> {
    check(dtype, bytes, out.len())?;
    to_f32(dtype, bytes, out);
    Ok(())
}

/// Rounds f64 → f32 → stored dtype (F64 is stored as it is) and APPENDS the bytes to `out`.
///
/// Fails with [`Error::NotFloat`].
pub fn narrow(dtype: Dtype, values: &[f64], out: &mut Vec<u8>) -> Result<(), Error> {
    from_f64(dtype, values, room(dtype, values.len(), out)?);
    Ok(())
}

/// Rounds f32 → stored dtype and APPENDS the bytes to `out`.
///
/// Fails with [`Error::NotFloat`].
pub fn encode_f32(dtype: Dtype, values: &[f32], out: &mut Vec<u8>) -> Result<(), Error> {
    from_f32(dtype, values, room(dtype, values.len(), out)?);
    Ok(())
}

/// Stored floats of one dtype as bytes of another.
pub(crate) fn recode(from: Dtype, bytes: &[u8], to: Dtype) -> Result<Vec<u8>, Error> {
    let mut values = vec![0.0; bytes.len() / dtype::bytes_per_element(from)];
    widen(from, bytes, &mut values)?;
    let mut out = Vec::new();
    narrow(to, &values, &mut out)?;
    Ok(out)
}

vectorized! {
    /// Index of the first NaN or infinity among stored floats; `None` where there is none, or the dtype is no float.
    ///
    /// Their exponents are all ones, so that one more in its last place carries into the sign: of many values together the carries
    /// tell in a vector's add and or.
    pub fn first_non_finite<'a>(dtype: Dtype, bytes: &'a [u8]) -> Option<usize> {
        let carry64 = |b| (u64::from_le_bytes(b) & (u64::MAX >> 1)) + (1 << 52);
        let carry32 = |b| (u32::from_le_bytes(b) & (u32::MAX >> 1)) + (1 << 23);
        let carry16 = |b, place: u16| (u16::from_le_bytes(b) & (u16::MAX >> 1)) + place;
        match dtype {
            Dtype::F64 => position(bytes, carry64, |carries| carries >> 63 == 1),
            Dtype::F32 => position(bytes, carry32, |carries| carries >> 31 == 1),
            Dtype::F16 => position(bytes, |b| carry16(b, 1 << 10), |carries| carries >> 15 == 1),
            Dtype::BF16 => position(bytes, |b| carry16(b, 1 << 7), |carries| carries >> 15 == 1),
            _ => None,
        }
    }
}

const NAN_F64: u64 = 0x7ff8_0000_0000_0000;
const NAN_F32: u32 = 0x7fc0_0000;
const NAN_F16: u16 = 0x7e00;
const NAN_BF16: u16 = 0x7fc0;

fn f64_bits(x: f64) -> u64 {
    if x.is_nan() { NAN_F64 } else { x.to_bits() }
}

fn f32_bits(x: f32) -> u32 {
    if x.is_nan() { NAN_F32 } else { x.to_bits() }
}

fn f16_bits(x: f32) -> u16 {
    if x.is_nan() { NAN_F16 } else { f16::from_f32(x).to_bits() }
}

/// Adds just under half a unit in the last kept place, or exactly half where the kept part is odd.
fn bf16_bits(x: f32) -> u16 {
    if x.is_nan() {
        return NAN_BF16;
    }
    let bits = x.to_bits();
    // An arithmetic shift leaves what vectors pack to 16 bits as it is.
    ((bits + 0x7fff + ((bits >> 16) & 1)).cast_signed() >> 16) as u16
}

/// The value in an f32's exponent and fraction, scaled to where f16's exponent lies; without branches, so that loops are
/// done in vectors.
fn f16_to_f32(bits: u16) -> f32 {
    let bits = u32::from(bits);
    let (sign, rest) = ((bits & 0x8000) << 16, bits & 0x7fff);
    // Exact: a power of two, and f16's subnormals are normal numbers of f32.
    let scaled = f32::from_bits(rest << 13) * f32::from_bits((254 - 15) << 23);
    let special = if rest >= 0x7c00 { 0x7f80_0000 | rest << 13 } else { scaled.to_bits() };
    f32::from_bits(special | sign)
}

fn bf16_to_f32(bytes: [u8; 2]) -> f32 {
    f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16)
}

fn not_float(dtype: Dtype) -> Error {
    Error::NotFloat { name: format!("dtype {dtype}") }
}

fn check(dtype: Dtype, bytes: &[u8], elements: usize) -> Result<(), Error> {
    if !dtype::is_float(dtype) {
        return Err(not_float(dtype));
    }
    if elements.checked_mul(dtype::bytes_per_element(dtype)) != Some(bytes.len()) {
        return Err(Error::BufferMismatch { dtype, elements, found: bytes.len() });
    }
    Ok(())
}

vectorized! {
    fn to_f64<'a>(dtype: Dtype, bytes: &'a [u8], out: &'a mut [f64]) {
        match dtype {
            Dtype::F64 => fill(bytes, out, f64::from_le_bytes),
            Dtype::F32 => fill(bytes, out, |b| f64::from(f32::from_le_bytes(b))),
            Dtype::F16 => fill(bytes, out, |b| f64::from(f16_to_f32(u16::from_le_bytes(b)))),
            _ => fill(bytes, out, |b| f64::from(bf16_to_f32(b))),
        }
    }

    fn to_f32<'a>(dtype: Dtype, bytes: &'a [u8], out: &'a mut [f32]) {
        match dtype {
            Dtype::F64 => fill(bytes, out, |b| f64::from_le_bytes(b) as f32),
            Dtype::F32 => fill(bytes, out, f32::from_le_bytes),
            Dtype::F16 => fill(bytes, out, |b| f16_to_f32(u16::from_le_bytes(b))),
            _ => fill(bytes, out, bf16_to_f32),
        }
    }

    fn from_f64<'a>(dtype: Dtype, values: &'a [f64], out: &'a mut [u8]) {
        match dtype {
            Dtype::F64 => store(values, out, |x| f64_bits(x).to_le_bytes()),
            Dtype::F32 => store(values, out, |x| f32_bits(x as f32).to_le_bytes()),
            Dtype::F16 => store(values, out, |x| f16_bits(x as f32).to_le_bytes()),
            _ => store(values, out, |x| bf16_bits(x as f32).to_le_bytes()),
        }
    }

    fn from_f32<'a>(dtype: Dtype, values: &'a [f32], out: &'a mut [u8]) {
        match dtype {
            Dtype::F64 => store(values, out, |x| f64_bits(f64::from(x)).to_le_bytes()),
            Dtype::F32 => store(values, out, |x| f32_bits(x).to_le_bytes()),
            Dtype::F16 => store(values, out, |x| f16_bits(x).to_le_bytes()),
            _ => store(values, out, |x| bf16_bits(x).to_le_bytes()),
        }
    }
}

#[inline(always)]
fn fill<const N: usize, T>(bytes: &[u8], out: &mut [T], decode: impl Fn([u8; N]) -> T) {
    let (elements, _) = bytes.as_chunks::<N>();
    for (to, from) in out.iter_mut().zip(elements) {
        *to = decode(*from);
    }
}

#[inline(always)]
fn store<const N: usize, T: Copy>(values: &[T], out: &mut [u8], encode: impl Fn(T) -> [u8; N]) {
    let (elements, _) = out.as_chunks_mut::<N>();
    for (to, from) in elements.iter_mut().zip(values) {
        *to = encode(*from);
    }
}

/// Room for so many more elements of a float dtype.
fn room(dtype: Dtype, elements: usize, out: &mut Vec<u8>) -> Result<&mut [u8], Error> {
    if !dtype::is_float(dtype) {
        return Err(not_float(dtype));
    }
    let start = out.len();
    out.resize(start + elements * dtype::bytes_per_element(dtype), 0);
    Ok(&mut out[start..])
}

#[inline(always)]
fn position<const N: usize, T: Default + BitOr<Output = T>>(
    bytes: &[u8],
    carry: impl Fn([u8; N]) -> T,
    found: impl Fn(T) -> bool,
) -> Option<usize> {
    let elements = bytes.as_chunks::<N>().0;
    // Without an early exit a block is tested in vectors; only one that has such an element is searched.
    for (block, part) in elements.chunks(4096).enumerate() {
        if found(part.iter().fold(T::default(), |all, &element| all | carry(element))) {
            return part.iter().position(|&element| found(carry(element))).map(|index| block * 4096 + index);
        }
    }
    None
}
